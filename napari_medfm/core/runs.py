"""Masks as short text, so that a script or a journal can hold a brush stroke."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadInput

_FORM = re.compile(r"\d+(x\d+)*:(\d+\+\d+( \d+\+\d+)*)?")
_MAX_PIXELS = 2**34


class Runs(str):
    """A boolean mask written as its shape and its runs of true pixels.

    ``"3x4:1+2 9+1"`` is a 3 x 4 mask whose true pixels, counted row by row, are two
    from number 1 and one from number 9.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"runs({str(self)!r})"

    @classmethod
    def of(cls, mask: NDArray[np.bool_]) -> Runs:
        """Write a mask."""
        flat = np.concatenate([[False], np.asarray(mask, bool).ravel(), [False]])
        edges = np.flatnonzero(flat[1:] != flat[:-1])
        pairs = zip(edges[::2], edges[1::2], strict=True)
        text = " ".join(f"{start}+{stop - start}" for start, stop in pairs)
        return cls("x".join(map(str, mask.shape)) + ":" + text)

    def mask(self) -> NDArray[np.bool_]:
        """Read the mask back.

        Raises
        ------
        BadInput
            If the text is not of this form, or a run leaves the shape.
        """
        if not _FORM.fullmatch(self):
            raise BadInput(f"Not a mask in runs, such as '3x4:1+2 9+1': {self[:40]!r}")
        shape_text, _, body = self.partition(":")
        shape = tuple(int(n) for n in shape_text.split("x"))
        size = int(np.prod([float(n) for n in shape]))
        if size > _MAX_PIXELS:
            raise BadInput(f"A mask of shape {shape} is larger than any image here")
        flat = np.zeros(size, bool)
        for run in body.split():
            start, length = (int(n) for n in run.split("+"))
            if start + length > size:
                raise BadInput(f"The run {run} leaves a mask of shape {shape}")
            flat[start : start + length] = True
        return flat.reshape(shape)


def runs(text: str) -> Runs:
    """Name a mask written as text; every verb that takes a mask takes it."""
    return Runs(text)


def as_mask(value: Any) -> NDArray[np.bool_]:
    """Return a boolean array from an array, a `Runs`, or anything with ``.data``.

    Raises
    ------
    BadInput
        If it holds anything but true and false (or 0 and one other value).
    """
    if isinstance(value, Runs):
        return value.mask()
    data = getattr(value, "data", value)
    array = np.asarray(value if isinstance(data, memoryview) else data)
    if array.dtype.kind not in "bui":
        raise BadInput(f"A mask holds true and false, not {array.dtype}")
    return array if array.dtype == bool else array != 0
