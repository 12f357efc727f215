"""DINOv2 ViT-B/14: general, four times the work of the small one."""

from __future__ import annotations

from types import MappingProxyType

from napari_medfm.core.specs import EncoderSpec, Source
from napari_medfm.encoders._timm import TimmViT

SPEC = EncoderSpec(
    name="dinov2-base",
    title="DINOv2 ViT-B/14",
    domain="general",
    architecture="ViT-B/14, 86 M parameters",
    input_size=518,
    patch=14,
    dim=768,
    blocks=(2, 5, 8, 11),
    licence="Apache-2.0",
    commercial=True,
    page="https://huggingface.co/timm/vit_base_patch14_dinov2.lvd142m",
    intended_use=(
        "General image features where a GPU or patience is at hand. Trained on natural "
        "pictures, not on medical ones. Research use; not a medical device."
    ),
    sources=(
        Source(
            "hub",
            "timm/vit_base_patch14_dinov2.lvd142m",
            "model.safetensors",
            size=346_000_000,
        ),
    ),
    notes="Loading was tested with random weights in this layout, not the release.",
)

MODEL = TimmViT(
    "vit_base_patch14_dinov2", MappingProxyType({"img_size": SPEC.input_size})
)
