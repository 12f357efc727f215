"""Resize a plane so that every pixel stays exactly where geometry says it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]


def resized_plane(plane: Pixels, shape: tuple[int, int]) -> Pixels:
    """Resize (rows, cols, channels) float32 to another number of rows and columns.

    Pixel centres correspond as in `napari_medfm.core.geometry.Resize`. Larger is
    bilinear. Smaller is the mean of the bilinear surface over a box, which takes in
    every pixel evenly below 0.7 and narrows to nothing at 1. Unlike the usual triangle
    filter, whose sampled weights lean to one side, this keeps linear ramps exact, so
    that nothing moves. Beyond the border the last pixel goes on.
    """
    if plane.shape[:2] == tuple(shape):
        return plane
    whole = [slice(0, n) for n in shape]
    return resized_part(
        lambda _rows, _cols: plane, plane.shape[:2], shape, (whole[0], whole[1])
    )


def resized_part(
    read: Callable[[slice, slice], Pixels],
    size: tuple[int, int],
    into: tuple[int, int],
    part: tuple[slice, slice],
) -> Pixels:
    """Return a part of what `resized_plane` makes, reading only what it needs.

    Parameters
    ----------
    read
        Returns (rows, cols, channels) of the plane between two slices of its pixels.
    size, into
        (rows, cols) of the plane, and of the whole that it is resized to.
    part
        Rows and columns of the resized plane that are wanted.
    """
    rows, cols = (
        _reach(n, m, wanted) for n, m, wanted in zip(size, into, part, strict=True)
    )
    pixels = read(rows, cols)
    if size == into:
        return np.ascontiguousarray(pixels, np.float32)
    high, wide, channels = pixels.shape
    down = _weights(size[0], into[0], part[0])[:, rows]
    tall = down @ pixels.reshape(high, wide * channels)
    across = tall.reshape(len(tall), wide, channels).transpose(1, 0, 2)
    right = _weights(size[1], into[1], part[1])[:, cols]
    done = right @ across.reshape(wide, len(tall) * channels)
    resized = done.reshape(len(done), len(tall), channels).transpose(1, 0, 2)
    return np.ascontiguousarray(resized, np.float32)


def _reach(size: int, into: int, wanted: slice) -> slice:
    """Pixels of an axis that the wanted pixels of the resized axis are made of."""
    if size == into:
        return wanted
    step = size / into
    first = math.floor((wanted.start + 0.5) * step - 0.5 - step / 2)
    last = math.ceil((wanted.stop - 0.5) * step - 0.5 + step / 2) + 2
    return slice(max(first, 0), min(max(last, 1), size))


def _weights(size: int, into: int, wanted: slice) -> Any:
    """Sparse float32 matrix (wanted, size) of one axis."""
    from scipy.sparse import csr_array

    step = size / into
    box = min(step, math.sqrt(2 * max(step * step - 1, 0)))
    centre = (np.arange(wanted.start, wanted.stop) + 0.5) * step - 0.5
    first = np.floor(centre - box / 2)
    taps = first[:, None] + np.arange(math.ceil(box) + 2)
    if box > 1e-6:
        above = _tent_integral(centre[:, None] + box / 2 - taps)
        values = (above - _tent_integral(centre[:, None] - box / 2 - taps)) / box
    else:
        values = np.maximum(1 - np.abs(centre[:, None] - taps), 0)
    index = np.clip(taps, 0, size - 1).astype(np.int64)
    starts = np.arange(len(centre) + 1) * taps.shape[1]
    return csr_array(
        (values.ravel().astype(np.float32), index.ravel(), starts), (len(centre), size)
    )


def _tent_integral(position: NDArray[np.float64]) -> NDArray[np.float64]:
    """Area of the unit tent left of each position."""
    inside = np.clip(position, -1, 1)
    area: NDArray[np.float64] = np.where(
        inside < 0, (inside + 1) ** 2 / 2, 1 - (1 - inside) ** 2 / 2
    )
    return area
