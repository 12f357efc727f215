"""Pixels that stay in their TIFF file until asked for."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


class LazyTiff:
    """One level of a file's first image series; the file closes with the object.

    Parameters
    ----------
    level
        0 is the finest.
    """

    def __init__(self, path: Path, level: int) -> None:
        import tifffile
        import zarr

        store: Any = tifffile.imread(
            path, aszarr=True, series=0, level=level, _multifile=False
        )
        weakref.finalize(self, store.close)
        self._array: Any = zarr.open_array(store, mode="r")

    @property
    def shape(self) -> tuple[int, ...]:
        """Size along each axis."""
        return tuple(int(n) for n in self._array.shape)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a pixel."""
        kind: np.dtype[Any] = np.dtype(self._array.dtype)
        return kind

    def __getitem__(self, index: Any) -> NDArray[Any]:
        """Read a part."""
        return np.asarray(self._array[index])

    def __array__(
        self, dtype: DTypeLike | None = None, copy: bool | None = None
    ) -> NDArray[Any]:
        """Read all."""
        return np.asarray(self[...], dtype)
