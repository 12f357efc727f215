"""Clicks, boxes and masks on planes, answered by networks of SAM 2's shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import Box
from napari_medfm.core.specs import Decoded, SegmenterSpec
from napari_medfm.engine.device import device_of
from napari_medfm.engine.samlike import check_crop


@dataclass(frozen=True, eq=False)
class Sam2Embedding:
    """Feature maps of one crop, fine to coarse, and the crop's shape."""

    maps: tuple[Any, ...]
    crop_shape: tuple[int, int]

    @property
    def nbytes(self) -> int:
        """Memory held."""
        return sum(int(m.numel() * m.element_size()) for m in self.maps)


class Sam2Planes:
    """A network of SAM 2's shape, as transformers has it, as a `Segmenter`.

    The promise: the same crop and numbers give the logits of that package's own
    processor and model. The crop fills the square input, both sides stretched.

    Attributes
    ----------
    mean, std
        Normalisation of RGB in [0, 1].
    """

    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)

    def __init__(
        self,
        spec: SegmenterSpec,
        network: Any,
        weights_hash: str,
        device: str | None,
    ) -> None:
        self.spec = spec
        self.weights_hash = weights_hash
        self._device = device_of(device)
        self._network = network.eval().requires_grad_(False).to(self._device)
        self._size = int(network.config.prompt_encoder_config.image_size)

    def encode(self, crop: NDArray[np.float32]) -> Sam2Embedding:
        """Embed a crop, float32 (rows, cols, 3) in [0, 1], at any size.

        Raises
        ------
        BadInput
            If the crop is no RGB picture.
        """
        import torch

        check_crop(crop)
        pixels = self._pixels(crop)
        with torch.inference_mode():
            maps = self._network.get_image_embeddings(pixels)
        return Sam2Embedding(tuple(maps), (crop.shape[0], crop.shape[1]))

    def decode(
        self,
        embedding: Sam2Embedding,
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
        scale = self._size / np.array(embedding.crop_shape, float)
        asked: dict[str, Any] = {
            "input_boxes": self._boxes(boxes, scale),
            "input_points": self._points(points, scale),
            "input_labels": self._labels(point_labels),
        }
        with torch.inference_mode():
            if low_res is None:
                low, scores = self._answer(embedding, multimask, asked, None)
            else:
                each = [
                    self._answer(embedding, multimask, _only(asked, number), mask)
                    for number, mask in enumerate(low_res)
                ]
                low = torch.cat([answer[0] for answer in each])
                scores = torch.cat([answer[1] for answer in each])
            logits = torch.nn.functional.interpolate(
                low, embedding.crop_shape, mode="bilinear", align_corners=False
            )
        arrays = (t.float().cpu().numpy() for t in (logits, scores, low))
        return Decoded(*arrays)

    def _pixels(self, crop: NDArray[np.float32]) -> Any:
        """Tensor (1, 3, size, size), normalised."""
        import torch
        from torchvision.transforms.v2.functional import resize

        eight_bits = np.rint(np.clip(crop, 0, 1) * 255).astype(np.uint8)
        planes = torch.from_numpy(eight_bits.transpose(2, 0, 1).copy())
        square = resize(planes, [self._size, self._size], antialias=True)
        mean, std = (torch.tensor(v).view(3, 1, 1) for v in (self.mean, self.std))
        return ((square.float() / 255 - mean) / std)[None].to(self._device)

    def _answer(
        self,
        embedding: Sam2Embedding,
        multimask: bool,
        asked: Mapping[str, Any],
        mask: NDArray[np.float32] | None,
    ) -> tuple[Any, Any]:
        """Logits (prompts, masks, h, w) and qualities (prompts, masks)."""
        masks = None if mask is None else self._tensor(mask)[None, None]
        answer = self._network(
            image_embeddings=list(embedding.maps),
            input_masks=masks,
            multimask_output=multimask,
            **asked,
        )
        return answer.pred_masks[0], answer.iou_scores[0]

    def _tensor(self, array: NDArray[Any]) -> Any:
        import torch

        return torch.as_tensor(array, dtype=torch.float32, device=self._device)

    def _boxes(self, boxes: list[Box] | None, scale: NDArray[np.float64]) -> Any:
        if boxes is None:
            return None
        corners = np.asarray(boxes, float).reshape(-1, 2, 2) * scale
        return self._tensor(corners[..., ::-1].reshape(1, -1, 4).copy())

    def _points(
        self, points: NDArray[np.float64] | None, scale: NDArray[np.float64]
    ) -> Any:
        if points is None:
            return None
        return self._tensor((points * scale)[None, ..., ::-1].copy())

    def _labels(self, labels: NDArray[np.bool_] | None) -> Any:
        import torch

        if labels is None:
            return None
        return torch.as_tensor(labels.astype(np.int32), device=self._device)[None]


def _only(asked: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Take one prompt of a batch."""
    return {
        name: None if value is None else value[:, number : number + 1]
        for name, value in asked.items()
    }
