"""Filters that see detail: intensity, colour, edges, ridges and lines by scale.

The set is the usual one of interactive pixel classification (ilastik, Berg et al.
2019): Gaussians, gradient magnitude and the eigenvalues of the Hessian, per channel.
Beside it the contrast relative to that of the neighbourhood, and in it lines: second
derivatives across a direction, averaged along it, which tell a vessel from a speck.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
SIGMAS = (0.7, 1.4, 2.8, 5.6, 11.2)
REACH = 104
_CONTRAST = 32.0
_AROUND = 16.0
_FLAT = 0.03
_SMOOTH = (1.0, 2.0, 4.0)
_LINES = (1.4, 2.8, 5.6)
_DIRECTIONS = 8
_ALONG = (-2, -1, 0, 1, 2)
_PER_CHANNEL = 2 + 4 * len(SIGMAS) + 1 + len(_SMOOTH) + 2 * len(_LINES)


def filter_count(channels: int) -> int:
    """Return how many filters an image of so many channels has."""
    return min(channels, 3) * _PER_CHANNEL


def tones(channels: Floats) -> Floats:
    """Mean and spread of each channel that is filtered, float32 (channels, 2)."""
    planes = np.moveaxis(_three(channels), -1, 0)
    return np.array([(plane.mean(), plane.std()) for plane in planes], np.float32)


def filter_bank(channels: Floats, whole: Floats | None = None) -> NDArray[np.float16]:
    """Filter a plane, float32 (height, width, channels) in [0, 1].

    Each of up to three channels is first centred and scaled by its own spread, so that
    images of other brightness and contrast compare. More than three channels are
    averaged in three groups.

    Parameters
    ----------
    whole
        The `tones` to scale by, where ``channels`` is a part of a plane. Its filters
        are those of the whole plane from `REACH` pixels inwards.

    Returns
    -------
    float16 (height, width, filters)
        Per channel: the value and its contrast with a wide neighbourhood; and per scale
        the Gaussian, the gradient's length, and the larger and smaller eigenvalue of
        the Hessian, the derivatives multiplied by the scale to compare between scales;
        then the local contrast, smoothed by some scales; and per scale the strongest
        dark and bright line through the pixel.
    """
    planes = np.moveaxis(_three(channels), -1, 0)
    bank = np.empty((*channels.shape[:2], filter_count(channels.shape[-1])), np.float16)
    position = 0
    for plane, tone in zip(
        planes, tones(channels) if whole is None else whole, strict=True
    ):
        for response in _responses(plane, tone):
            bank[..., position] = np.clip(response, -6e4, 6e4)
            position += 1
    return bank


def _three(channels: Floats) -> Floats:
    count = channels.shape[-1]
    if count <= 3:
        return channels
    if count == 4:
        return channels[..., :3]
    groups = np.array_split(channels, 3, axis=-1)
    return np.stack([group.mean(-1) for group in groups], axis=-1)


def _responses(plane: Floats, tone: Floats) -> Iterator[Floats]:
    from scipy.ndimage import gaussian_filter

    mean, spread = tone
    value = (plane - mean) / (spread if spread > 1e-6 else np.float32(1))
    yield value
    yield value - gaussian_filter(value, _CONTRAST, truncate=2)
    smooth, reached = value, 0.0
    for sigma in SIGMAS:
        smooth = gaussian_filter(smooth, np.sqrt(sigma**2 - reached**2), truncate=3)
        reached = sigma
        yield smooth
        yield from _derivatives(smooth, sigma)
    contrast = _local_contrast(value)
    yield contrast
    for sigma in _SMOOTH:
        yield gaussian_filter(contrast, sigma, truncate=3)
    for sigma in _LINES:
        yield from _lines(gaussian_filter(contrast, sigma, truncate=3), sigma)


def _local_contrast(value: Floats) -> Floats:
    """How far a pixel is from the mean around it, in spreads around it."""
    from scipy.ndimage import gaussian_filter

    apart = value - gaussian_filter(value, _AROUND, truncate=2)
    spread = np.sqrt(gaussian_filter(apart * apart, _AROUND, truncate=2))
    contrast: Floats = apart / (spread + np.float32(_FLAT))
    return contrast


def _lines(smooth: Floats, sigma: float) -> tuple[Floats, Floats]:
    """Return the strongest dark (large) and bright (small) line response."""
    down, across = _slope(smooth, 0), _slope(smooth, 1)
    rr, cc, rc = _slope(down, 0), _slope(across, 1), _slope(down, 1)
    dark = np.full(smooth.shape, -np.inf, np.float32)
    bright = np.full(smooth.shape, np.inf, np.float32)
    for number in range(_DIRECTIONS):
        angle = np.pi * number / _DIRECTIONS
        row, col = np.sin(angle), np.cos(angle)
        bend = np.float32(sigma * sigma) * (
            np.float32(col * col) * rr
            - np.float32(2 * row * col) * rc
            + np.float32(row * row) * cc
        )
        along = np.zeros_like(bend)
        for step in _ALONG:
            reach = 1.5 * sigma * step
            along += _moved(bend, round(row * reach), round(col * reach))
        along /= len(_ALONG)
        np.maximum(dark, along, out=dark)
        np.minimum(bright, along, out=bright)
    return dark, bright


def _moved(values: Floats, down: int, across: int) -> Floats:
    """Shift a plane; its border is repeated."""
    height, width = values.shape
    rows = np.clip(np.arange(height) + down, 0, height - 1)
    cols = np.clip(np.arange(width) + across, 0, width - 1)
    return values[rows][:, cols]


def _derivatives(smooth: Floats, sigma: float) -> Iterator[Floats]:
    down, across = _slope(smooth, 0), _slope(smooth, 1)
    scale = np.float32(sigma)
    steep: Floats = scale * np.hypot(down, across)
    yield steep
    rr, cc, rc = _slope(down, 0), _slope(across, 1), _slope(down, 1)
    middle: Floats = (rr + cc) * np.float32(0.5)
    spread = np.hypot((rr - cc) * np.float32(0.5), rc)
    yield from ((middle + spread) * scale * scale, (middle - spread) * scale * scale)


def _slope(values: Floats, axis: int) -> Floats:
    if values.shape[axis] < 2:
        return np.zeros_like(values)
    slope: Floats = np.gradient(values, axis=axis).astype(np.float32, copy=False)
    return slope
