"""Encoders of CT and MR volumes, three-dimensional throughout."""

from __future__ import annotations

from typing import Any

from napari_medfm.core.specs import EncoderSpec, Source
from napari_medfm.encoders._entry import (
    APACHE,
    BY_NC,
    BY_NC_ND,
    BY_NC_SA,
    MIT,
    OWN_CODE,
    UNKNOWN,
    UNTRIED,
    Entry,
    absent,
    hub,
    licence,
    use,
)
from napari_medfm.encoders._monai import Monai

_CT = use("Tokens of CT volumes")
_WITH_MONAI = ("monai",)
_CT_FM = {"init_filters": 32, "blocks_down": (1, 2, 2, 4, 4)}


def _volume(name: str, title: str, network: Monai, **facts: Any) -> Entry:
    standing: dict[str, Any] = {
        "domain": "radiology",
        "dimension": 3,
        "prefix_tokens": 0,
        "needs": _WITH_MONAI,
        "intended_use": _CT,
        "notes": UNTRIED,
    }
    spec = EncoderSpec(**{**standing, "name": name, "title": title, **facts})
    return Entry(spec, network)


def _absent(name: str, title: str, why: str, **facts: Any) -> Entry:
    standing = {"dimension": 3, "intended_use": _CT}
    return absent(name, title, why, domain="radiology", **{**standing, **facts})


def _swin(name: str, title: str, features: int, **facts: Any) -> Entry:
    """Describe the encoder of a SwinUNETR; tokens are its deepest."""
    version_2 = bool(facts.pop("version_2", False))
    return _volume(
        name,
        title,
        Monai("swin", {"embed_dim": features, "use_v2": version_2}),
        architecture=f"Swin transformer of SwinUNETR{' v2' if version_2 else ''}",
        input_size=96,
        patch=32,
        dim=16 * features,
        blocks=(4,),
        **facts,
    )


def _voco(letter: str, features: int, millions: int, megabytes: int) -> Entry:
    return _swin(
        f"voco-{letter.lower()}",
        f"VoCo-{letter}",
        features,
        version_2=True,
        parameters=millions,
        intensity=(-175.0, 250.0),
        **APACHE,
        **hub("Luffy503/VoCo", f"VoCo_{letter}_SSL_head.pt", megabytes),
        notes=f"Intensity window from memory. {UNTRIED}",
    )


ENTRIES = (
    _volume(
        "ct-fm",
        "CT-FM",
        Monai("segresnet", _CT_FM),
        architecture="SegResNet encoder",
        parameters=77,
        input_size=128,
        patch=16,
        dim=512,
        blocks=(4,),
        intensity=(-1024.0, 2048.0),
        **APACHE,
        **hub("project-lighter/ct_fm_feature_extractor", "model.safetensors", 309),
        verified=True,
        notes=(
            "The network is that of its package lighter-zoo; the intensity window is "
            f"from memory, and axes go from below, behind and left. {UNTRIED}"
        ),
    ),
    _swin(
        "swinunetr-ssl",
        "SwinUNETR, self-supervised",
        48,
        parameters=8,
        intensity=(-1000.0, 1000.0),
        spacing=(2.0, 1.5, 1.5),
        **APACHE,
        page="https://github.com/Project-MONAI/research-contributions",
        sources=(
            Source(
                "url",
                "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/"
                "download/0.8.1/model_swinvit.pt",
                size=256_000_000,
            ),
        ),
        notes=f"Licence from memory. {UNTRIED}",
    ),
    _voco("B", 48, 19, 250),
    _voco("L", 96, 74, 900),
    _voco("H", 192, 295, 3500),
    _swin(
        "suprem-swinunetr",
        "SuPreM, SwinUNETR",
        48,
        parameters=8,
        intensity=(-175.0, 250.0),
        spacing=(1.5, 1.5, 1.5),
        **BY_NC_ND,
        **hub("MrGiovanni/SuPreM", "supervised_suprem_swinunetr_2100.pth", 750),
        notes=f"Window and spacing from memory. {UNTRIED}",
    ),
    _absent(
        "suprem-segresnet",
        "SuPreM, SegResNet",
        "its SegResNet is the older one of MONAI, whose encoder is not taken apart "
        "here; build it with MONAI and use it in your own code",
        architecture="SegResNet, 16 filters",
        page="https://huggingface.co/MrGiovanni/SuPreM",
        **BY_NC_ND,
    ),
    _absent(
        "suprem-unet",
        "SuPreM, U-Net",
        OWN_CODE,
        architecture="3-D U-Net",
        page="https://huggingface.co/MrGiovanni/SuPreM",
        **BY_NC_ND,
    ),
    _absent(
        "m3d-clip",
        "M3D-CLIP",
        OWN_CODE,
        task="text",
        architecture="3-D ViT, patches 4 x 16 x 16",
        dim=768,
        page="https://huggingface.co/GoodBaiBai88/M3D-CLIP",
        **licence("MIT for the code; the data are not for commerce", commercial=False),
    ),
    _absent(
        "ct-clip",
        "CT-CLIP",
        OWN_CODE,
        task="text",
        architecture="CT-ViT, patches 10 x 20 x 20",
        dim=512,
        gated=True,
        intensity=(-1000.0, 1000.0),
        spacing=(1.5, 0.75, 0.75),
        page="https://huggingface.co/datasets/ibrahimhamamci/CT-RATE",
        **BY_NC_SA,
    ),
    _absent(
        "merlin",
        "Merlin",
        "its network belongs to the package merlin-vlm; load it there",
        task="text",
        architecture="inflated ResNet-152",
        dim=2048,
        intensity=(-1000.0, 1000.0),
        spacing=(3.0, 1.5, 1.5),
        page="https://huggingface.co/stanfordmimi/Merlin",
        **MIT,
    ),
    _absent(
        "fmcib",
        "FMCIB",
        "it gives one vector for a lesion, not tokens; its package is "
        "foundation-cancer-image-biomarker",
        architecture="wide 3-D ResNet-50",
        dim=4096,
        input_size=50,
        page="https://zenodo.org/records/10528450",
        **MIT,
    ),
    _absent(
        "brainiac",
        "BrainIAC",
        "its weights are on a file-sharing page, and it gives one vector a brain",
        architecture="3-D ResNet-50",
        dim=2048,
        input_size=128,
        page="https://github.com/AIM-KannLab/BrainIAC",
        intended_use=use("One vector a brain MR volume"),
        **BY_NC,
    ),
    _absent(
        "models-genesis",
        "Models Genesis",
        "its weights are sent after a form is filled in",
        architecture="3-D U-Net",
        page="https://github.com/MrGiovanni/ModelsGenesis",
        **licence("ASU non-commercial licence", commercial=False),
    ),
    _absent(
        "stu-net",
        "STU-Net",
        "its network belongs to the packages nnU-Net and medim; load it there",
        architecture="nnU-Net, 14 M to 1.4 G parameters",
        page="https://huggingface.co/ziyanhuang/STU-Net",
        **APACHE,
    ),
    _absent(
        "vista3d",
        "VISTA3D",
        "it is a bundle of MONAI with its own inference; run it there",
        architecture="SegResNet with class and point prompts",
        page="https://huggingface.co/nvidia/NV-Segment-CT",
        **licence("NVIDIA Open Model Licence", commercial=True),
    ),
    _absent(
        "medvae",
        "MedVAE",
        "its network belongs to the package medvae; load it there",
        page="https://huggingface.co/stanfordmimi/MedVAE",
        **MIT,
    ),
    _absent("tap-ct", "TAP-CT", OWN_CODE, architecture="3-D ViT", **UNKNOWN),
    _absent(
        "nnfoundation-cnn",
        "nnFoundation CNN",
        OWN_CODE,
        architecture="nnU-Net encoder",
        page="https://huggingface.co/MIC-DKFZ/nnFoundationCNN",
        **licence("CC-BY-SA", commercial=True),
    ),
    _absent(
        "neurovfm",
        "NeuroVFM",
        OWN_CODE,
        page="https://huggingface.co/mlinslab/neurovfm-encoder",
        **UNKNOWN,
    ),
)
