"""Encoders of pictures of the eye: fundus photographs and OCT."""

from __future__ import annotations

from typing import Any

from napari_medfm.core.specs import EncoderSpec, Source
from napari_medfm.encoders._entry import (
    APACHE,
    BY_NC,
    BY_NC_ND,
    CLIP,
    HALF,
    MIT,
    NOT_PUBLIC,
    OWN_CODE,
    PLAIN,
    UNKNOWN,
    UNTRIED,
    Entry,
    absent,
    by_hand,
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
from napari_medfm.engine.textnumbers import Words

_FUNDUS = use("Features of colour fundus photographs")
_OCT = use("Features of OCT B-scans")
_EYE_TEXT = use("Fundus photographs and English texts in one space")
_FLAIR_NAMES = (
    (r"^vision_model\.model\.", "image."),
    (r"^vision_model\.projection_head_vision\.projection\.", "image_proj."),
    (r"^text_model\.model\.", "text."),
    (r"^text_model\.projection_head_text\.projection\.", "text_proj."),
)
_EYES = (
    "a fundus photograph of {}.",
    "a fundus photograph showing {}.",
    "{}.",
)


def _eye(name: str, title: str, network: Network, **facts: Any) -> Entry:
    standing: dict[str, Any] = {
        "domain": "ophthalmology",
        "intended_use": _FUNDUS,
        "notes": UNTRIED,
    }
    spec = EncoderSpec(**{**standing, "name": name, "title": title, **facts})
    return Entry(spec, network)


def _absent(name: str, title: str, why: str, **facts: Any) -> Entry:
    standing = {"intended_use": _FUNDUS}
    return absent(name, title, why, domain="ophthalmology", **{**standing, **facts})


def _retfound(name: str, title: str, kind: str, **facts: Any) -> Entry:
    """Describe one of the masked autoencoders of RETFound."""
    return _eye(
        name,
        title,
        Timm("vit_large_patch16_224"),
        **vit("L", 16),
        **BY_NC,
        **gated(f"YukunZhou/RETFound_{kind}", f"RETFound_{kind}.pth", 1213),
        **{
            "notes": (
                "Its own code reads pictures of 224 or 256 pixels. File name from "
                f"memory. {UNTRIED}"
            ),
            **facts,
        },
    )


def _retfound_dinov2(site: str) -> Entry:
    return _eye(
        f"retfound-dinov2-{site}",
        f"RETFound DINOv2, {site.capitalize() if site != 'meh' else 'Moorfields'}",
        Timm("vit_large_patch14_dinov2", {"img_size": 224}),
        **vit("L", 14),
        **BY_NC,
        **gated(
            f"YukunZhou/RETFound_dinov2_{site}", f"RETFound_dinov2_{site}.pth", 1213
        ),
        **{"notes": f"File name from memory. {UNTRIED}"},
    )


def _visionfm(name: str, title: str, purpose: str, norm: dict[str, Any]) -> Entry:
    return _eye(
        f"visionfm-{name}",
        f"VisionFM, {title}",
        Timm("vit_base_patch16_224"),
        **vit("B", 16),
        **BY_NC,
        **norm,
        **by_hand("https://github.com/ABILab-CUHK/VisionFM"),
        **{
            "intended_use": use(purpose),
            "notes": f"Its files, one for each kind, are brought by hand. {UNTRIED}",
        },
    )


def _grey(mean: float, std: float) -> dict[str, Any]:
    return {"mean": (mean, mean, mean), "std": (std, std, std)}


ENTRIES = (
    _retfound("retfound-cfp", "RETFound, fundus", "mae_natureCFP"),
    _retfound("retfound-oct", "RETFound, OCT", "mae_natureOCT", intended_use=_OCT),
    _retfound("retfound-meh", "RETFound, Moorfields", "mae_meh"),
    _retfound("retfound-shanghai", "RETFound, Shanghai", "mae_shanghai"),
    _retfound_dinov2("meh"),
    _retfound_dinov2("shanghai"),
    _eye(
        "retfound-green",
        "RETFound-Green",
        Timm("vit_small_patch14_reg4_dinov2", {"img_size": 392}),
        **vit("S", 14, input_size=392, prefix_tokens=5),
        **licence("CNCRL: research, not commercial", commercial=False),
        **HALF,
        page="https://github.com/justinengelmann/RETFound_Green",
        sources=(
            Source(
                "url",
                "https://github.com/justinengelmann/RETFound_Green/releases/download/"
                "v0.1/retfoundgreen_statedict.pth",
                size=87_000_000,
            ),
        ),
    ),
    _eye(
        "flair",
        "FLAIR",
        ImageAndBert(
            Timm("resnet50", dynamic=False),
            2048,
            512,
            _FLAIR_NAMES,
            project="unit linear",
            pooling="three layers",
            bert={"vocab_size": 28996},
            words=Words("file", 77),
        ),
        task="text",
        architecture="ResNet-50 with Bio-ClinicalBERT",
        parameters=133,
        input_size=512,
        patch=32,
        dim=2048,
        prefix_tokens=0,
        blocks=(4,),
        joint=512,
        templates=_EYES,
        needs=("transformers",),
        **APACHE,
        **PLAIN,
        **hub("jusiro2/FLAIR", "model.safetensors", 540),
        verified=True,
        **{
            "intended_use": _EYE_TEXT,
            "notes": (
                "The towers were read in its own code. Its tokenizer is that of "
                "emilyalsentzer/Bio_ClinicalBERT: put that page's tokenizer.json "
                f"beside the weights. File name from memory. {UNTRIED}"
            ),
        },
    ),
    _visionfm(
        "fundus",
        "fundus",
        "Features of colour fundus photographs",
        {"mean": (0.4237, 0.2609, 0.1284), "std": (0.2948, 0.2017, 0.1367)},
    ),
    _visionfm("oct", "OCT", "Features of OCT B-scans", _grey(0.2109, 0.1760)),
    _visionfm("ffa", "angiography", "Features of angiograms", _grey(0.2020, 0.1740)),
    _eye(
        "eyeclip",
        "EyeCLIP",
        OpenClip(
            {"image_size": 224, "layers": 12, "width": 768, "patch_size": 32},
            {
                "context_length": 77,
                "vocab_size": 49408,
                "width": 512,
                "heads": 8,
                "layers": 12,
            },
        ),
        task="text",
        joint=512,
        templates=_EYES,
        needs=("open_clip",),
        **vit("B", 32, parameters=151),
        **UNKNOWN,
        **CLIP,
        **by_hand("https://github.com/Michi-3000/EyeCLIP"),
        **{
            "intended_use": _EYE_TEXT,
            "notes": f"Its file is brought by hand. {UNTRIED}",
        },
    ),
    _eye(
        "deretfound",
        "DERETFound",
        Timm("vit_large_patch16_224"),
        **vit("L", 16),
        **BY_NC,
        **by_hand("https://zenodo.org/records/13340936"),
        **{
            "notes": (
                "Its file is brought by hand. Normalisation from memory: ImageNet's. "
                f"{UNTRIED}"
            )
        },
    ),
    _absent(
        "eyefound",
        "EyeFound",
        "no weights were found",
        **{**vit("L", 16), "architecture": "ViT-L, masked autoencoder"},
        **UNKNOWN,
    ),
    _absent(
        "mirage-base",
        "MIRAGE, base",
        OWN_CODE,
        architecture="MultiMAE ViT-B/32",
        parameters=86,
        input_size=512,
        patch=32,
        dim=768,
        page="https://huggingface.co/j-morano/MIRAGE-Base",
        **BY_NC_ND,
        **PLAIN,
    ),
    _absent(
        "mirage-large",
        "MIRAGE, large",
        OWN_CODE,
        architecture="MultiMAE ViT-L/32",
        parameters=303,
        input_size=512,
        patch=32,
        dim=1024,
        page="https://huggingface.co/j-morano/MIRAGE-Large",
        **BY_NC_ND,
        **PLAIN,
    ),
    _absent(
        "octcube",
        "OCTCube",
        f"{OWN_CODE}; it needs flash-attn on a GPU",
        dimension=3,
        architecture="space-time ViT-L",
        dim=1024,
        page="https://github.com/ZucksLiu/OCTCubeM",
        intended_use=use("Tokens of OCT volumes"),
        **licence("BSD-2-Clause", commercial=True),
    ),
    _absent(
        "keepfit",
        "KeepFIT",
        OWN_CODE,
        task="text",
        architecture="ResNet-50 with BERT",
        page="https://github.com/lxirich/MM-Retinal",
        **UNKNOWN,
    ),
    _absent(
        "urfound",
        "UrFound",
        NOT_PUBLIC,
        architecture="ViT-B/16",
        patch=16,
        dim=768,
        page="https://github.com/yukkai/UrFound",
        **MIT,
    ),
)
