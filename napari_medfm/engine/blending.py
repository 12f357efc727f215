"""Tokens of a cell from the windows that see it, and what these disagree about.

What an encoder says of a place depends on the window that it sees around it. Where
windows overlap they are blended, so that maps have no seams; and the differences there
tell which directions of the tokens speak of the window rather than of the place.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from napari_medfm.engine.tiles import Cell, Corner, TilePlan

Layers = NDArray[np.float16]
_MOST_APART = 256


def blended(plan: TilePlan, cell: Cell, looks: Mapping[Corner, Layers]) -> Layers:
    """Return the tokens (rows, cols, layers, dim) of a cell.

    Parameters
    ----------
    looks
        Tokens (rows, cols, layers, dim) of each of the windows that see it.
    """
    corners = plan.corners(cell)
    if len(corners) == 1:
        return looks[corners[0]][_within(plan.kept(cell), corners[0])]
    rows, cols = plan.kept(cell)
    depth = looks[corners[0]].shape[2:]
    total = np.zeros((rows.stop - rows.start, cols.stop - cols.start, *depth), "f4")
    weights = np.zeros((*total.shape[:2], 1, 1), np.float32)
    ramp = _weight(plan.window, plan.cell)
    for corner in corners:
        shared = _shared((rows, cols), plan.seen(corner))
        part, place = _within(shared, corner), _within(shared, (rows.start, cols.start))
        total[place] += ramp[part] * looks[corner][part]
        weights[place] += ramp[part]
    return (total / weights).astype(np.float16)


def disagreement(
    plan: TilePlan, cell: Cell, looks: Mapping[Corner, Layers]
) -> NDArray[np.float16]:
    """Return differences (n, dim) of output tokens at places that two windows see."""
    found = []
    for one, other in combinations(plan.corners(cell), 2):
        rows, cols = _shared(_shared(plan.seen(one), plan.seen(other)), plan.kept(cell))
        beside = one[0] == other[0] or one[1] == other[1]
        if beside and rows.start < rows.stop and cols.start < cols.stop:
            first = looks[one][_within((rows, cols), one)][..., -1, :]
            second = looks[other][_within((rows, cols), other)][..., -1, :]
            apart = first.astype(np.float32) - second
            found.append(apart.reshape(-1, apart.shape[-1]))
    if not found:
        (some, *_) = looks.values()
        return np.zeros((0, some.shape[-1]), np.float16)
    every = np.concatenate(found)
    return every[:: -(-len(every) // _MOST_APART)].astype(np.float16)


def _shared(
    one: tuple[slice, slice], other: tuple[slice, slice]
) -> tuple[slice, slice]:
    rows, cols = (
        slice(max(a.start, b.start), min(a.stop, b.stop))
        for a, b in zip(one, other, strict=True)
    )
    return rows, cols


def _within(part: tuple[slice, slice], start: Corner) -> tuple[slice, slice]:
    rows, cols = (
        slice(p.start - s, p.stop - s) for p, s in zip(part, start, strict=True)
    )
    return rows, cols


@lru_cache(maxsize=8)
def _weight(window: tuple[int, int], cell: tuple[int, int]) -> NDArray[np.float32]:
    """Rising smoothly from a window's border to where it alone sees a cell."""
    rows, cols = (_ramp(w, w - c) for w, c in zip(window, cell, strict=True))
    weight: NDArray[np.float32] = np.outer(rows, cols)[..., None, None]
    return weight


def _ramp(size: int, overlap: int) -> NDArray[np.float32]:
    distance = np.minimum(np.arange(size), np.arange(size)[::-1]) + 0.5
    angle = np.minimum(distance / max(overlap, 1), 1) * np.pi / 2
    ramp: NDArray[np.float32] = (np.sin(angle) ** 2).astype(np.float32)
    return ramp
