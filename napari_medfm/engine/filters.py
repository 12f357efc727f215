"""Filters that see detail: intensity, colour, edges and ridges at several scales.

The set is the usual one of interactive pixel classification (ilastik, Berg et al.
2019): Gaussians, gradient magnitude and the eigenvalues of the Hessian, per channel.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
SIGMAS = (0.7, 1.4, 2.8, 5.6, 11.2)
REACH = 68
_CONTRAST = 32.0


def filter_count(channels: int) -> int:
    """Return how many filters an image of so many channels has."""
    return min(channels, 3) * (4 * len(SIGMAS) + 2)


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
        the Hessian, the derivatives multiplied by the scale to compare between scales.
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
