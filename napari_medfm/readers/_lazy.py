"""Pixels that stay in their file until asked for."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_medfm.core.errors import BadFile
from napari_medfm.readers._guard import check_size, reading
from napari_medfm.readers._tiffpages import bound_unpacking

_MOST_PIECES = 2**17


class Lazy:
    """An array on disk, cut as NumPy cuts; damage found later is a `BadFile`.

    Parameters
    ----------
    array
        A zarr array.
    path
        The file it comes from, for messages.
    fixed
        One entry an axis of ``array``: an index at which it is cut, or None to keep it.
    close
        Called when the object goes.
    """

    def __init__(
        self,
        array: Any,
        path: Path,
        fixed: tuple[int | None, ...] | None = None,
        close: Callable[[], None] | None = None,
    ) -> None:
        self._array = array
        self._path = path
        self._fixed = fixed or (None,) * len(array.shape)
        if close is not None:
            weakref.finalize(self, close)

    @property
    def shape(self) -> tuple[int, ...]:
        """Size along each axis."""
        sizes = zip(self._array.shape, self._fixed, strict=True)
        return tuple(int(size) for size, at in sizes if at is None)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a pixel."""
        kind: np.dtype[Any] = np.dtype(self._array.dtype)
        return kind

    def __getitem__(self, index: Any) -> NDArray[Any]:
        """Read a part."""
        given = iter(_whole(index, self.ndim))
        key = tuple(next(given) if at is None else at for at in self._fixed)
        with reading(self._path):
            self._check(key)
            return np.asarray(self._array[key])

    def _check(self, key: tuple[Any, ...]) -> None:
        """Refuse to read at once what does not fit, or lies in too many pieces."""
        nbytes, pieces = self.dtype.itemsize, 1
        check_size(self._path, math.prod(self._array.chunks) * nbytes)
        sizes = zip(key, self._array.shape, self._array.chunks, strict=True)
        for part, size, step in sizes:
            if isinstance(part, slice):
                taken = range(size)[part]
                nbytes *= len(taken)
                pieces *= -(-len(taken) * abs(taken.step) // step) or 1
        check_size(self._path, nbytes)
        if pieces > _MOST_PIECES:
            raise BadFile(
                f"{self._path.name} lies in {pieces} pieces where it is read: save it "
                "with larger chunks"
            )

    def __array__(
        self, dtype: DTypeLike | None = None, copy: bool | None = None
    ) -> NDArray[Any]:
        """Read all."""
        check_size(self._path, self.size * self.dtype.itemsize)
        return np.asarray(self[...], dtype)


def _whole(index: Any, ndim: int) -> tuple[Any, ...]:
    """Return an index with one entry an axis."""
    parts = index if isinstance(index, tuple) else (index,)
    dots = [i for i, part in enumerate(parts) if part is Ellipsis]
    missing = (slice(None),) * (ndim - len(parts) + len(dots))
    if not dots:
        return (*parts, *missing)
    return (*parts[: dots[0]], *missing, *parts[dots[0] + 1 :])


def lazy_tiff(path: Path, level: int, series: int = 0) -> Lazy:
    """Open one level of an image series; the file closes with the object.

    Parameters
    ----------
    level
        0 is the finest.
    """
    import tifffile
    import zarr

    with tifffile.TiffFile(path, _multifile=False) as tif:
        chosen = tif.series[series]
        bound_unpacking(chosen.levels[level].keyframe)
        store: Any = chosen.aszarr(level=level)
    return Lazy(zarr.open_array(store, mode="r"), path, close=store.close)
