"""Where networks run."""

from __future__ import annotations

from napari_medfm.core.errors import BadInput


def device_of(wanted: str | None) -> str:
    """Return a torch device that is there; the best if None.

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
    if wanted is None:
        return next(name for name, there in has.items() if there)
    if not has.get(wanted.split(":")[0], False):
        there = ", ".join(name for name, is_there in has.items() if is_there)
        raise BadInput(f"There is no device {wanted!r} on this machine: use {there}")
    return wanted
