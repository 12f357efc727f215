"""Where networks run."""

from __future__ import annotations

from napari_medfm.core.errors import BadInput
from napari_medfm.engine.preferences import BEST, settled


def device_of(wanted: str | None) -> str:
    """Return a torch device that is there; the preferred one, or the best, if None.

    Raises
    ------
    BadInput
        If the wanted one is not.
    """
    import torch

    has = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    named = ""
    if wanted is None:
        preferred = settled("device")
        if preferred.value == BEST:
            return next(name for name, there in has.items() if there)
        wanted, named = preferred.value, f" (named by the {preferred.why})"
    if not has.get(wanted.split(":")[0], False):
        there = ", ".join(name for name, is_there in has.items() if is_there)
        raise BadInput(
            f"There is no device {wanted!r} on this machine{named}: use {there}"
        )
    return wanted
