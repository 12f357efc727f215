"""From a token grid to pixels, bilinearly and exactly where the tokens lie.

Linear maps commute with this, so logits (a few classes) are upsampled, never features
(hundreds of channels).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import Grid
from napari_medfm.engine.threads import one_blas_thread

Floats = NDArray[np.float32]
_BLOCK = 64


def upsample(
    values: NDArray[np.floating], grid: Grid, shape: tuple[int, int]
) -> Floats:
    """Interpolate values of a token grid at every pixel of a plane.

    Parameters
    ----------
    values
        (rows, cols, k) of the grid.
    shape
        (height, width) of the plane.

    Returns
    -------
    float32 (height, width, k)
        Bilinear between the centres of tokens; beyond the outermost centres the nearest
        value on the border. Equal to ``scipy.ndimage.map_coordinates(order=1,
        mode="nearest")`` at ``grid.to_tokens(pixels)``.
    """
    stacked = np.ascontiguousarray(np.moveaxis(values, -1, 0), np.float32)
    return np.moveaxis(upsample_maps(stacked, grid, shape), 0, -1)


def upsample_maps(
    values: Floats, grid: Grid, shape: tuple[int, int], rows: slice = slice(None)
) -> Floats:
    """Interpolate maps (k, rows, cols) to float32 (k, height, width).

    Only ``rows`` of the plane are made, if given. The interpolation is two small matrix
    products, one an axis, of which only the band that is not zero is computed.
    """
    across = _axis(shape[1], grid.cols, grid.stride[1], grid.offset[1])
    down = _axis(shape[0], grid.rows, grid.stride[0], grid.offset[0])[rows]
    count = len(values)
    wide = np.empty((count, grid.rows, shape[1]), np.float32)
    tall = np.empty((count, len(down), shape[1]), np.float32)
    with one_blas_thread():
        for out, start, stop in _bands(across):
            weights = np.ascontiguousarray(across[out, start:stop].T)
            np.matmul(values[:, :, start:stop], weights, out=wide[:, :, out])
        for out, start, stop in _bands(down):
            np.matmul(down[out, start:stop], wide[:, start:stop], out=tall[:, out])
    return tall


def corners(grid: Grid, pixels: NDArray[np.integer]) -> tuple[NDArray[np.intp], Floats]:
    """Find the four tokens around each pixel position (n, 2) and their weights.

    Returns
    -------
    index (n, 4), weight (n, 4)
        Token numbers, row by row over the grid, and float32 weights that sum to one: a
        map upsampled at the pixels is ``(values[index] * weight[..., None]).sum(1)``.
    """
    limits = np.array([grid.rows - 1, grid.cols - 1])
    tokens = np.clip(grid.to_tokens(pixels), 0, limits)
    low = np.minimum(tokens.astype(np.intp), np.maximum(limits - 1, 0))
    high = np.minimum(low + 1, limits)
    (down, across), (r0, c0), (r1, c1) = (tokens - low).T, low.T, high.T
    index = np.stack([r0, r0, r1, r1], 1) * grid.cols + np.stack([c0, c1, c0, c1], 1)
    weight = np.stack(
        [
            (1 - down) * (1 - across),
            (1 - down) * across,
            down * (1 - across),
            down * across,
        ],
        axis=1,
    )
    return index, weight.astype(np.float32)


@lru_cache(maxsize=64)
def _axis(size: int, tokens: int, stride: float, offset: float) -> Floats:
    """Weights (size, tokens) of the tokens of one axis at each of its pixels."""
    position = np.clip((np.arange(size) - offset) / stride, 0, tokens - 1)
    low = np.minimum(position.astype(np.intp), max(tokens - 2, 0))
    part = position - low
    weights = np.zeros((size, tokens), np.float32)
    index = np.arange(size)
    weights[index, low] = 1 - part
    weights[index, np.minimum(low + 1, tokens - 1)] += part
    weights.setflags(write=False)
    return weights


def _bands(weights: Floats) -> list[tuple[slice, int, int]]:
    """Cut an axis into blocks of pixels, each with the range of tokens it needs."""
    bands = []
    for first in range(0, len(weights), _BLOCK):
        block = weights[first : first + _BLOCK]
        used = np.flatnonzero(block.any(0))
        bands.append((slice(first, first + len(block)), used[0], used[-1] + 1))
    return [(out, int(start), int(stop)) for out, start, stop in bands]
