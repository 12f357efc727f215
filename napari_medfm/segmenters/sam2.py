"""SAM 2.1 and MedSAM2, through the package transformers; their memory is beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import Box
from napari_medfm.core.specs import Decoded, SegmenterSpec, Source, Track
from napari_medfm.engine.device import device_of
from napari_medfm.engine.packages import optional
from napari_medfm.engine.samlike import fill, whole_model
from napari_medfm.engine.torchload import import_torch
from napari_medfm.segmenters._sam2layout import transformers_layout
from napari_medfm.segmenters._spec import ALL

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_TRUNKS: dict[str, dict[str, Any]] = {
    "tiny": {},
    "small": {
        "blocks_per_stage": [1, 2, 11, 2],
        "global_attention_blocks": [7, 10, 13],
    },
    "base-plus": {
        "hidden_size": 112,
        "num_attention_heads": 2,
        "embed_dim_per_stage": [112, 224, 448, 896],
        "num_attention_heads_per_stage": [2, 4, 8, 16],
        "blocks_per_stage": [2, 3, 16, 3],
        "global_attention_blocks": [12, 16, 20],
        "window_positional_embedding_background_size": [14, 14],
    },
    "large": {
        "hidden_size": 144,
        "num_attention_heads": 2,
        "embed_dim_per_stage": [144, 288, 576, 1152],
        "num_attention_heads_per_stage": [2, 4, 8, 16],
        "blocks_per_stage": [2, 6, 36, 4],
        "global_attention_blocks": [23, 33, 43],
        "window_size_per_stage": [8, 4, 16, 8],
    },
}


def _sam2(size: str, millions: int) -> SegmenterSpec:
    ref = f"facebook/sam2.1-hiera-{size}"
    return SegmenterSpec(
        name=f"sam2.1-{size}",
        title=f"SAM 2.1 Hiera {size}",
        domain="general",
        task="masks",
        architecture="Hiera encoder, SAM 2 prompt encoder, mask decoder and memory",
        parameters=millions,
        input_size=1024,
        licence="Apache-2.0",
        commercial=True,
        page=f"https://huggingface.co/{ref}",
        intended_use=(
            "Outlining objects in any picture from clicks, boxes and masks. Research "
            "use; not a medical device."
        ),
        sources=(Source("hub", ref, "model.safetensors", size=millions * 4_100_000),),
        needs=("transformers",),
        verified=True,
        notes=(
            "Trained on photographs and videos, not on medical images. Volumes are "
            "followed by its memory of the planes before. Loading and memory were "
            "tested with random weights in this layout, not the release."
        ),
        prompts=ALL,
        normalisation="sam",
    )


def _medsam2(name: str, title: str, member: str, use: str) -> SegmenterSpec:
    return SegmenterSpec(
        name=name,
        title=title,
        domain="radiology",
        task="masks",
        architecture="SAM 2.1 Hiera tiny at 512 pixels, with its memory",
        parameters=39,
        input_size=512,
        licence="code Apache-2.0; weights reported as CC-BY-SA-4.0, research only",
        commercial=False,
        page="https://huggingface.co/wanglab/MedSAM2",
        intended_use=f"{use}. Research and education; not a medical device.",
        sources=(Source("hub", "wanglab/MedSAM2", member, size=156_000_000),),
        needs=("transformers",),
        notes=(
            "Volumes are followed by its memory of the planes before. Its file is in "
            "sam2's own layout and its names are changed when it is read: tested with "
            "random weights under the names that the package sam2 gives, not with the "
            "release."
        ),
        prompts=ALL,
        normalisation="sam",
    )


SPECS = (
    _sam2("tiny", 39),
    _sam2("small", 46),
    _sam2("base-plus", 81),
    _sam2("large", 224),
    _medsam2(
        "medsam2",
        "MedSAM2",
        "MedSAM2_latest.pt",
        "Outlining objects in CT, MR and ultrasound from a box",
    ),
    _medsam2(
        "medsam2-ct-lesion",
        "MedSAM2, CT lesions",
        "MedSAM2_CTLesion.pt",
        "Outlining lesions in CT from a box",
    ),
    _medsam2(
        "medsam2-mri-liver",
        "MedSAM2, liver lesions in MR",
        "MedSAM2_MRI_LiverLesion.pt",
        "Outlining liver lesions in MR from a box",
    ),
    _medsam2(
        "medsam2-us-heart",
        "MedSAM2, heart ultrasound",
        "MedSAM2_US_Heart.pt",
        "Outlining the heart in ultrasound from a box",
    ),
)


@dataclass(frozen=True, eq=False)
class Sam2Embedding:
    """Feature maps of one crop, fine to coarse, and the crop's shape."""

    maps: tuple[Any, ...]
    crop_shape: tuple[int, int]

    @property
    def nbytes(self) -> int:
        """Memory held."""
        return sum(int(m.numel() * m.element_size()) for m in self.maps)


class Sam2Segmenter:
    """`Sam2Model` of transformers as a `Segmenter`.

    The promise: the same crop and numbers give the logits of that package's own
    processor and model. The crop fills the square input, both sides stretched.

    Parameters
    ----------
    remembering
        Makes the network with a memory, when a volume is followed for the first time,
        from the one of planes, whose weights it shares.
    """

    def __init__(
        self,
        spec: SegmenterSpec,
        network: Any,
        weights_hash: str,
        device: str | None,
        remembering: Callable[[Any], Any],
    ) -> None:
        self.spec = spec
        self.weights_hash = weights_hash
        self._remembering = remembering
        self._video: Any = None
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

        if crop.ndim != 3 or crop.shape[2] != 3 or not crop.size:
            raise BadInput(f"A crop is (rows, cols, 3), got {crop.shape}")
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

    def track(self, planes: int) -> Track:
        """Begin to follow an object through a volume of so many planes.

        Raises
        ------
        BadFile
            If the file does not hold the parts that remember.
        """
        from napari_medfm.segmenters.sam2_memory import MemoryTrack

        if self._video is None:
            video = self._remembering(self._network)
            self._video = video.eval().requires_grad_(False).to(self._device)
        return MemoryTrack(self._video, planes, self._pixels)

    def _pixels(self, crop: NDArray[np.float32]) -> Any:
        """Tensor (1, 3, size, size), normalised."""
        import torch
        from torchvision.transforms.v2.functional import resize

        eight_bits = np.rint(np.clip(crop, 0, 1) * 255).astype(np.uint8)
        planes = torch.from_numpy(eight_bits.transpose(2, 0, 1).copy())
        square = resize(planes, [self._size, self._size], antialias=True)
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (_MEAN, _STD))
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


def build(spec: SegmenterSpec, **trunk: Any) -> Any:
    """Return the network with random weights.

    Parameters
    ----------
    trunk
        Settings of the image encoder in place of the model's own.
    """
    import_torch()
    package = optional("transformers", spec.title)
    side = spec.input_size
    size = spec.name.removeprefix("sam2.1-")
    backbone = {**_TRUNKS.get(size, {}), "image_size": [side, side], **trunk}
    channels = backbone.get("embed_dim_per_stage", [96, 192, 384, 768])
    vision = package.Sam2VisionConfig(
        backbone_config=package.Sam2HieraDetConfig(**backbone),
        backbone_channel_list=list(reversed(channels)),
        backbone_feature_sizes=[[side // n, side // n] for n in (4, 8, 16)],
    )
    prompt = package.Sam2PromptEncoderConfig(image_size=side)
    return package.Sam2Model(
        package.Sam2Config(vision_config=vision, prompt_encoder_config=prompt)
    )


def load(spec: SegmenterSpec, path: Path, device: str | None) -> Sam2Segmenter:
    """Return the segmenter with the weights of a file, in either project's layout.

    Raises
    ------
    BadFile
        If the file does not hold this model's tensors.
    MissingPackage
        If transformers is not installed.
    """
    from napari_medfm.engine.weights import read_tensors, weights_hash
    from napari_medfm.segmenters import sam2_memory

    network = build(spec)
    tensors = transformers_layout(whole_model(read_tensors(path)))
    wanted = network.state_dict()
    kept = {name: tensor for name, tensor in tensors.items() if name in wanted}
    digest = weights_hash(path, kept)
    return Sam2Segmenter(
        spec,
        fill(network, kept, spec.title),
        digest,
        device,
        lambda planes: sam2_memory.load(spec, path, planes),
    )
