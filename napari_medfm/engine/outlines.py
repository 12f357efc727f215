"""Masks as polygons along pixel edges, and back, exactly.

Pixel (row, col) covers [row, row + 1] x [col, col + 1]; a ring is a closed line through
pixel corners (row, col), the last of which is not repeated.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadInput

Ring = NDArray[np.float64]
Polygon = tuple[Ring, ...]
_Corner = tuple[int, int]
_MAX_CROSSINGS = 200_000_000


def polygons_of(mask: NDArray[np.bool_]) -> list[Polygon]:
    """Return one polygon for each part of a mask whose pixels touch by their sides.

    Parameters
    ----------
    mask
        (rows, cols).

    Returns
    -------
    list of Polygon
        Outer ring first, then the rings of its holes. Each ring passes a corner at most
        once, so that the polygons are valid as OGC defines it.
    """
    from scipy import ndimage

    parts, _ = ndimage.label(mask)
    found = []
    for number, place in enumerate(ndimage.find_objects(parts), 1):
        start = np.array([place[0].start, place[1].start], float)
        rings = _rings(np.pad(parts[place] == number, 1))
        outer = [ring for ring in rings if signed_area(ring) > 0]
        holes = [ring for ring in rings if signed_area(ring) < 0]
        found.append(tuple(ring - 1 + start for ring in (*outer, *holes)))
    return found


def signed_area(ring: Ring) -> float:
    """Return the area inside a ring; negative for a hole."""
    rows, cols = ring[:, 0], ring[:, 1]
    return float(np.sum(cols * np.roll(rows, -1) - np.roll(cols, -1) * rows) / 2)


def fill(rings: Iterable[Ring], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the pixels whose centre lies inside an odd number of rings.

    A centre on an edge belongs to the side right of and below it.

    Raises
    ------
    BadInput
        If the rings cross so many rows that no image has them.
    """
    toggles = np.zeros((shape[0], shape[1] + 1), bool)
    for ring in rings:
        rows, cols = _crossings(np.asarray(ring, np.float64), shape)
        np.logical_xor.at(toggles, (rows, cols), True)
    return np.logical_xor.accumulate(toggles, axis=1)[:, : shape[1]]


def _crossings(
    ring: Ring, shape: tuple[int, int]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return, per edge and row of centres it crosses, the first column beyond it."""
    if ring.ndim != 2 or ring.shape[1] != 2 or not np.isfinite(ring).all():
        raise BadInput("A contour is a list of (row, col) positions")
    start, stop = ring, np.roll(ring, -1, axis=0)
    low = np.minimum(start[:, 0], stop[:, 0])
    high = np.maximum(start[:, 0], stop[:, 0])
    first = np.clip(np.ceil(low - 0.5), 0, shape[0]).astype(np.int64)
    last = np.clip(np.ceil(high - 0.5), 0, shape[0]).astype(np.int64)
    counts = last - first
    if counts.sum() > _MAX_CROSSINGS:
        raise BadInput("A contour has more corners than any outline in an image")
    edge = np.repeat(np.arange(len(ring)), counts)
    offset = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    rows = first[edge] + offset
    rise = (stop - start)[edge]
    at = start[edge, 1] + (rows + 0.5 - start[edge, 0]) * rise[:, 1] / rise[:, 0]
    cols = np.clip(np.ceil(at - 0.5), 0, shape[1]).astype(np.intp)
    return rows.astype(np.intp), cols


def _rings(mask: NDArray[np.bool_]) -> list[Ring]:
    """Trace the edges of a padded mask, inside on the right; corners only."""
    following = _edges(mask)
    rings = []
    while following:
        corner = next(iter(following))
        path = [corner]
        place = {corner: 0}
        while path:
            after = following[path[-1]].pop()
            if not following[path[-1]]:
                del following[path[-1]]
            if after in place:
                loop = path[place[after] :]
                rings.append(_straightened(loop))
                for gone in loop[1:]:
                    del place[gone]
                del path[place[after] + 1 :]
                if after not in following:
                    break
                continue
            place[after] = len(path)
            path.append(after)
    return rings


def _edges(mask: NDArray[np.bool_]) -> dict[_Corner, list[_Corner]]:
    """Return from each corner the corners that the outline goes on to."""
    following: dict[_Corner, list[_Corner]] = defaultdict(list)
    tops = np.argwhere(mask[1:] & ~mask[:-1]) + np.array((1, 0))
    bottoms = np.argwhere(~mask[1:] & mask[:-1]) + np.array((1, 0))
    lefts = np.argwhere(mask[:, 1:] & ~mask[:, :-1]) + np.array((0, 1))
    rights = np.argwhere(~mask[:, 1:] & mask[:, :-1]) + np.array((0, 1))
    for corners, start, stop in (
        (tops, (0, 0), (0, 1)),
        (rights, (0, 0), (1, 0)),
        (bottoms, (0, 1), (0, 0)),
        (lefts, (1, 0), (0, 0)),
    ):
        starts, stops = (corners + start).tolist(), (corners + stop).tolist()
        for (row, col), (next_row, next_col) in zip(starts, stops, strict=True):
            following[row, col].append((next_row, next_col))
    return following


def _straightened(loop: list[_Corner]) -> Ring:
    """Drop corners at which the line goes straight on."""
    ring = np.array(loop, float)
    turns = np.any(np.roll(ring, 1, 0) - ring != ring - np.roll(ring, -1, 0), axis=1)
    kept: Ring = ring[turns]
    return kept
