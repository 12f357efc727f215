"""MobileSAM, and micro-sam's models for light and electron microscopy and tissue.

All are SAM's networks; the smallest have TinyViT as their image encoder, which is that
of LiteMedSAM with strides in its first two layers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_medfm.core.specs import SegmenterSpec, Source
from napari_medfm.engine.samlike import SamLike, fill, whole_model
from napari_medfm.engine.torchload import import_torch
from napari_medfm.segmenters._spec import described

_BIOIMAGE = "https://uk1s3.embassy.ebi.ac.uk/public-datasets/bioimage.io"
_OWNCLOUD = "https://owncloud.gwdg.de/index.php/s"
_MB = {"t": 41, "b": 375, "l": 1250, "h": 2565}
_MILLIONS = {"t": 10, "b": 94, "l": 312, "h": 641}
_UNTRIED = "Loading was tested with random weights in this layout, not the release."


def _micro(letter: str, what: str, title: str, use: str, url: str) -> SegmenterSpec:
    tiny = letter == "t"
    return described(
        f"micro-sam-vit-{letter}-{what}",
        f"{title}, ViT-{letter.upper()}",
        use,
        domain="pathology" if what == "tissue" else "general",
        architecture=f"{'TinyViT' if tiny else f'ViT-{letter.upper()}/16'} and SAM",
        parameters=_MILLIONS[letter],
        licence="MIT (code and models of micro-sam)",
        page="https://github.com/computational-cell-analytics/micro-sam",
        sources=(Source("url", url, "model.pt", size=_MB[letter] * 1_000_000),),
        verified=True,
        notes=(
            "The address was read in micro_sam/util.py. Its decoder for automatic "
            f"instances is not used. {_UNTRIED}"
        ),
    )


_CELLS = "Outlining cells and nuclei in light microscopy"
_ORGANELLES = "Outlining organelles in electron microscopy"
_TISSUE = "Outlining nuclei in H&E tissue"

SPECS = (
    described(
        "mobile-sam",
        "MobileSAM",
        "Outlining objects in any picture, on a processor",
        domain="general",
        architecture="TinyViT and SAM",
        parameters=10,
        page="https://github.com/ChaoningZhang/MobileSAM",
        sources=(
            Source(
                "url",
                "https://github.com/ChaoningZhang/MobileSAM/raw/master/weights/"
                "mobile_sam.pt",
                size=40_700_000,
            ),
        ),
        notes=f"Trained on photographs, not on medical images. {_UNTRIED}",
    ),
    _micro(
        "t",
        "cells",
        "micro-sam, cells",
        _CELLS,
        f"{_BIOIMAGE}/faithful-chicken/1.1/files/vit_t.pt",
    ),
    _micro(
        "b",
        "cells",
        "micro-sam, cells",
        _CELLS,
        f"{_BIOIMAGE}/diplomatic-bug/1.2/files/vit_b.pt",
    ),
    _micro(
        "l",
        "cells",
        "micro-sam, cells",
        _CELLS,
        f"{_BIOIMAGE}/idealistic-rat/1.2/files/vit_l.pt",
    ),
    _micro(
        "t",
        "organelles",
        "micro-sam, organelles",
        _ORGANELLES,
        f"{_BIOIMAGE}/greedy-whale/1/files/vit_t.pt",
    ),
    _micro(
        "b",
        "organelles",
        "micro-sam, organelles",
        _ORGANELLES,
        f"{_BIOIMAGE}/noisy-ox/1.2/files/vit_b.pt",
    ),
    _micro(
        "l",
        "organelles",
        "micro-sam, organelles",
        _ORGANELLES,
        f"{_BIOIMAGE}/humorous-crab/1.2/files/vit_l.pt",
    ),
    _micro("b", "tissue", "PathoSAM", _TISSUE, f"{_OWNCLOUD}/sBB4H8CTmIoBZsQ/download"),
    _micro("l", "tissue", "PathoSAM", _TISSUE, f"{_OWNCLOUD}/IZgnn1cpBq2PHod/download"),
    _micro("h", "tissue", "PathoSAM", _TISSUE, f"{_OWNCLOUD}/L7AcvVz7DoWJ2RZ/download"),
    _micro(
        "b",
        "medical",
        "MedicoSAM",
        "Outlining objects in medical images of many kinds",
        f"{_OWNCLOUD}/f5Ol4FrjPQWfjUF/download",
    ),
)


def build(letter: str) -> Any:
    """Return SAM with the image encoder of a size, random weights."""
    import_torch()
    if letter != "t":
        from segment_anything import sam_model_registry

        return sam_model_registry[f"vit_{letter}"](checkpoint=None)
    from torch import nn

    from napari_medfm.segmenters import lite_medsam

    network = lite_medsam.build()
    stem = network.image_encoder.patch_embed
    normed, width = type(stem.seq[0]), stem.embed_dim
    stem.seq = nn.Sequential(
        normed(3, width // 2, 3, 2, 1),
        nn.GELU(),
        normed(width // 2, width, 3, 2, 1),
    )
    network.prompt_encoder.input_image_size = (1024, 1024)
    return network


def load(spec: SegmenterSpec, path: Path, device: str | None) -> SamLike:
    """Return the segmenter with the weights of a file.

    Raises
    ------
    BadFile
        If the file does not hold this model's tensors.
    """
    from napari_medfm.engine.weights import read_tensors, weights_hash

    letter = "t" if spec.name == "mobile-sam" else spec.name.split("-")[3]
    tensors = {
        name: tensor
        for name, tensor in whole_model(read_tensors(path)).items()
        if not name.startswith(("image_encoder.norm_head.", "image_encoder.head."))
    }
    network = fill(build(letter), tensors, spec.title)
    return SamLike(spec, network, weights_hash(path, tensors), device=device)
