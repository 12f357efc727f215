"""Resize a plane so that every pixel stays exactly where geometry says it is."""

from __future__ import annotations

import math
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
    rows, cols, channels = plane.shape
    tall = _weights(rows, shape[0]) @ plane.reshape(rows, cols * channels)
    across = tall.reshape(shape[0], cols, channels).transpose(1, 0, 2)
    wide = _weights(cols, shape[1]) @ across.reshape(cols, shape[0] * channels)
    resized = wide.reshape(shape[1], shape[0], channels).transpose(1, 0, 2)
    return np.ascontiguousarray(resized, np.float32)


def _weights(size: int, into: int) -> Any:
    """Sparse float32 matrix (into, size) of one axis."""
    from scipy.sparse import csr_array

    step = size / into
    box = min(step, math.sqrt(2 * max(step * step - 1, 0)))
    centre = (np.arange(into) + 0.5) * step - 0.5
    first = np.floor(centre - box / 2)
    taps = first[:, None] + np.arange(math.ceil(box) + 2)
    if box > 1e-6:
        above = _tent_integral(centre[:, None] + box / 2 - taps)
        values = (above - _tent_integral(centre[:, None] - box / 2 - taps)) / box
    else:
        values = np.maximum(1 - np.abs(centre[:, None] - taps), 0)
    index = np.clip(taps, 0, size - 1).astype(np.int64)
    starts = np.arange(into + 1) * taps.shape[1]
    return csr_array(
        (values.ravel().astype(np.float32), index.ravel(), starts), (into, size)
    )


def _tent_integral(position: NDArray[np.float64]) -> NDArray[np.float64]:
    """Area of the unit tent left of each position."""
    inside = np.clip(position, -1, 1)
    area: NDArray[np.float64] = np.where(
        inside < 0, (inside + 1) ** 2 / 2, 1 - (1 - inside) ** 2 / 2
    )
    return area
