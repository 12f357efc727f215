"""Encoders of tissue tiles."""

from __future__ import annotations

from typing import Any

from napari_medfm.core.specs import EncoderSpec
from napari_medfm.encoders._entry import (
    APACHE,
    BY_NC,
    BY_NC_ND,
    GPL,
    HALF,
    MIT,
    NOT_PUBLIC,
    OWN_CODE,
    PLAIN,
    UNKNOWN,
    UNTRIED,
    Entry,
    Facts,
    absent,
    by_hand,
    gated,
    hub,
    licence,
    use,
    vit,
)
from napari_medfm.encoders._network import Network
from napari_medfm.encoders._timm import SWIGLU, Timm

_TILES = use("Features of H&E tiles at 20x (0.5 microns a pixel)")
_ANY_STAIN = use("Features of tissue tiles of several stains, at 20x")
_TRIDENT = "The network is built as mahmoodlab/TRIDENT does."
_ACCESS = "Access is granted by its authors on its page."

_OWKIN = licence("Owkin non-commercial licence", commercial=False)
_LUNIT = licence("Lunit non-commercial licence", commercial=False)
_KAIKO = licence("Kaiko non-commercial public licence v1", commercial=False)
_GIGAPATH = licence("Apache-2.0 with conditions: research only", commercial=False)
_HIPT = licence("Apache-2.0 with Commons Clause", commercial=False)
_GENBIO = licence("GenBio AI community licence", commercial=False)
_HAI_DEF = licence("Health AI Developer Foundations terms", commercial=True)

_HIBOU: Facts = {
    "mean": (0.7068, 0.5755, 0.722),
    "std": (0.195, 0.2316, 0.1816),
}
_BIOPTIMUS: Facts = {
    "mean": (0.707223, 0.578729, 0.703617),
    "std": (0.211883, 0.230117, 0.177517),
}
_RUDOLFV: Facts = {
    "mean": (0.7072, 0.5787, 0.7036),
    "std": (0.2119, 0.2301, 0.1775),
}
_LUNIT_NORM: Facts = {
    "mean": (0.70322989, 0.53606487, 0.66096631),
    "std": (0.21716536, 0.26081574, 0.20723464),
}
_VIRCHOW = {"init_values": 1e-5, "mlp_ratio": 5.3375, "mlp": SWIGLU}
_UNI2 = {
    "img_size": 224,
    "patch_size": 14,
    "depth": 24,
    "num_heads": 24,
    "embed_dim": 1536,
    "init_values": 1e-5,
    "mlp_ratio": 2.66667 * 2,
    "mlp": SWIGLU,
    "no_embed_class": True,
    "reg_tokens": 8,
}
_SIXTEEN: dict[str, Any] = {"patch_size": 16, "img_size": 224}
_FOURTEEN: dict[str, Any] = {"img_size": 224, "init_values": 1e-5}
_KAIKO_HUB = "1aurent/{}.kaiko_ai_towards_large_pathology_fms"


def _tile(name: str, title: str, network: Network | None, **facts: Any) -> Entry:
    """Describe a tile encoder; 0.5 microns a pixel unless said otherwise."""
    standing: dict[str, Any] = {
        "domain": "pathology",
        "mpp": 0.5,
        "intended_use": _TILES,
        "notes": UNTRIED,
    }
    spec = EncoderSpec(**{**standing, "name": name, "title": title, **facts})
    return Entry(spec, network)


def _absent(name: str, title: str, why: str, **facts: Any) -> Entry:
    standing = {"mpp": 0.5, "intended_use": _TILES, "input_size": 224}
    return absent(name, title, why, domain="pathology", **{**standing, **facts})


def _lunit_resnet(method: str, title: str) -> Entry:
    return _tile(
        f"lunit-{method}",
        f"Lunit ResNet-50, {title}",
        Timm("resnet50", dynamic=False),
        architecture="ResNet-50",
        parameters=24,
        input_size=224,
        patch=32,
        dim=2048,
        prefix_tokens=0,
        blocks=(4,),
        **_LUNIT,
        **_LUNIT_NORM,
        notes=f"Normalisation from memory of its README. {UNTRIED}",
        **hub(f"1aurent/resnet50.lunit_{method}", "model.safetensors", 94),
    )


def _kaiko(size: str, patch: int, megabytes: int) -> Entry:
    word = {"S": "small", "B": "base"}[size]
    architecture = f"vit_{word}_patch{patch}_224"
    return _tile(
        f"kaiko-{size.lower()}{patch}",
        f"Kaiko ViT-{size}/{patch}",
        Timm(architecture),
        **vit(size, patch),
        **_KAIKO,
        **HALF,
        **hub(_KAIKO_HUB.format(architecture), "model.safetensors", megabytes),
    )


_LUNIT_ENTRIES = (
    *(
        _tile(
            f"lunit-dino-s{patch}",
            f"Lunit DINO ViT-S/{patch}",
            Timm(f"vit_small_patch{patch}_224"),
            **vit("S", patch),
            **_LUNIT,
            **_LUNIT_NORM,
            notes=f"Normalisation from memory of its README. {UNTRIED}",
            **hub(
                f"1aurent/vit_small_patch{patch}_224.lunit_dino",
                "model.safetensors",
                87,
            ),
        )
        for patch in (8, 16)
    ),
    _lunit_resnet("bt", "Barlow Twins"),
    _lunit_resnet("mocov2", "MoCo v2"),
    _lunit_resnet("swav", "SwAV"),
)

_KAIKO_ENTRIES = (
    _kaiko("S", 8, 87),
    _kaiko("S", 16, 87),
    _kaiko("B", 8, 343),
    _kaiko("B", 16, 343),
    _tile(
        "kaiko-l14",
        "Kaiko ViT-L/14 with registers",
        Timm("vit_large_patch14_reg4_dinov2", {"img_size": 518}),
        **vit("L", 14, prefix_tokens=5),
        **_KAIKO,
        **HALF,
        **hub(
            _KAIKO_HUB.format("vit_large_patch14_reg4_dinov2"),
            "model.safetensors",
            1218,
        ),
        notes=f"{_TRIDENT} {UNTRIED}",
    ),
    _tile(
        "midnight-12k",
        "Midnight-12k",
        Timm("vit_giant_patch14_dinov2", {"img_size": 224}),
        **vit("g", 14),
        **MIT,
        **HALF,
        **hub("kaiko-ai/midnight", "model.safetensors", 4546),
        notes=f"Whether its page asks for a login is reported both ways. {UNTRIED}",
    ),
)

_OPEN = (
    _tile(
        "ctranspath",
        "CTransPath",
        Timm(
            "swin_tiny_patch4_window7_224",
            {"stem": "convolutions"},
            own_names=True,
        ),
        architecture="Swin-T with a convolutional stem",
        parameters=28,
        input_size=224,
        patch=32,
        dim=768,
        prefix_tokens=0,
        blocks=(3,),
        **GPL,
        **by_hand("https://github.com/Xiyue-Wang/TransPath"),
        notes=(
            "Its authors' ctranspath.pth, or the CHIEF_CTransPath.pth that goes round, "
            f"is brought by hand: its page links to the file. {UNTRIED}"
        ),
    ),
    _tile(
        "hipt-256",
        "HIPT ViT-S/16, 256 pixel tiles",
        Timm("vit_small_patch16_224"),
        **vit("S", 16, input_size=256),
        **_HIPT,
        **HALF,
        **by_hand("https://github.com/mahmoodlab/HIPT"),
        notes=(
            "The file vit256_small_dino.pth of its repository is brought by hand. "
            f"Normalisation from memory. {UNTRIED}"
        ),
    ),
    _tile(
        "phikon",
        "Phikon",
        Timm("vit_base_patch16_224"),
        **vit("B", 16),
        **_OWKIN,
        **hub("owkin/phikon", "model.safetensors", 343),
        notes=f"{_TRIDENT} {UNTRIED}",
    ),
    _tile(
        "phikon-v2",
        "Phikon-v2",
        Timm("vit_large_patch14_dinov2", _SIXTEEN),
        **vit("L", 16),
        **_OWKIN,
        **hub("owkin/phikon-v2", "model.safetensors", 1213),
        notes=f"{_TRIDENT} {UNTRIED}",
    ),
    _tile(
        "h-optimus-0",
        "H-optimus-0",
        Timm("vit_giant_patch14_reg4_dinov2", _FOURTEEN),
        **vit("g", 14, prefix_tokens=5),
        **APACHE,
        **_BIOPTIMUS,
        **hub("bioptimus/H-optimus-0", "pytorch_model.bin", 4546),
        notes=f"{_TRIDENT} {UNTRIED}",
    ),
    _tile(
        "gpfm",
        "GPFM",
        Timm("vit_large_patch14_dinov2", _FOURTEEN),
        **vit("L", 14),
        **BY_NC_ND,
        **hub("majiabo/GPFM", "GPFM.pth", 1218),
        notes=f"{_TRIDENT} {UNTRIED}",
    ),
    _tile(
        "sp22m",
        "Mount Sinai SP22M",
        Timm("vit_small_patch16_224"),
        **vit("S", 16),
        **UNKNOWN,
        **hub("MountSinaiCompPath/SP22M", "dinosmall.pth", 87),
        notes=f"File name and layout from memory. {UNTRIED}",
    ),
    _tile(
        "sp85m",
        "Mount Sinai SP85M",
        Timm("vit_base_patch16_224"),
        **vit("B", 16),
        **UNKNOWN,
        **hub("MountSinaiCompPath/SP85M", "dinobase.pth", 343),
        notes=f"File name and layout from memory. {UNTRIED}",
    ),
)

_GATED = (
    _tile(
        "uni",
        "UNI",
        Timm("vit_large_patch16_224", {"init_values": 1e-5}),
        **vit("L", 16),
        **BY_NC_ND,
        **gated("MahmoodLab/UNI", "pytorch_model.bin", 1213),
        verified=True,
        notes=f"{_ACCESS} {UNTRIED}",
    ),
    _tile(
        "uni2-h",
        "UNI 2-h",
        Timm("vit_giant_patch14_224", _UNI2),
        **{
            **vit("H", 14, prefix_tokens=9),
            "dim": 1536,
            "blocks": (5, 11, 17, 23),
            "parameters": 681,
        },
        **BY_NC_ND,
        **gated("MahmoodLab/UNI2-h", "pytorch_model.bin", 2725),
        verified=True,
        notes=f"{_ACCESS} Trained on H&E and immunohistochemistry. {UNTRIED}",
    ),
    _tile(
        "virchow",
        "Virchow",
        Timm("vit_huge_patch14_224", _VIRCHOW),
        **vit("H", 14),
        **APACHE,
        **gated("paige-ai/Virchow", "pytorch_model.bin", 2525),
        notes=f"{_ACCESS} {_TRIDENT} {UNTRIED}",
    ),
    _tile(
        "virchow2",
        "Virchow 2",
        Timm("vit_huge_patch14_224", {**_VIRCHOW, "reg_tokens": 4}),
        **vit("H", 14, prefix_tokens=5),
        **BY_NC_ND,
        **gated("paige-ai/Virchow2", "pytorch_model.bin", 2525),
        notes=f"{_ACCESS} Trained at 5x to 40x. {_TRIDENT} {UNTRIED}",
    ),
    _tile(
        "hibou-b",
        "Hibou-B",
        Timm("vit_base_patch14_reg4_dinov2", {"img_size": 224}),
        **vit("B", 14, prefix_tokens=5),
        **APACHE,
        **_HIBOU,
        **gated("histai/hibou-b", "model.safetensors", 343),
        intended_use=_ANY_STAIN,
        notes=f"Its own code was not read; the layout is DINOv2's. {UNTRIED}",
    ),
    _tile(
        "hibou-l",
        "Hibou-L",
        Timm("vit_large_patch14_reg4_dinov2", {"img_size": 224}),
        **vit("L", 14, prefix_tokens=5),
        **APACHE,
        **_HIBOU,
        **gated("histai/hibou-L", "model.safetensors", 1213),
        intended_use=_ANY_STAIN,
        notes=f"Its own code was not read; the layout is DINOv2's. {UNTRIED}",
    ),
    _tile(
        "h-optimus-1",
        "H-optimus-1",
        Timm("vit_giant_patch14_reg4_dinov2", _FOURTEEN),
        **vit("g", 14, prefix_tokens=5),
        **BY_NC_ND,
        **_BIOPTIMUS,
        **gated("bioptimus/H-optimus-1", "pytorch_model.bin", 4546),
        notes=f"{_ACCESS} Users report long waits. {_TRIDENT} {UNTRIED}",
    ),
    _tile(
        "h0-mini",
        "H0-mini",
        Timm(
            "vit_base_patch14_reg4_dinov2",
            {"img_size": 224, "mlp_ratio": 5.33334, "mlp": SWIGLU},
        ),
        **{**vit("B", 14, prefix_tokens=5), "architecture": "ViT-B/14, SwiGLU"},
        **BY_NC_ND,
        **_BIOPTIMUS,
        **gated("bioptimus/H0-mini", "pytorch_model.bin", 343),
        notes=(
            "Distilled from H-optimus-0, whose normalisation is assumed; its hub "
            f"settings were not read. {UNTRIED}"
        ),
    ),
    _tile(
        "openmidnight",
        "OpenMidnight",
        Timm("vit_giant_patch14_reg4_dinov2", {"img_size": 224}),
        **vit("g", 14, prefix_tokens=5),
        **APACHE,
        **gated("SophontAI/OpenMidnight", "teacher_checkpoint_load.pt", 4546),
        notes=f"A replication of Midnight. {UNTRIED}",
    ),
    _tile(
        "gigapath",
        "Prov-GigaPath, tiles",
        Timm(
            "vit_giant_patch14_dinov2",
            {**_SIXTEEN, "mlp_ratio": 5.33334},
        ),
        **vit("g", 16),
        **_GIGAPATH,
        **gated("prov-gigapath/prov-gigapath", "pytorch_model.bin", 4546),
        notes=(
            f"{_ACCESS} Its patches are 16 pixels in spite of timm's name. "
            f"{_TRIDENT} {UNTRIED}"
        ),
    ),
    _tile(
        "gigapath-flash",
        "Prov-GigaPath Flash, tiles",
        Timm(
            "vit_small_patch16_224",
            {"init_values": 1e-5, "mlp_ratio": 2048 / 384, "mlp": SWIGLU},
        ),
        **{**vit("S", 16), "architecture": "ViT-S/16, SwiGLU"},
        **UNKNOWN,
        **gated("prov-gigapath/prov-gigapath-flash", "pytorch_model.bin", 87),
        notes=f"Licence not read. {UNTRIED}",
    ),
    _tile(
        "mstar",
        "mSTAR",
        Timm("vit_large_patch16_224", {"init_values": 1e-5}),
        **vit("L", 16),
        **UNKNOWN,
        **gated("Wangyh/mSTAR", "pytorch_model.bin", 1213),
        notes=f"Normalisation from memory. {UNTRIED}",
    ),
    _tile(
        "digepath",
        "Digepath",
        Timm("vit_large_patch16_224", {"init_values": 1e-5}),
        **vit("L", 16),
        **UNKNOWN,
        **gated("xtxx/Digepath", "model.safetensors", 1213),
        intended_use=use("Features of gastrointestinal H&E tiles at 20x"),
        notes=f"Licence not read. {UNTRIED}",
    ),
    _tile(
        "pathorchestra",
        "PathOrchestra",
        Timm("vit_large_patch16_224", {"init_values": 1e-5}),
        **vit("L", 16),
        **BY_NC_ND,
        **gated("AI4Pathology/PathOrchestra", "pytorch_model.bin", 1213),
        notes=f"That it is a ViT-L/16 is assumed. {UNTRIED}",
    ),
)

_ABSENT = (
    _absent(
        "pathoduet-he",
        "PathoDuet, H&E",
        OWN_CODE,
        **{**vit("B", 16), "architecture": "ViT-B/16 with a pretext token"},
        **BY_NC,
        **PLAIN,
        **by_hand("https://github.com/openmedlab/PathoDuet"),
    ),
    _absent(
        "conch-v1.5",
        "CONCH v1.5, image tower",
        OWN_CODE,
        **vit("L", 16, input_size=448),
        **BY_NC_ND,
        **gated("MahmoodLab/conchv1_5", "pytorch_model_vision.bin", 1220),
    ),
    _absent(
        "remedis",
        "REMEDIS, pathology",
        "its weights are TensorFlow files behind PhysioNet's credentials",
        architecture="BiT ResNet-50x1 and 152x2",
        dim=2048,
        page="https://physionet.org/content/medical-ai-research-foundation/1.0.0/",
        **{**licence("PhysioNet credentialed licence", commercial=False)},
    ),
    _absent(
        "rudolfv",
        "RudolfV",
        NOT_PUBLIC,
        architecture="ViT-L/14",
        patch=14,
        dim=1024,
    ),
    _absent(
        "rudolfv-2",
        "RudolfV 2",
        "its network's settings were not seen; if its config.json names a type that "
        "`models add` knows, add it from its folder",
        architecture="ViT-g, also B and S",
        patch=14,
        dim=1536,
        page="https://huggingface.co/Aignostics/RudolfV-2",
        **_RUDOLFV,
    ),
    _absent(
        "pluto",
        "PLUTO",
        NOT_PUBLIC,
        architecture="FlexiViT-S",
        parameters=22,
    ),
    _absent(
        "atlas",
        "Atlas",
        NOT_PUBLIC,
        architecture="ViT-H/14",
        patch=14,
        parameters=632,
    ),
    _absent(
        "beph",
        "BEPH",
        OWN_CODE,
        architecture="BEiT v2 ViT-B/16",
        patch=16,
        dim=768,
        parameters=86,
        page="https://github.com/Zhcyoung/BEPH",
        **GPL,
    ),
    _absent(
        "path-foundation",
        "Path Foundation",
        "its weights are a TensorFlow program, which this program does not run",
        architecture="ViT-S/16",
        patch=16,
        dim=384,
        page="https://huggingface.co/google/path-foundation",
        gated=True,
        **_HAI_DEF,
    ),
    _absent(
        "genbio-pathfm",
        "GenBio-PathFM",
        OWN_CODE,
        architecture="ViT, 1.1 billion parameters",
        patch=16,
        dim=4608,
        parameters=1100,
        page="https://huggingface.co/genbio-ai/genbio-pathfm",
        mean=(0.697, 0.575, 0.728),
        std=(0.188, 0.240, 0.187),
        **_GENBIO,
    ),
)

ENTRIES = (*_LUNIT_ENTRIES, *_KAIKO_ENTRIES, *_OPEN, *_GATED, *_ABSENT)
