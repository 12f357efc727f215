"""MedSAM: SAM ViT-B fine-tuned on medical images, prompted by boxes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_medfm.core.specs import SegmenterSpec, Source
from napari_medfm.engine.samlike import SamLike, fill, whole_model
from napari_medfm.engine.torchload import import_torch

SPEC = SegmenterSpec(
    name="medsam",
    title="MedSAM",
    domain="radiology",
    task="masks",
    architecture="ViT-B/16 encoder, SAM prompt encoder and mask decoder",
    input_size=1024,
    licence="Apache-2.0",
    commercial=True,
    page="https://github.com/bowang-lab/MedSAM",
    intended_use="Outlining objects in any kind of medical image from a box",
    sources=(
        Source(
            kind="hub",
            ref="wanglab/medsam-vit-base",
            member="model.safetensors",
            size=375_050_000,
        ),
    ),
    notes=(
        "Trained with boxes only; clicks are answered through proposed boxes. The "
        "authors' medsam_vit_b.pth serves as well."
    ),
    prompts=frozenset({"box"}),
    normalisation="minmax",
)

_RENAMES = (
    (r"^vision_encoder\.patch_embed\.projection\.", "image_encoder.patch_embed.proj."),
    (r"^vision_encoder\.layers\.(\d+)\.layer_norm", r"image_encoder.blocks.\1.norm"),
    (r"^vision_encoder\.layers\.", "image_encoder.blocks."),
    (r"^vision_encoder\.neck\.conv1\.", "image_encoder.neck.0."),
    (r"^vision_encoder\.neck\.layer_norm1\.", "image_encoder.neck.1."),
    (r"^vision_encoder\.neck\.conv2\.", "image_encoder.neck.2."),
    (r"^vision_encoder\.neck\.layer_norm2\.", "image_encoder.neck.3."),
    (r"^vision_encoder\.", "image_encoder."),
    (
        r"\.shared_embedding\.positional_embedding$",
        ".pe_layer.positional_encoding_gaussian_matrix",
    ),
    (r"\.point_embed\.", ".point_embeddings."),
    (r"\.mask_embed\.conv1\.", ".mask_downscaling.0."),
    (r"\.mask_embed\.layer_norm1\.", ".mask_downscaling.1."),
    (r"\.mask_embed\.conv2\.", ".mask_downscaling.3."),
    (r"\.mask_embed\.layer_norm2\.", ".mask_downscaling.4."),
    (r"\.mask_embed\.conv3\.", ".mask_downscaling.6."),
    (r"\.transformer\.layers\.(\d+)\.layer_norm", r".transformer.layers.\1.norm"),
    (r"\.layer_norm_final_attn\.", ".norm_final_attn."),
    (r"\.upscale_conv1\.", ".output_upscaling.0."),
    (r"\.upscale_layer_norm\.", ".output_upscaling.1."),
    (r"\.upscale_conv2\.", ".output_upscaling.3."),
    (r"(hypernetworks_mlps\.\d+|iou_prediction_head)\.layers\.0\.", r"\1.layers.1."),
    (r"(hypernetworks_mlps\.\d+|iou_prediction_head)\.proj_in\.", r"\1.layers.0."),
    (r"(hypernetworks_mlps\.\d+|iou_prediction_head)\.proj_out\.", r"\1.layers.2."),
)


def load(path: Path, device: str | None) -> SamLike:
    """Return the segmenter with the weights of a file, in either project's layout.

    Raises
    ------
    BadFile
        If the file does not hold MedSAM's tensors.
    """
    import_torch()
    from segment_anything import sam_model_registry

    from napari_medfm.engine.weights import read_tensors, weights_hash

    tensors = original_layout(whole_model(read_tensors(path)))
    network = fill(sam_model_registry["vit_b"](checkpoint=None), tensors, SPEC.title)
    digest = weights_hash(path, tensors)
    return SamLike(SPEC, network, digest, device=device, fit="stretch")


def original_layout(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Rename the tensors of a transformers ``SamModel`` as segment-anything does."""
    if not any(key.startswith("vision_encoder.") for key in tensors):
        return dict(tensors)
    return {
        _renamed(key): value
        for key, value in tensors.items()
        if not key.startswith("shared_image_embedding.")
    }


def _renamed(key: str) -> str:
    for pattern, replacement in _RENAMES:
        key = re.sub(pattern, replacement, key)
    return key
