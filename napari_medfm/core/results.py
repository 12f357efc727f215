"""What the program answers: embeddings, masks, predictions."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import Box, Grid
from napari_medfm.core.labels import LabelClass
from napari_medfm.core.packed import keeping_small, nbytes_of


@dataclass(frozen=True, eq=False)
class Embedding:
    """Tokens of one plane.

    Parameters
    ----------
    layers
        float16 (rows, cols, layers, dim): tokens of some blocks of the encoder, early
        to late; the last is the encoder's output.
    grid
        Where the tokens lie on the plane.
    key
        SHA-256 over pixels, intensity window, encoder, weights and window plan.
    encoder
        Name of the encoder.
    """

    layers: NDArray[np.float16]
    grid: Grid
    key: str
    encoder: str

    @property
    def tokens(self) -> NDArray[np.float16]:
        """The encoder's output, (rows, cols, dim)."""
        return self.layers[:, :, -1]


@keeping_small("alternatives", later=("data",))
@dataclass(frozen=True, eq=False)
class Mask:
    """One object: ``data`` is boolean, of the plane's shape (or the volume's).

    Once newer masks were made, a session packs it: arrays are then read-only.

    Parameters
    ----------
    score
        The model's own estimate of its quality, in [0, 1].
    alternatives
        Other answers to the same prompt, best first; a session lets go of those of old
        prompts when they take too much memory.
    provenance
        Model, weights hash, prompt, program version.
    image_uid
        Which image of that name it is of; None if made by hand.
    stability
        How little the model's threshold matters, in [0, 1].
    note
        What the user should know about it, such as a click that no outline of the
        model obeyed; empty if there is nothing.
    region
        Part of a large plane that the arrays are of: they have its shape, and nothing
        is outside. All of it if None.
    axis
        Axis of the volume that ``plane`` is counted along.
    """

    data: NDArray[np.bool_]
    score: float
    image: str
    plane: int | None
    provenance: dict[str, Any]
    alternatives: tuple[NDArray[np.bool_], ...] = ()
    image_uid: int | None = None
    stability: float = 1.0
    note: str = ""
    region: Box | None = None
    axis: int = 0

    @property
    def has_alternatives(self) -> bool:
        """Whether there are other answers, without unpacking them."""
        return bool(vars(self)["_alternatives"])

    def drop_alternatives(self) -> int:
        """Let go of the other answers, the only thing that ever leaves a mask.

        Returns
        -------
        int
            Bytes freed.
        """
        held = nbytes_of(self)
        vars(self)["_alternatives"] = ()
        return held - nbytes_of(self)


@dataclass(frozen=True, eq=False)
class Prediction:
    """A head's answer at full resolution.

    Of images above 4096 x 4096 pixels the arrays are lazy: the labels lie on disk, the
    rest is made where it is looked at; see `napari_medfm.core.lazy.LazyArray`.

    Parameters
    ----------
    labels
        Class values (uint8 or uint16) of the image's shape.
    probabilities
        float16 or float32 ``(classes, *shape)``; rows follow ``values``.
    uncertainty
        float (shape), 0 sure ... 1 unsure.
    values
        Class value of each row of ``probabilities``.
    classes
        The head's classes, in the same order.
    planes
        Planes of a volume that were predicted; None if all were.
    image_uid
        Which image of that name it is of; None if made by hand.
    region
        What was predicted of each plane; arrays then have its shape. None if all was.
    """

    labels: NDArray[np.unsignedinteger[Any]]
    probabilities: NDArray[np.floating[Any]]
    uncertainty: NDArray[np.floating[Any]]
    values: tuple[int, ...]
    image: str
    provenance: dict[str, Any] = field(default_factory=dict)
    classes: tuple[LabelClass, ...] = ()
    planes: tuple[int, ...] | None = None
    image_uid: int | None = None
    region: Box | None = None
    uid: int = field(default_factory=itertools.count(1).__next__)

    @property
    def as_code(self) -> str:
        """The variable that a script keeps it in."""
        return f"prediction_{self.uid}"


class Written(list[Path]):
    """The files that an export wrote.

    Parameters
    ----------
    warnings
        What to mind before they are passed on, in plain sentences: names of patients,
        licences, what the format could not hold.
    """

    def __init__(self, files: Iterable[Path], warnings: Iterable[str] = ()) -> None:
        super().__init__(files)
        self.warnings = tuple(warnings)


@dataclass(frozen=True, eq=False)
class ImagePrediction(Prediction):
    """A head's answer about a whole image, or about planes one by one.

    ``labels`` and ``uncertainty`` have no axes, or one of the ``planes``;
    ``probabilities`` have the classes before it.
    """


@dataclass(frozen=True)
class ObjectFacts:
    """What a head says of one object.

    Parameters
    ----------
    number
        In the objects of the image.
    probabilities
        In the order of the prediction's ``classes``.
    uncertainty
        0 sure ... 1 unsure.
    centre
        Mean position as array indices.
    """

    number: int
    class_name: str
    value: int
    probabilities: tuple[float, ...]
    uncertainty: float
    pixels: int
    centre: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class ObjectPrediction(Prediction):
    """A head's answer about the objects of an image.

    ``labels`` has the image's shape, each object in the value of its class;
    ``probabilities`` are (classes, objects) and ``uncertainty`` (objects,), in the
    order of ``objects``.
    """

    objects: tuple[ObjectFacts, ...] = ()
