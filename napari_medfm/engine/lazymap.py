"""A map of a token grid at full resolution, made only where it is looked at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import Box, Grid
from napari_medfm.core.lazy import LazyArray
from napari_medfm.engine.upsample import upsample_maps

Floats = NDArray[np.float32]


def lazy_map(values: Floats, grid: Grid, shape: tuple[int, int]) -> LazyArray:
    """Return a map (rows, cols) of tokens as an array of a plane's shape.

    Each part equals that part of `napari_medfm.engine.upsample.upsample`. Where a token
    is NaN, so are the pixels between it and its neighbours.
    """

    def read(index: tuple[slice, ...]) -> Floats:
        rows, cols = index
        box = Box(rows.start, cols.start, rows.stop, cols.stop)
        tokens, own = grid.part(box)
        size = (rows.stop - rows.start, cols.stop - cols.start)
        known = np.isfinite(values[tokens])
        maps = np.stack([np.where(known, values[tokens], 0), known]).astype(np.float32)
        found, seen = upsample_maps(maps, own, size)
        return np.where(seen > 1 - 1e-3, found, np.float32(np.nan))

    return LazyArray(tuple(shape), np.dtype(np.float32), read)


def pyramid_of(
    values: Floats, grid: Grid, levels: list[tuple[int, int]]
) -> list[LazyArray]:
    """Return the map at every level of a pyramid, (rows, cols) of each finest first."""
    found = []
    for size in levels:
        row, col = (n / m for n, m in zip(levels[0], size, strict=True))
        offset = (
            (grid.offset[0] + 0.5) / row - 0.5,
            (grid.offset[1] + 0.5) / col - 0.5,
        )
        stride = (grid.stride[0] / row, grid.stride[1] / col)
        found.append(lazy_map(values, Grid(grid.rows, grid.cols, stride, offset), size))
    return found
