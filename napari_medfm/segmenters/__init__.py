"""The promptable segmenters: their facts, and how to load one."""

from __future__ import annotations

import difflib
from pathlib import Path

from napari_medfm.core.errors import BadInput
from napari_medfm.core.jobs import Steps
from napari_medfm.core.specs import Segmenter, SegmenterSpec
from napari_medfm.segmenters import lite_medsam, medsam, sam


def specs() -> tuple[SegmenterSpec, ...]:
    """Facts of every segmenter, the default first."""
    return (lite_medsam.SPEC, medsam.SPEC, *sam.SPECS)


def spec_of(name: str) -> SegmenterSpec:
    """Facts of one segmenter.

    Raises
    ------
    BadInput
        If there is none of this name.
    """
    known = {spec.name: spec for spec in specs()}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3) or list(known)
        raise BadInput(f"No segmenter is called {name!r}: try {', '.join(near)}")
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

    Parameters
    ----------
    device
        Torch device, such as "cuda"; the processor if None.
    cache_dir, weights
        Where to look: a named file, then the cache, then an installed package.
    offline
        Makes no difference to loading; taken so that callers can pass their settings.

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

    spec = spec_of(name)
    path = locate(spec, weights=weights, cache_dir=cache_dir)
    if spec.name == lite_medsam.SPEC.name:
        return lite_medsam.load(path, device)
    if spec.name == medsam.SPEC.name:
        return medsam.load(path, device)
    return sam.load(spec, path, device)


def fetch(
    name: str, *, cache_dir: Path | None = None, offline: bool | None = None
) -> Steps[Path]:
    """Download a segmenter's weights into the cache; the user asked for it."""
    from napari_medfm.engine import weights

    return weights.fetch(spec_of(name), cache_dir=cache_dir, offline=offline)


def is_installed(name: str, cache_dir: Path | None = None) -> bool:
    """Whether `load` would find weights."""
    from napari_medfm.engine.weights import is_here

    return is_here(spec_of(name), cache_dir=cache_dir)
