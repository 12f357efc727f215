"""A network of SAM's shape, run as a segmenter: encode a crop, decode prompts.

The promise: the same crop and the same numbers as prompts give the logits of the
project's own predictor. Positions are multiplied by the resize factor and boxes are
taken as their four numbers, as `segment_anything.SamPredictor` does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadFile, BadInput
from napari_medfm.core.geometry import Box
from napari_medfm.core.specs import Decoded, SegmenterSpec
from napari_medfm.engine.device import device_of
from napari_medfm.engine.samdecoder import masks_of

Fit = Literal["pad", "stretch"]


@dataclass(frozen=True, eq=False)
class SamEmbedding:
    """What the image encoder said about one crop.

    Parameters
    ----------
    features
        Tensor (1, channels, h, w).
    input_shape
        Rows and columns of the network's square input that the crop fills.
    crop_shape
        Rows and columns of the crop.
    """

    features: Any
    input_shape: tuple[int, int]
    crop_shape: tuple[int, int]

    @property
    def nbytes(self) -> int:
        """Memory held."""
        return int(self.features.numel() * self.features.element_size())

    @property
    def tokens(self) -> NDArray[np.float32]:
        """The part of ``features`` that the crop fills, (rows, cols, channels)."""
        height, width = self.features.shape[-2:]
        scale = max(height, width) / max(self.input_shape)
        rows, cols = (max(1, round(n * scale)) for n in self.input_shape)
        return _array(self.features[0, :, :rows, :cols].permute(1, 2, 0))

    @property
    def coarser(self) -> SamEmbedding:
        """The same with a quarter of the tokens: decoded sooner, and less exactly."""
        from torch.nn.functional import avg_pool2d

        return replace(self, features=avg_pool2d(self.features, 2))


class SamLike:
    """Image encoder, prompt encoder and mask decoder of SAM's shape.

    Parameters
    ----------
    spec
        Facts; ``spec.normalisation`` chooses the preprocessing.
    network
        Has ``image_encoder``, ``prompt_encoder`` and ``mask_decoder``.
    weights_hash
        SHA-256 of the weights in it.
    device
        Torch device; the processor if None.
    fit
        "pad": the longest side fills the input, the rest is zero; "stretch": both do.
    quicker
        Makes a function of the image encoder that gives its numbers sooner, on the
        processor.
    """

    def __init__(
        self,
        spec: SegmenterSpec,
        network: Any,
        weights_hash: str,
        *,
        device: str | None = None,
        fit: Fit = "pad",
        quicker: Callable[[Any], Callable[[Any], Any]] | None = None,
    ) -> None:
        import torch

        self.spec = spec
        self.weights_hash = weights_hash
        self._device = torch.device("cpu" if device is None else device_of(device))
        self._network = network.eval().requires_grad_(False).to(self._device)
        self._encoder: Callable[[Any], Any] = self._network.image_encoder
        if self._device.type == "cpu" and quicker is not None:
            self._encoder = quicker(self._network.image_encoder)
        self._size = int(self._network.prompt_encoder.input_image_size[0])
        self._fit = fit
        self._places: dict[tuple[int, int], Any] = {}

    def encode(self, crop: NDArray[np.float32]) -> SamEmbedding:
        """Embed a crop, float32 (rows, cols, 3) in [0, 1], at any size.

        Raises
        ------
        BadInput
            If the crop is no RGB picture.
        """
        import torch

        check_crop(crop)
        height, width = crop.shape[0], crop.shape[1]
        shape = self._input_shape(height, width)
        with torch.inference_mode():
            picture = self._prepared(crop, shape).to(self._device)
            rest = (0, self._size - shape[1], 0, self._size - shape[0])
            padded = torch.nn.functional.pad(picture, rest)
            features = self._encoder(padded)
        return SamEmbedding(features, shape, (height, width))

    def decode(
        self,
        embedding: SamEmbedding,
        *,
        boxes: list[Box] | None = None,
        points: NDArray[np.float64] | None = None,
        point_labels: NDArray[np.bool_] | None = None,
        low_res: NDArray[np.float32] | None = None,
        multimask: bool = False,
    ) -> Decoded:
        """Answer prompts in the crop's own pixel positions; see `Segmenter`.

        Raises
        ------
        BadInput
            If there is no prompt.
        """
        import torch

        if boxes is None and points is None and low_res is None:
            raise BadInput("Nothing to decode: give boxes, points or masks")
        rows, cols = embedding.crop_shape
        scale = np.array(embedding.input_shape) / (rows, cols)
        with torch.inference_mode():
            prompts = self._network.prompt_encoder
            sparse, dense = prompts(
                points=self._points(points, point_labels, scale),
                boxes=self._boxes(boxes, scale),
                masks=None if low_res is None else self._tensor(low_res)[:, None],
            )
            if low_res is None:
                # Without a mask it is the same everywhere.
                dense = dense[:1, :, :1, :1]
            low, scores = masks_of(
                self._network.mask_decoder,
                embedding.features,
                self._place(embedding.features),
                sparse,
                dense,
                multimask,
            )
            logits = self._to_crop(low, embedding)
        return Decoded(_array(logits), _array(scores), _array(low))

    def _place(self, features: Any) -> Any:
        """The position code of features (1, channels, h, w)."""
        shape = (int(features.shape[-2]), int(features.shape[-1]))
        if shape not in self._places:
            self._places[shape] = self._network.prompt_encoder.pe_layer(shape)[None]
        return self._places[shape]

    def _input_shape(self, rows: int, cols: int) -> tuple[int, int]:
        if self._fit == "stretch":
            return self._size, self._size
        scale = self._size / max(rows, cols)
        return max(1, int(rows * scale + 0.5)), max(1, int(cols * scale + 0.5))

    def _prepared(self, crop: NDArray[np.float32], shape: tuple[int, int]) -> Any:
        """Tensor (1, 3, *shape), normalised."""
        import torch

        if self.spec.normalisation == "minmax":
            channels = np.ascontiguousarray(crop.transpose(2, 0, 1), np.float32)
            planes = torch.from_numpy(channels)
            resized = torch.nn.functional.interpolate(
                planes[None], shape, mode="bilinear", antialias=True
            )
            low, high = resized.min(), resized.max()
            return (resized - low) / torch.clamp(high - low, min=1e-8)
        return _sam_pixels(crop, shape)

    def _tensor(self, array: NDArray[Any]) -> Any:
        import torch

        return torch.as_tensor(array, dtype=torch.float32, device=self._device)

    def _points(
        self,
        points: NDArray[np.float64] | None,
        labels: NDArray[np.bool_] | None,
        scale: NDArray[np.float64],
    ) -> Any:
        if points is None or labels is None:
            return None
        return self._tensor((points * scale)[..., ::-1].copy()), self._tensor(labels)

    def _boxes(self, boxes: list[Box] | None, scale: NDArray[np.float64]) -> Any:
        if boxes is None:
            return None
        corners = np.asarray(boxes, float).reshape(-1, 2, 2) * scale
        return self._tensor(corners[..., ::-1].reshape(-1, 4).copy())

    def _to_crop(self, low: Any, embedding: SamEmbedding) -> Any:
        from torch.nn.functional import interpolate

        rows, cols = embedding.input_shape
        full = (self._size, self._size)
        at_input = interpolate(low, full, mode="bilinear", align_corners=False)
        return interpolate(
            at_input[..., :rows, :cols],
            embedding.crop_shape,
            mode="bilinear",
            align_corners=False,
        )


def check_crop(crop: NDArray[np.float32]) -> None:
    """Refuse what is no RGB picture.

    Raises
    ------
    BadInput
        If it is none.
    """
    if crop.ndim != 3 or crop.shape[2] != 3 or not crop.size:
        raise BadInput(f"A crop is (rows, cols, 3), got {crop.shape}")


def fill(network: Any, tensors: Mapping[str, Any], what: str) -> Any:
    """Put tensors into a network; every key and shape must fit.

    Raises
    ------
    BadFile
        If they do not: the file belongs to another architecture.
    """
    wanted = network.state_dict()
    missing = sorted(set(wanted) - set(tensors))
    extra = sorted(set(tensors) - set(wanted))
    if missing or extra:
        first = (missing or extra)[0]
        raise BadFile(
            f"The weights do not fit {what}: {len(missing)} tensors missing, "
            f"{len(extra)} unknown (such as {first!r}); give the checkpoint of {what}"
        )
    for name, value in wanted.items():
        if tuple(value.shape) != tuple(tensors[name].shape):
            raise BadFile(
                f"The weights do not fit {what}: {name!r} has shape "
                f"{tuple(tensors[name].shape)}, not {tuple(value.shape)}"
            )
    network.load_state_dict(tensors)
    return network


def whole_model(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Strip the wrappers that training scripts leave around a state dict."""
    inner: Any = tensors
    for name in ("model", "state_dict", "model_state_dict"):
        if isinstance(inner.get(name), Mapping):
            inner = inner[name]
    return {str(key).removeprefix("module."): value for key, value in inner.items()}


def _sam_pixels(crop: NDArray[np.float32], shape: tuple[int, int]) -> Any:
    """SAM's own: 8 bits, Pillow's bilinear resize, its mean and spread."""
    import torch
    from PIL import Image

    eight_bits = np.rint(np.clip(crop, 0, 1) * 255).astype(np.uint8)
    picture = Image.fromarray(eight_bits).resize(
        (shape[1], shape[0]), Image.Resampling.BILINEAR
    )
    planes = torch.from_numpy(np.asarray(picture).transpose(2, 0, 1).copy())
    mean = torch.tensor([123.675, 116.28, 103.53]).view(3, 1, 1)
    std = torch.tensor([58.395, 57.12, 57.375]).view(3, 1, 1)
    return ((planes - mean) / std)[None]


def _array(tensor: Any) -> NDArray[np.float32]:
    array: NDArray[np.float32] = np.ascontiguousarray(tensor.cpu().numpy(), np.float32)
    if not math.prod(array.shape):
        raise BadInput("The segmenter answered nothing")
    return array
