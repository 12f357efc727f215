"""Masks and pixel lists kept small: undo may hold thousands of them.

What was packed gives a new array at each look, read-only: nobody can change what undo
will return, nor believe to have changed it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
Bools = NDArray[np.bool_]
_MANY = 2048


@dataclass(frozen=True, eq=False, slots=True)
class Bits:
    """A plane's mask as the bits of the box that its true pixels lie in.

    Parameters
    ----------
    shape
        Of the mask.
    rows, cols
        First and one past the last of the box.
    bits
        One a pixel of the box, row by row.
    """

    shape: tuple[int, int]
    rows: tuple[int, int]
    cols: tuple[int, int]
    bits: bytes

    @classmethod
    def of(cls, mask: Bools) -> Self:
        """Pack a mask (rows, cols)."""
        down, across = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        rows = (int(down[0]), int(down[-1]) + 1) if down.size else (0, 0)
        cols = (int(across[0]), int(across[-1]) + 1) if across.size else (0, 0)
        part = mask[slice(*rows), slice(*cols)]
        size = (int(mask.shape[0]), int(mask.shape[1]))
        return cls(size, rows, cols, np.packbits(part).tobytes())

    def mask(self) -> Bools:
        """Return the mask, a new array."""
        mask = np.zeros(self.shape, bool)
        part = mask[slice(*self.rows), slice(*self.cols)]
        flat = np.unpackbits(np.frombuffer(self.bits, np.uint8), count=part.size)
        part[:] = flat.reshape(part.shape)
        return mask

    @property
    def nbytes(self) -> int:
        """Memory held."""
        return len(self.bits)


@dataclass(frozen=True, eq=False, slots=True)
class Spans:
    """Many pixels in ascending order, as their runs within the box around them.

    Parameters
    ----------
    origin, size
        The box.
    first, count
        Flat index in the box and length of each run.
    """

    origin: NDArray[np.int32]
    size: tuple[int, ...]
    first: NDArray[np.int64]
    count: NDArray[np.int32]

    @classmethod
    def of(cls, pixels: NDArray[np.int32]) -> Self | None:
        """Pack pixels (n, axes); None if they are in another order."""
        origin = pixels.min(0)
        size = tuple((pixels.max(0) - origin + 1).tolist())
        flat = np.ravel_multi_index(tuple((pixels - origin).T), size)
        steps = np.diff(flat, prepend=-2)
        if (steps <= 0).any():
            return None
        starts = np.flatnonzero(steps != 1)
        count = np.diff(starts, append=flat.size).astype(np.int32)
        return cls(origin, size, flat[starts].astype(np.int64), count)

    def pixels(self) -> NDArray[np.int32]:
        """Return the pixels, a new array."""
        before = np.cumsum(self.count) - self.count
        flat = np.repeat(self.first - before, self.count) + np.arange(self.count.sum())
        places = np.stack(np.unravel_index(flat, self.size), axis=1)
        return (places + self.origin).astype(np.int32)

    @property
    def nbytes(self) -> int:
        """Memory held."""
        return self.origin.nbytes + self.first.nbytes + self.count.nbytes


class _Kept:
    """A field that is packed when set, or by `pack`, and unpacked at each look."""

    def __init__(self, name: str, at_once: bool) -> None:
        self._slot = f"_{name}"
        self._at_once = at_once

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else _unpacked(vars(instance)[self._slot])

    def __set__(self, instance: object, value: Any) -> None:
        vars(instance)[self._slot] = _packed(value) if self._at_once else value

    def pack(self, instance: object) -> None:
        """Pack what is there."""
        vars(instance)[self._slot] = _packed(vars(instance)[self._slot])


def keeping_small(
    *names: str, later: tuple[str, ...] = ()
) -> Callable[[type[T]], type[T]]:
    """Keep these fields of a frozen dataclass packed.

    Masks of a plane, alone or in a tuple, become `Bits`, and many pixels in ascending
    order `Spans`; anything else stays as it is, masks of volumes too.

    Parameters
    ----------
    later
        Fields that stay as they were given until `pack`.
    """

    def keeping(made: type[T]) -> type[T]:
        for name in (*names, *later):
            setattr(made, name, _Kept(name, name in names))
        return made

    return keeping


def pack(value: object) -> None:
    """Pack all of a value's fields that can be."""
    for field in vars(type(value)).values():
        if isinstance(field, _Kept):
            field.pack(value)


def nbytes_of(value: Any) -> int:
    """Return the memory that the arrays of a frozen value hold, as it keeps them."""
    kept = vars(value).values()
    parts = [p for k in kept for p in (k if isinstance(k, tuple) else (k,))]
    return sum(p.nbytes for p in parts if isinstance(p, (Bits, Spans, np.ndarray)))


def _packed(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_packed, value))
    if not isinstance(value, np.ndarray) or value.ndim != 2:
        return value
    if value.dtype == bool:
        return Bits.of(value)
    is_long = value.dtype == np.int32 and len(value) >= _MANY
    return (Spans.of(value) if is_long else None) or value


def _unpacked(kept: Any) -> Any:
    if isinstance(kept, tuple):
        return tuple(map(_unpacked, kept))
    if not isinstance(kept, (Bits, Spans)):
        return kept
    array: NDArray[Any] = kept.mask() if isinstance(kept, Bits) else kept.pixels()
    array.flags.writeable = False
    return array
