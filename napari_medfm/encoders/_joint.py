"""What encoders with a text tower share.

The vector of a place follows Zhou, Loy and Dai, Extract free dense labels from CLIP,
2022: the last attention's values instead of its mixture, through the same projections.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.specs import EncoderSpec
from napari_medfm.encoders._network import TorchEncoder

if TYPE_CHECKING:
    from torch import Tensor

    Reader = Callable[[Sequence[str]], Tensor]


class JointEncoder(TorchEncoder):
    """An image tower and a text tower as a `TextEncoder`.

    Parameters
    ----------
    reader
        Loads what turns texts into numbers; called when a text first comes.
    """

    def __init__(
        self,
        spec: EncoderSpec,
        weights_hash: str,
        model: Any,
        device: str,
        reader: Callable[[], Reader],
    ) -> None:
        super().__init__(spec, weights_hash, model, device)
        self._load_reader = reader
        self._reader: Reader | None = None

    @abstractmethod
    def _text(self, numbers: Tensor) -> Tensor:
        """Vectors (n, joint) of numbered texts."""

    @abstractmethod
    def _joint(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Vectors (n, rows * cols, joint) of places and (n, joint) of pictures."""

    @property
    def sharpness(self) -> float:
        """What cosines are multiplied by before a softmax."""
        return math.exp(float(self._model.logit_scale.detach()))

    def encode_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors (n, joint) of texts.

        Raises
        ------
        MissingWeights
            If the tokenizer is missing.
        """
        import torch

        if self._reader is None:
            self._reader = self._load_reader()
        with torch.inference_mode():
            vectors = self._text(self._reader(texts).to(self.device))
            unit = torch.nn.functional.normalize(vectors.float(), dim=-1)
            result: NDArray[np.float32] = unit.cpu().numpy()
        return result

    def encode_joint(
        self, batch: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Vectors of places (n, rows, cols, joint) and of whole pictures (n, joint)."""
        import torch

        n, height, width, _ = batch.shape
        rows, cols = height // self.spec.patch, width // self.spec.patch
        with torch.inference_mode():
            places, whole = self._joint(self._pixels(batch))
            shaped = places.reshape(n, rows, cols, -1).float().cpu().numpy()
            return shaped, whole.float().cpu().numpy()


def attention_values(attention: Any, tokens: Tensor) -> Tensor:
    """Values of a `torch.nn.MultiheadAttention`, projected out: no token is mixed."""
    from torch.nn.functional import linear

    width = attention.embed_dim
    bias = attention.in_proj_bias
    values = linear(
        tokens,
        attention.in_proj_weight[2 * width :],
        None if bias is None else bias[2 * width :],
    )
    projected: Tensor = attention.out_proj(values)
    return projected
