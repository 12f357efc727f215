"""An array that is made where it is looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

_BAND = 1 << 23
Read = Callable[[tuple[slice, ...]], NDArray[Any]]


@dataclass(frozen=True, eq=False)
class LazyArray:
    """Looks like an array to NumPy, napari, dask and zarr; holds nothing.

    Parameters
    ----------
    shape, dtype
        Of the whole.
    read
        Makes the part between slices of step 1, one an axis, inside the shape.
    levels
        Coarser copies, finest first, this one not included: to be looked at.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Read
    levels: tuple[Any, ...] = ()

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> NDArray[Any]:
        """Make a part; integers, slices with steps from 1, and ``...`` are known."""
        asked = index if isinstance(index, tuple) else (index,)
        if Ellipsis in asked:
            at = asked.index(Ellipsis)
            fill = (slice(None),) * (self.ndim - len(asked) + 1)
            asked = (*asked[:at], *fill, *asked[at + 1 :])
        asked += (slice(None),) * (self.ndim - len(asked))
        if len(asked) != self.ndim:
            raise IndexError(f"{len(asked)} indices for {self.ndim} axes")
        wanted, then = [], []
        for part, size in zip(asked, self.shape, strict=True):
            first, rest = _simple(part, size)
            wanted.append(first)
            then.append(rest)
        shape = [w.stop - w.start for w in wanted]
        found = self.read(tuple(wanted)) if min(shape) else np.empty(shape, self.dtype)
        return np.asarray(found, self.dtype)[tuple(then)]

    def __array__(
        self, dtype: DTypeLike | None = None, copy: bool | None = None
    ) -> NDArray[Any]:
        """Make all of it."""
        return np.asarray(self[...], dtype)


def counts_of(labels: Any) -> Counter[int]:
    """Count each value of a label map, band by band; works on any kind of array."""
    counts: Counter[int] = Counter()
    planes = labels.shape[0] if len(labels.shape) == 3 else 1
    rows, cols = labels.shape[-2:]
    step = max(1, _BAND // max(1, cols))
    for plane in range(planes):
        for first in range(0, rows, step):
            band = slice(first, first + step)
            index = (plane, band) if len(labels.shape) == 3 else (band,)
            _count(np.asarray(labels[index]), counts)
    return counts


def _count(part: NDArray[Any], counts: Counter[int]) -> None:
    if not part.size:
        return
    if not part.any():
        # Most of a slide has no label, and this is ten times faster than counting.
        counts[0] += part.size
    elif part.dtype in (np.uint8, np.uint16):
        numbers = np.bincount(part.ravel())
        for value in np.flatnonzero(numbers).tolist():
            counts[value] += int(numbers[value])
    else:
        values, found = np.unique(part, return_counts=True)
        counts.update(dict(zip(values.tolist(), found.tolist(), strict=True)))


def values_of(labels: Any) -> list[int]:
    """Return the values of a label map, in order; works on any kind of array."""
    return sorted(counts_of(labels))


def _simple(part: Any, size: int) -> tuple[slice, int | slice]:
    """Split an index into the range to make and what to take of it."""
    if isinstance(part, slice):
        start, stop, step = part.indices(size)
        if step < 1:
            raise IndexError("a lazy array is read forwards")
        return slice(start, max(start, stop)), slice(None, None, step)
    number = int(part)
    if not -size <= number < size:
        raise IndexError(f"index {number} is out of {size}")
    return slice(number % size, number % size + 1), 0
