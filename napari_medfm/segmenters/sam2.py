"""SAM 2.1 and MedSAM2, through the package transformers; their memory is beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_medfm.core.specs import SegmenterSpec, Source, Track
from napari_medfm.engine.packages import optional
from napari_medfm.engine.samlike import fill, whole_model
from napari_medfm.engine.torchload import import_torch
from napari_medfm.segmenters._sam2layout import transformers_layout
from napari_medfm.segmenters._sam2planes import Sam2Planes
from napari_medfm.segmenters._spec import ALL

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


class Sam2Segmenter(Sam2Planes):
    """`Sam2Model` of transformers as a `Segmenter`, and as a `Tracker`.

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
        super().__init__(spec, network, weights_hash, device)
        self._remembering = remembering
        self._video: Any = None

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
