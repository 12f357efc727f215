"""The promptable segmenters: their facts, and how to load one."""

from __future__ import annotations

from pathlib import Path

from napari_medfm.core.errors import BadInput, MissingWeights
from napari_medfm.core.jobs import Steps
from napari_medfm.core.names import meant
from napari_medfm.core.specs import Segmenter, SegmenterSpec
from napari_medfm.segmenters import (
    elsewhere,
    lite_medsam,
    medsam,
    mobile_sam,
    nninteractive,
    sam,
    sam2,
    sam3,
    sam_med2d,
)


def specs() -> tuple[SegmenterSpec, ...]:
    """Facts of every segmenter, the default first."""
    return (
        lite_medsam.SPEC,
        medsam.SPEC,
        sam_med2d.SPEC,
        *sam.SPECS,
        *mobile_sam.SPECS,
        *sam2.SPECS,
        sam3.SPEC,
        nninteractive.SPEC,
        *elsewhere.SPECS,
    )


def spec_of(name: str) -> SegmenterSpec:
    """Facts of one segmenter.

    Raises
    ------
    BadInput
        If there is none of this name.
    """
    known = {spec.name: spec for spec in specs()}
    if name not in known:
        near = meant(str(name), known) or ["lite-medsam"]
        raise BadInput(
            f"No segmenter is called {name!r}: try {', '.join(near)}; "
            "`napari-medfm models list` shows all"
        )
    return known[name]


def load(
    name: str,
    *,
    device: str | None = None,
    cache_dir: Path | None = None,
    offline: bool | None = None,
    weights: Path | None = None,
) -> Segmenter:
    """Load a segmenter from weights on this machine; never downloads.

    nnInteractive alone runs elsewhere: on the server that the user named.

    Parameters
    ----------
    device
        Torch device, such as "cuda"; the processor if None.
    cache_dir, weights
        Where to look: a named file, then the cache, then an installed package.
    offline
        Refuses models that run on a server; makes no other difference to loading.

    Raises
    ------
    BadInput
        If there is no such segmenter.
    MissingWeights
        If its weights are not here; the message says how to get them.
    BadFile
        If they are damaged or another model's.
    """
    from napari_medfm.engine.weights import locate

    spec = _loadable(name)
    if spec.name == nninteractive.SPEC.name:
        return nninteractive.load(offline)
    path = locate(spec, weights=weights, cache_dir=cache_dir)
    if spec.name == lite_medsam.SPEC.name:
        return lite_medsam.load(path, device)
    if spec.name == medsam.SPEC.name:
        return medsam.load(path, device)
    for family in (mobile_sam, sam2):
        if spec in family.SPECS:
            segmenter: Segmenter = family.load(spec, path, device)
            return segmenter
    if spec.name == sam3.SPEC.name:
        return sam3.load(spec, path, device)
    if spec.name == sam_med2d.SPEC.name:
        return sam_med2d.load(spec, path, device)
    return sam.load(spec, path, device)


def fetch(
    name: str, *, cache_dir: Path | None = None, offline: bool | None = None
) -> Steps[Path]:
    """Download a segmenter's weights into the cache; the user asked for it."""
    from napari_medfm.engine import weights

    return weights.fetch(_with_weights(name), cache_dir=cache_dir, offline=offline)


def import_file(name: str, path: Path, *, cache_dir: Path | None = None) -> Path:
    """Check a weights file the user has and keep it in the cache."""
    from napari_medfm.engine import weights

    spec = _with_weights(name)
    load(name, weights=path, device="cpu")
    return weights.import_file(spec, path, cache_dir=cache_dir)


def is_installed(name: str, cache_dir: Path | None = None) -> bool:
    """Whether `load` would find weights."""
    from napari_medfm.engine.weights import is_here

    if name == nninteractive.SPEC.name:
        return nninteractive.is_named()
    return is_here(spec_of(name), cache_dir=cache_dir)


def _loadable(name: str) -> SegmenterSpec:
    spec = spec_of(name)
    if spec.absent:
        raise MissingWeights(f"{spec.title} cannot be loaded here: {spec.absent}")
    return spec


def _with_weights(name: str) -> SegmenterSpec:
    if name == nninteractive.SPEC.name:
        raise MissingWeights(nninteractive.SERVED)
    return _loadable(name)
