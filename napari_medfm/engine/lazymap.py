"""A map of a token grid at full resolution, made only where it is looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import Box, Grid
from napari_medfm.core.jobs import Steps
from napari_medfm.core.lazy import LazyArray
from napari_medfm.engine.upsample import upsample_maps

Floats = NDArray[np.float32]
Grow = Callable[[tuple[float, float]], Steps[None]]
_FINER = 4
_NO_GRID = Grid(0, 0, (1.0, 1.0), (0.0, 0.0))
_SMALL = 1024


@dataclass(frozen=True, eq=False)
class SlideMap(LazyArray):
    """A map of a large plane, NaN on glass and where nothing is embedded yet.

    Its ``levels`` are of a quarter of a token and coarser, enough to be looked at.

    Parameters
    ----------
    values
        Of the tokens (rows, cols); what `grow` does appears in them, and so here.
    grid
        Where the tokens lie.
    grow
        Takes the position (row, col) to begin at, and returns the steps that embed and
        compare the rest.
    """

    values: Floats = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    grid: Grid = _NO_GRID
    grow: Grow | None = None

    @property
    def complete(self) -> float:
        """Share of the tokens that have a value."""
        return float(np.isfinite(self.values).mean())

    def above(self, threshold: float) -> LazyArray:
        """Return where the map reaches a threshold, as uint8 0 and 1."""

        def cut(whole: LazyArray) -> LazyArray:
            def read(index: tuple[slice, ...]) -> NDArray[np.uint8]:
                return (whole.read(index) >= threshold).astype(np.uint8)

            return LazyArray(whole.shape, np.dtype(np.uint8), read)

        fine = cut(self)
        levels = tuple(cut(level) for level in self.levels)
        return LazyArray(fine.shape, fine.dtype, fine.read, levels)

    def share_above(self, threshold: float) -> float:
        """Return which share of the plane reaches a threshold, token by token."""
        return float((self.values >= threshold).mean())

    def box_above(self, threshold: float) -> Box | None:
        """Return the box outside of which nothing reaches a threshold; None if none."""
        tokens = Box.around(self.values >= threshold)
        if tokens is None:
            return None
        (down, right), (row, col) = self.grid.stride, self.grid.offset
        rows, cols = self.shape
        # Between a token and its neighbours the map may still reach it.
        return Box(
            max(0, int((tokens.row0 - 1) * down + row)),
            max(0, int((tokens.col0 - 1) * right + col)),
            min(rows, int((tokens.row1 + 1) * down + row) + 1),
            min(cols, int((tokens.col1 + 1) * right + col) + 1),
        )


def slide_map(
    values: Floats, grid: Grid, shape: tuple[int, int], grow: Grow | None = None
) -> SlideMap:
    """Return a map (rows, cols) of tokens as an array of a plane's shape.

    Each part equals that part of `napari_medfm.engine.upsample.upsample`. Where a token
    is NaN, so are the pixels between it and its neighbours.
    """
    fine = max(1.0, min(grid.stride) / _FINER)
    size = tuple(max(1, round(n / fine)) for n in shape)
    sizes = [(size[0], size[1])]
    while max(sizes[-1]) > _SMALL:
        rows, cols = sizes[-1]
        sizes.append((-(-rows // 2), -(-cols // 2)))
    levels = tuple(_level(values, grid, shape, size) for size in sizes)
    read = _level(values, grid, shape, shape).read
    kind = np.dtype(np.float32)
    return SlideMap(tuple(shape), kind, read, levels, values, grid, grow)


def _level(
    values: Floats, grid: Grid, shape: tuple[int, int], size: tuple[int, int]
) -> LazyArray:
    """Return the map with a plane of this shape shown in this many pixels."""
    down, right = (n / m for n, m in zip(shape, size, strict=True))
    offset = ((grid.offset[0] + 0.5) / down - 0.5, (grid.offset[1] + 0.5) / right - 0.5)
    stride = (grid.stride[0] / down, grid.stride[1] / right)
    here = Grid(grid.rows, grid.cols, stride, offset)

    def read(index: tuple[slice, ...]) -> Floats:
        rows, cols = index
        tokens, own = here.part(Box(rows.start, cols.start, rows.stop, cols.stop))
        part = values[tokens]
        known = np.isfinite(part)
        shown = (rows.stop - rows.start, cols.stop - cols.start)
        if known.all():
            every: Floats = upsample_maps(part[None], own, shown)[0]
            return every
        maps = np.stack([np.where(known, part, 0), known]).astype(np.float32)
        found, seen = upsample_maps(maps, own, shown)
        return np.where(seen > 1 - 1e-3, found, np.float32(np.nan))

    return LazyArray(size, np.dtype(np.float32), read)
