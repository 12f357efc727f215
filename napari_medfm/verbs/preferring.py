"""Preferences that depend on this machine: checked before they are kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from napari_medfm import encoders, segmenters
from napari_medfm.core.errors import BadInput
from napari_medfm.core.specs import ModelSpec
from napari_medfm.engine.cacheplace import check_writable
from napari_medfm.engine.device import device_of
from napari_medfm.engine.preferences import BEST, KEYS, in_form, keep, settled
from napari_medfm.engine.torchload import import_torch

_MODELS: dict[str, Callable[[str], ModelSpec]] = {
    "encoder": encoders.spec_of,
    "segmenter": segmenters.spec_of,
}


def check_here(name: str, value: str) -> None:
    """Refuse what this machine cannot do. May take seconds: not for a window's thread.

    Raises
    ------
    BadInput
        If there is no such preference, value, device or model.
    WriteFailed
        If nothing can be written in a folder.
    """
    value = in_form(name, value)
    if name == "device" and value != BEST:
        import_torch()
        device_of(value)
    elif name == "cache":
        check_writable(Path(value))
    elif name in _MODELS:
        spec = _MODELS[name](value)
        if spec.absent:
            raise BadInput(f"{value} cannot be loaded here: {spec.absent}")


def prefer(name: str, value: str | None) -> None:
    """Check a preference and keep it; None goes back to the default.

    Raises
    ------
    BadInput, WriteFailed
        As `check_here`, and as `napari_medfm.engine.preferences.keep`.
    """
    if value is not None:
        check_here(name, value)
    keep(name, value)


def usable_model(kind: str) -> str:
    """Return the preferred encoder or segmenter, or the default where it is unknown.

    A catalogue changes, and what was preferred once must not keep a window closed.
    """
    name = settled(kind).value
    try:
        return _MODELS[kind](name).name
    except BadInput:
        return KEYS[kind].default()
