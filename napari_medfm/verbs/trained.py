"""A trained model: experts, how they are weighed, and the card that tells about it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.labels import LabelClass, Level
from napari_medfm.engine.features import Kind
from napari_medfm.engine.projection import Projection
from napari_medfm.engine.scoring import Scorer

_numbers = itertools.count(1)


@dataclass(frozen=True, eq=False)
class Expert:
    """A head on one kind of features; its logits count ``weight`` times.

    A blend of filters and tokens also has the ``projection`` of the tokens.
    """

    kind: Kind
    head: Scorer
    weight: float = 1.0
    projection: Projection | None = None

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Everything learned, as arrays."""
        found = dict(self.head.tensors())
        if self.projection is not None:
            found["projection.mean"] = self.projection.mean
            found["projection.axes"] = self.projection.axes
        return found


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """Everything that predicting needs, and where it came from.

    Parameters
    ----------
    recipe
        How it was trained: "ridge", "logistic", ..., "pool".
    classes
        The classes it can tell apart, by ascending value.
    experts
        Their weighted logits are added.
    bias
        Added to the logits of each class: a tempered log-prior, or zeros.
    smoothing
        Sigma in pixels of the Gaussian over the logits; 0 for none.
    card
        Encoder, label counts, origin of every annotation, validation, calibration,
        licences, program version; JSON values only.
    level
        What it classifies: pixels, objects or whole images.
    known
        Tokens (n, dim) that lie near all labelled ones: what is far from them is new to
        it. None where that is not asked.
    """

    recipe: str
    classes: tuple[LabelClass, ...]
    experts: tuple[Expert, ...]
    bias: tuple[float, ...]
    smoothing: float = 0.0
    card: dict[str, Any] = field(default_factory=dict)
    level: Level = "pixel"
    known: NDArray[np.float16] | None = None
    uid: int = field(default_factory=lambda: next(_numbers))

    @property
    def as_code(self) -> str:
        """The variable that a script keeps it in."""
        return f"head_{self.uid}"

    @property
    def values(self) -> tuple[int, ...]:
        """Class values, ascending."""
        return tuple(c.value for c in self.classes)

    def with_classes(self, classes: tuple[LabelClass, ...]) -> Self:
        """Return the same model with its classes called something else."""
        return replace(self, classes=classes, uid=next(_numbers))

    def biases_on(self, image: str) -> dict[int, float]:
        """Return what the labels on an image ask to be added: class value -> bias."""
        own = self.card.get("image_biases", {}).get(image, {})
        return {int(value): float(bias) for value, bias in own.items()}

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return everything learned as arrays, named by expert."""
        found: dict[str, NDArray[Any]] = {"bias": np.array(self.bias, np.float64)}
        for number, expert in enumerate(self.experts):
            for name, array in expert.tensors().items():
                found[f"expert{number}.{name}"] = array
        if self.known is not None:
            found["known"] = self.known
        return found
