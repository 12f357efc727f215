"""Encoders of X-ray pictures and of medical pictures of every kind."""

from __future__ import annotations

from typing import Any

from napari_medfm.core.specs import EncoderSpec
from napari_medfm.encoders._entry import (
    APACHE,
    CLIP,
    CODE_ONLY,
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
from napari_medfm.encoders.general import clip_config, siglip_config
from napari_medfm.encoders.pathology_texts import OPEN_CLIP_NAMES
from napari_medfm.engine.textnumbers import Words

_CHEST = use("Features of frontal chest X-rays")
_CHEST_TEXT = use("Chest X-rays and English texts in one space")
_ANY = use("Medical pictures of every kind and English texts in one space")
_XRAY = ("a chest X-ray of {}.", "a chest X-ray showing {}.", "{}.")
_PICTURE = ("a photo of {}.", "this is a photo of {}.", "presence of {}.", "{}.")
_MSRLA = licence("Microsoft Research licence (MSRLA)", commercial=False)
_HAI_DEF = licence("Health AI Developer Foundations terms", commercial=True)


def _plane(name: str, title: str, network: Network, **facts: Any) -> Entry:
    standing: dict[str, Any] = {
        "domain": "radiology",
        "intended_use": _CHEST,
        "notes": UNTRIED,
    }
    spec = EncoderSpec(**{**standing, "name": name, "title": title, **facts})
    return Entry(spec, network)


def _absent(name: str, title: str, why: str, **facts: Any) -> Entry:
    standing = {"intended_use": _CHEST}
    return absent(name, title, why, domain="radiology", **{**standing, **facts})


def _rad_dino(name: str, title: str, ref: str, **facts: Any) -> Entry:
    return _plane(
        name,
        title,
        Timm("vit_base_patch14_dinov2", {"img_size": 518}),
        **{
            **vit("B", 14, input_size=518),
            "mean": (0.5307, 0.5307, 0.5307),
            "std": (0.2583, 0.2583, 0.2583),
            **hub(ref, "model.safetensors", 346),
            "notes": (
                "Normalisation from memory; compare with the preprocessor_config.json "
                f"of its page. {UNTRIED}"
            ),
            **facts,
        },
    )


def _eva_x(word: str, size: str, megabytes: int) -> Entry:
    options: dict[str, Any] = {
        "img_size": 224,
        "patch_size": 16,
        "ref_feat_shape": (14, 14),
    }
    return _plane(
        f"eva-x-{word}",
        f"EVA-X ViT-{size}/16",
        Timm(f"eva02_{word}_patch14_224", options, own_names=True),
        **{**vit(size, 16), "architecture": f"EVA-02 ViT-{size}/16"},
        **CODE_ONLY,
        **HALF,
        **hub("MapleF/eva_x", f"eva_x_{word}_patch16_merged520k_mim.pt", megabytes),
        **{
            "notes": (
                "The architecture was read in its own eva_x.py; normalisation is that "
                f"of its fine-tuning code. {UNTRIED}"
            )
        },
    )


def _sam_encoder(name: str, title: str, page: dict[str, Any], **facts: Any) -> Entry:
    """Describe the image encoder of a SAM ViT-B, before its neck."""
    return _plane(
        name,
        title,
        Timm(
            "samvit_base_patch16",
            {"img_size": 1024},
            part="image_encoder.",
            own_names=True,
            dynamic=False,
            fixed=True,
        ),
        **{
            **vit("B", 16, input_size=1024, prefix_tokens=0),
            "architecture": "SAM ViT-B/16 with windows and a neck",
            "dim": 256,
            "parameters": 90,
            **APACHE,
            **page,
            **facts,
        },
    )


ENTRIES = (
    _rad_dino(
        "rad-dino",
        "RAD-DINO",
        "microsoft/rad-dino",
        **MIT,
    ),
    _rad_dino(
        "rad-dino-maira-2",
        "RAD-DINO for MAIRA-2",
        "microsoft/rad-dino-maira-2",
        **_MSRLA,
    ),
    _plane(
        "biomedclip",
        "BiomedCLIP",
        ImageAndBert(
            Timm("vit_base_patch16_224"),
            768,
            512,
            OPEN_CLIP_NAMES,
            bert={"vocab_size": 30522},
        ),
        task="text",
        joint=512,
        templates=_PICTURE,
        needs=("transformers",),
        **vit("B", 16, parameters=196),
        **MIT,
        **CLIP,
        **hub(
            "microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224",
            "open_clip_pytorch_model.bin",
            784,
            also=("tokenizer.json",),
        ),
        **{"intended_use": _ANY},
    ),
    _plane(
        "pubmedclip",
        "PubMedCLIP ViT-B/32",
        Transformers("clip", clip_config("B", 32, 512)),
        task="text",
        joint=512,
        templates=_PICTURE,
        needs=("transformers",),
        **vit("B", 32, parameters=151),
        **MIT,
        **CLIP,
        **hub(
            "flaviagiammarino/pubmed-clip-vit-base-patch32",
            "pytorch_model.bin",
            605,
            also=("tokenizer.json",),
        ),
        **{
            "intended_use": _ANY,
            "notes": f"Licence from memory. {UNTRIED}",
        },
    ),
    _plane(
        "medsiglip",
        "MedSigLIP",
        Transformers(
            "siglip",
            siglip_config(1152, 14, 448, 32_000),
            Words("file", 64, pad=1),
        ),
        task="text",
        joint=1152,
        templates=_PICTURE,
        needs=("transformers",),
        architecture="ViT-so400m/14",
        parameters=878,
        input_size=448,
        patch=14,
        dim=1152,
        prefix_tokens=0,
        blocks=(6, 13, 20, 26),
        gated=True,
        **_HAI_DEF,
        **HALF,
        **hub(
            "google/medsiglip-448",
            "model.safetensors",
            3513,
            also=("tokenizer.json",),
        ),
        **{
            "intended_use": _ANY,
            "notes": (
                "Its tokenizer.json may have to be made from its spiece.model. "
                f"{UNTRIED}"
            ),
        },
    ),
    _plane(
        "chexzero",
        "CheXzero",
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
        templates=_XRAY,
        needs=("open_clip",),
        **vit("B", 32, parameters=151),
        **CODE_ONLY,
        **by_hand("https://github.com/rajpurkarlab/CheXzero"),
        **{
            "mean": (0.398, 0.398, 0.398),
            "std": (0.327, 0.327, 0.327),
            "intended_use": _CHEST_TEXT,
            "notes": (
                "Its files are brought by hand. Normalisation from memory (101.48 and "
                f"83.43 of 255). {UNTRIED}"
            ),
        },
    ),
    _eva_x("tiny", "Ti", 22),
    _eva_x("small", "S", 88),
    _eva_x("base", "B", 343),
    _plane(
        "ark",
        "Ark+",
        Timm("swin_base_patch4_window7_224", own_names=True),
        architecture="Swin-B",
        parameters=87,
        input_size=224,
        patch=32,
        dim=1024,
        prefix_tokens=0,
        blocks=(3,),
        **UNKNOWN,
        **by_hand("https://github.com/jlianglab/Ark"),
        **{
            "notes": (
                "Its authors send the file after a form is filled in. Normalisation "
                f"from memory. {UNTRIED}"
            )
        },
    ),
    _sam_encoder(
        "medsam-encoder",
        "MedSAM, image encoder",
        by_hand("https://github.com/bowang-lab/MedSAM"),
        **PLAIN,
        intended_use=use("Features of medical pictures of every kind"),
        notes=(
            "Give it the authors' medsam_vit_b.pth. MedSAM itself scales each picture "
            f"to its own range. {UNTRIED}"
        ),
    ),
    _sam_encoder(
        "sam-encoder",
        "SAM ViT-B, image encoder",
        by_hand("https://github.com/facebookresearch/segment-anything"),
        domain="general",
        intended_use=use("General image features. Trained on natural pictures"),
        notes=f"Give it sam_vit_b_01ec64.pth. {UNTRIED}",
    ),
    _absent(
        "gloria",
        "GLoRIA",
        OWN_CODE,
        architecture="ResNet-50 with BERT",
        page="https://github.com/marshuang80/gloria",
        **CODE_ONLY,
    ),
    _absent("convirt", "ConVIRT", NOT_PUBLIC, architecture="ResNet-50 with BERT"),
    _absent(
        "biovil",
        "BioViL",
        "its image tower belongs to the package hi-ml-multimodal; load it there and "
        "use napari_medfm.encoders.wrap",
        architecture="ResNet-50 with CXR-BERT",
        page="https://huggingface.co/microsoft/BiomedVLP-CXR-BERT-specialized",
        **CODE_ONLY,
    ),
    _absent(
        "biovil-t",
        "BioViL-T",
        "its image tower belongs to the package hi-ml-multimodal; load it there and "
        "use napari_medfm.encoders.wrap",
        architecture="ResNet-50 and a transformer over time",
        page="https://huggingface.co/microsoft/BiomedVLP-BioViL-T",
        **CODE_ONLY,
    ),
    _absent(
        "medclip",
        "MedCLIP",
        "its towers belong to the package medclip; load them there and use "
        "napari_medfm.encoders.wrap",
        architecture="Swin-T or ResNet-50",
        dim=512,
        page="https://github.com/RyanWangZf/MedCLIP",
        **UNKNOWN,
    ),
    _absent(
        "cxr-foundation",
        "CXR Foundation (ELIXR)",
        "its weights are a TensorFlow program, which this program does not run; its "
        "makers point to MedSigLIP",
        architecture="EfficientNet-L2",
        gated=True,
        page="https://huggingface.co/google/cxr-foundation",
        **_HAI_DEF,
    ),
    _absent("raydino", "RayDINO", NOT_PUBLIC, architecture="ViT-L"),
    _absent(
        "medimageinsight",
        "MedImageInsight",
        OWN_CODE,
        architecture="DaViT with a text tower",
        dim=1024,
        page="https://huggingface.co/lion-ai/MedImageInsights",
        **licence("MIT, by a copy whose maker doubts it", commercial=False),
    ),
    _absent(
        "radfm",
        "RadFM",
        OWN_CODE,
        architecture="3-D ViT with a language model",
        page="https://huggingface.co/chaoyi-wu/RadFM",
        **UNKNOWN,
    ),
)
