"""Encoders of tissue and texts in one space."""

from __future__ import annotations

from typing import Any

from napari_medfm.core.specs import EncoderSpec
from napari_medfm.encoders._entry import (
    BY_NC_ND,
    CLIP,
    HALF,
    MIT,
    NOT_PUBLIC,
    OWN_CODE,
    UNKNOWN,
    UNTRIED,
    Entry,
    absent,
    gated,
    hub,
    licence,
    use,
    vit,
)
from napari_medfm.encoders._network import Network
from napari_medfm.encoders._openclip import OpenClip
from napari_medfm.encoders._timm import Timm
from napari_medfm.encoders._towers import ImageAndBert
from napari_medfm.encoders._transformers import Transformers
from napari_medfm.encoders.general import clip_config

STAINED = (
    "an H&E stained image of {}.",
    "an H&E image of {}.",
    "a histopathology image showing {}.",
    "{} is present.",
    "{}.",
)
_VISION = {"image_size": 224, "layers": 12, "width": 768}
_TEXT = {
    "context_length": 77,
    "vocab_size": 49408,
    "width": 512,
    "heads": 8,
    "layers": 12,
}
_PUBMEDBERT = {"vocab_size": 30522}
OPEN_CLIP_NAMES = (
    (r"^visual\.trunk\.", "image."),
    (r"^visual\.head\.proj\.", "image_proj."),
    (r"^text\.transformer\.", "text."),
    (r"^text\.proj\.", "text_proj."),
)
_KEEP_NAMES = (
    (r"^visual\.", "image."),
    (r"^visual_head\.", "image_proj."),
)


def _joint(name: str, title: str, network: Network, **facts: Any) -> Entry:
    standing: dict[str, Any] = {
        "domain": "pathology",
        "task": "text",
        "mpp": 0.5,
        "joint": 512,
        "templates": STAINED,
        "needs": ("transformers",),
        "intended_use": use("H&E tiles and English texts in one space"),
        "notes": UNTRIED,
    }
    spec = EncoderSpec(**{**standing, "name": name, "title": title, **facts})
    return Entry(spec, network)


def _quiltnet(patch: int) -> Entry:
    return _joint(
        f"quiltnet-b{patch}",
        f"QuiltNet ViT-B/{patch}",
        OpenClip({**_VISION, "patch_size": patch}, _TEXT),
        **vit("B", patch, parameters=150),
        **MIT,
        **CLIP,
        **hub(f"wisdomik/QuiltNet-B-{patch}", "open_clip_pytorch_model.bin", 605),
        **{"needs": ("open_clip",)},
    )


def _absent(name: str, title: str, why: str, **facts: Any) -> Entry:
    standing = {
        "task": "text",
        "intended_use": use("H&E tiles and English texts in one space"),
    }
    return absent(name, title, why, domain="pathology", **{**standing, **facts})


ENTRIES = (
    _joint(
        "plip",
        "PLIP",
        Transformers("clip", clip_config("B", 32, 512)),
        **vit("B", 32, parameters=151),
        **licence("reported as MIT and as non-commercial; ask", commercial=False),
        **CLIP,
        **hub("vinid/plip", "pytorch_model.bin", 605, also=("tokenizer.json",)),
    ),
    _quiltnet(32),
    _quiltnet(16),
    _joint(
        "quiltnet-b16-pmb",
        "QuiltNet ViT-B/16 with PubMedBERT",
        ImageAndBert(
            Timm("vit_base_patch16_224"),
            768,
            512,
            OPEN_CLIP_NAMES,
            bert=_PUBMEDBERT,
        ),
        **vit("B", 16, parameters=196),
        **MIT,
        **CLIP,
        **hub(
            "wisdomik/QuiltNet-B-16-PMB",
            "open_clip_pytorch_model.bin",
            784,
            also=("tokenizer.json",),
        ),
        **{"notes": f"That its layout is BiomedCLIP's is assumed. {UNTRIED}"},
    ),
    _joint(
        "keep",
        "KEEP",
        ImageAndBert(
            Timm("vit_large_patch16_224", {"init_values": 1e-5}),
            1024,
            768,
            _KEEP_NAMES,
            project="none",
            pooling="pooler",
            deep=True,
            bert=_PUBMEDBERT,
        ),
        **vit("L", 16, parameters=414),
        **licence("reported as MIT; check its page", commercial=False),
        **hub("Astaxanthin/KEEP", "model.safetensors", 1660, also=("tokenizer.json",)),
        **{
            "joint": 768,
            "notes": f"The layout of its heads is from memory. {UNTRIED}",
        },
    ),
    _absent(
        "conch",
        "CONCH",
        OWN_CODE,
        **vit("B", 16, input_size=448),
        **BY_NC_ND,
        **CLIP,
        **gated("MahmoodLab/conch", "pytorch_model.bin", 790),
        joint=512,
    ),
    _absent(
        "musk",
        "MUSK",
        OWN_CODE,
        **{
            **vit("L", 16, input_size=384),
            "architecture": "BEiT-3 ViT-L/16",
            "parameters": 675,
        },
        **BY_NC_ND,
        **HALF,
        **gated("xiangjx/musk", "model.safetensors", 2700),
        joint=1024,
    ),
    _absent(
        "pathclip",
        "PathCLIP",
        "the name and layout of its file were not seen; if it is in OpenAI's layout, "
        "use napari_medfm.encoders.wrap on open_clip's model",
        architecture="CLIP ViT-B",
        joint=512,
        page="https://huggingface.co/jamessyx/pathclip",
        **UNKNOWN,
    ),
    _absent(
        "cpath-clip",
        "CPath-CLIP",
        "its weights are differences to Virchow 2's, put together by its own code",
        architecture="Virchow 2 with CLIP ViT-L/14",
        page="https://huggingface.co/jamessyx/CPath-CLIP",
        **UNKNOWN,
    ),
    _absent(
        "pathchat", "PathChat", NOT_PUBLIC, architecture="CONCH and a language model"
    ),
    _absent(
        "omiclip",
        "OmiCLIP (Loki)",
        OWN_CODE,
        architecture="CoCa ViT-L/14",
        gated=True,
        page="https://huggingface.co/WangGuangyuLab/Loki",
        **licence("BSD-3-Clause", commercial=True),
    ),
)
