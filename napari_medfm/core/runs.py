"""Masks as short text, so that a script or a journal can hold a brush stroke."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.arguments import array_of
from napari_medfm.core.errors import BadInput

_FORM = re.compile(r"\d+(x\d+)*:(\d+\+\d+( \d+\+\d+)*)?")
_VALUES = re.compile(r"\d+(x\d+)*:\d{1,10}\*\d{1,10}( \d{1,10}\*\d{1,10})*")
_MAX_PIXELS = 2**34
_DIGITS = 11


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

    @classmethod
    def of_indices(cls, flat: NDArray[np.integer[Any]], shape: Sequence[int]) -> Runs:
        """Write the mask whose true pixels have these ascending flat indices."""
        starts = np.flatnonzero(np.diff(flat, prepend=-2) != 1)
        counts = np.diff(starts, append=flat.size)
        pairs = zip(flat[starts].tolist(), counts.tolist(), strict=True)
        text = " ".join(f"{start}+{count}" for start, count in pairs)
        return cls("x".join(map(str, shape)) + ":" + text)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the mask.

        Raises
        ------
        BadInput
            If the text is not of this form, or the shape is absurd.
        """
        if not _FORM.fullmatch(self):
            raise BadInput(f"Not a mask in runs, such as '3x4:1+2 9+1': {self[:40]!r}")
        return _shape_of(self)

    def spans(self) -> NDArray[np.int64]:
        """Read first and one past last flat index of each run, (n, 2), ascending.

        Raises
        ------
        BadInput
            If the text is not of this form, a run leaves the shape, or runs overlap.
        """
        size = math.prod(self.shape)
        text = self.partition(":")[2].replace("+", " ").split()
        if max(map(len, text), default=0) > _DIGITS:
            raise BadInput(f"A run leaves a mask of shape {self.shape}")
        found = np.array(text, np.int64).reshape(-1, 2)
        found[:, 1] += found[:, 0]
        if found.max(initial=0) > size:
            raise BadInput(f"A run leaves a mask of shape {self.shape}")
        if (np.diff(found.ravel()) < 0).any():
            raise BadInput("The runs of a mask overlap or are not in order")
        return found

    def indices(self) -> NDArray[np.int64]:
        """Read the flat indices of the true pixels, ascending.

        Raises
        ------
        BadInput
            As `spans`.
        """
        spans = self.spans()
        counts = spans[:, 1] - spans[:, 0]
        before = np.cumsum(counts) - counts
        return np.repeat(spans[:, 0] - before, counts) + np.arange(counts.sum())

    def mask(self) -> NDArray[np.bool_]:
        """Read the mask back.

        Raises
        ------
        BadInput
            As `spans`.
        """
        edges = np.concatenate([[0], self.spans().ravel(), [math.prod(self.shape)]])
        inside = np.arange(edges.size - 1) % 2 == 1
        return np.repeat(inside, np.diff(edges)).reshape(self.shape)


class Values(str):
    """A label map written as its shape and its runs of equal class values.

    ``"2x3:0*4 2*2"`` is a 2 x 3 map of four zeros, then two twos, row by row.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"values({str(self)!r})"

    @classmethod
    def of(cls, labels: NDArray[np.integer[Any]]) -> Values:
        """Write a label map."""
        flat = labels.ravel()
        changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
        starts = np.concatenate([np.zeros(min(1, flat.size), np.intp), changes])
        counts = np.diff(starts, append=flat.size)
        pairs = zip(flat[starts].tolist(), counts.tolist(), strict=True)
        text = " ".join(f"{value}*{count}" for value, count in pairs)
        return cls("x".join(map(str, labels.shape)) + ":" + text)

    def array(self) -> NDArray[np.int64]:
        """Read the label map back.

        Raises
        ------
        BadInput
            If the text is not of this form, or its runs do not fill the shape.
        """
        if not _VALUES.fullmatch(self):
            raise BadInput(f"Not a label map in runs, such as '2x3:0*6': {self[:40]!r}")
        shape = _shape_of(self)
        text = self.partition(":")[2].replace("*", " ").split()
        pairs = np.array(text, np.int64).reshape(-1, 2)
        if pairs[:, 1].sum() != math.prod(shape):
            raise BadInput(f"The runs do not fill a label map of shape {shape}")
        return np.repeat(pairs[:, 0], pairs[:, 1]).reshape(shape)


def _shape_of(text: str) -> tuple[int, ...]:
    numbers = text.partition(":")[0].split("x")
    shape = tuple(int(n[:_DIGITS]) for n in numbers)
    if max(map(len, numbers)) > _DIGITS or math.prod(shape) > _MAX_PIXELS:
        raise BadInput(
            f"A mask of shape {text.partition(':')[0][:60]} is larger than any image "
            "here"
        )
    return shape


def values(text: str) -> Values:
    """Name a label map written as text; `Session.accept` takes it."""
    return Values(text)


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
    array = array_of(value if isinstance(data, memoryview) else data, "A mask")
    if array.dtype.kind not in "bui":
        raise BadInput(f"A mask holds true and false, not {array.dtype}")
    return array if array.dtype == bool else array != 0
