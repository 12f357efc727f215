"""Segmenters that cannot be loaded here: why, and where they run."""

from __future__ import annotations

from typing import Any

from napari_medfm.core.specs import SegmenterSpec
from napari_medfm.segmenters._spec import described

_OWN = "its network belongs to its own code, which this program does not run"


def _absent(name: str, title: str, why: str, **facts: Any) -> SegmenterSpec:
    standing: dict[str, Any] = {
        "architecture": "not stated",
        "input_size": 0,
        "dimension": 3,
    }
    use = facts.pop("use", "Outlining objects in volumes")
    return described(name, title, use, absent=why, **{**standing, **facts})


SPECS = (
    _absent(
        "sam-hq",
        "SAM-HQ",
        "its decoder has a second output path that is not rebuilt here",
        domain="general",
        dimension=2,
        architecture="SAM with a high-quality token",
        page="https://huggingface.co/syscv-community/sam-hq-vit-base",
    ),
    _absent(
        "sam-med3d",
        "SAM-Med3D turbo",
        f"{_OWN}; the package medim runs it",
        architecture="3-D ViT",
        page="https://huggingface.co/blueyo0/SAM-Med3D",
    ),
    _absent(
        "segvol",
        "SegVol",
        _OWN,
        architecture="3-D ViT-B with text, clicks and boxes",
        licence="MIT",
        page="https://huggingface.co/BAAI/SegVol",
    ),
    _absent(
        "sat",
        "SAT",
        _OWN,
        architecture="U-Net with text queries",
        licence="not stated; ask the authors",
        commercial=False,
        page="https://huggingface.co/zzh99/SAT",
    ),
    _absent(
        "biomedparse",
        "BiomedParse",
        _OWN,
        dimension=2,
        architecture="Focal network with text queries",
        page="https://huggingface.co/microsoft/BiomedParse",
    ),
    _absent(
        "efficient-medsam2",
        "Efficient MedSAM2",
        _OWN,
        architecture="EfficientTAM",
        licence="code Apache-2.0; weights reported as research only",
        commercial=False,
        page="https://huggingface.co/wanglab/MedSAM2",
    ),
    _absent(
        "medical-sam-adapter",
        "Medical SAM Adapter",
        _OWN,
        architecture="SAM ViT-B with adapters",
        licence="GPL-3.0",
        page="https://huggingface.co/KidsWithTokens/Medical-Adapter-Zoo",
    ),
    _absent(
        "samed",
        "SAMed",
        f"{_OWN}; it takes no prompts",
        dimension=2,
        architecture="SAM ViT-B with LoRA",
        licence="MIT",
        page="https://github.com/hitachinsk/SAMed",
    ),
    _absent(
        "ma-sam",
        "MA-SAM",
        _OWN,
        architecture="SAM with 3-D adapters",
        page="https://github.com/cchen-cc/MA-SAM",
    ),
    _absent(
        "cellsam",
        "CellSAM",
        f"{_OWN}, and its weights ask for a DeepCell account",
        domain="general",
        dimension=2,
        architecture="SAM ViT-B with a detector of cells",
        licence="modified Apache, not commercial",
        commercial=False,
        page="https://github.com/vanvalenlab/cellSAM",
    ),
    _absent(
        "cellvit",
        "CellViT",
        f"{_OWN}; the package cellvit runs it, and its masks open here",
        domain="pathology",
        dimension=2,
        architecture="SAM-H, HIPT, UNI or Virchow with decoders",
        licence="Apache-2.0, in parts with Commons Clause",
        commercial=False,
        page="https://github.com/TIO-IKIM/CellViT",
    ),
    _absent(
        "cellpose-sam",
        "Cellpose-SAM",
        f"{_OWN}; the package cellpose runs it, and its masks open here",
        domain="general",
        dimension=2,
        architecture="SAM ViT-L encoder with flows",
        licence="BSD-3-Clause (code)",
        page="https://huggingface.co/mouseland/cellpose-sam",
    ),
)
