"""A plane as models see it: RGB in [0, 1] from the full bit depth."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import Box
from napari_medfm.core.image import Image


def normalised(
    image: Image, plane: int = 0, box: Box | None = None, level: int = 0
) -> NDArray[np.float32]:
    """Return a plane's channels in [0, 1], float32 (rows, cols, channels).

    The image's intensity window maps to 0 and 1; what is not finite becomes 0.

    Parameters
    ----------
    box, level
        Only these pixels of that level; see `Image.plane`.
    """
    return scaled(image, image.plane(plane, box, level))


def scaled(image: Image, pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Bring pixels (rows, cols[, channels]) of an image to [0, 1] by its window."""
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    low, high = np.asarray(image.window, np.float32).T
    width = np.where(high > low, high - low, 1)
    values = (pixels.astype(np.float32) - low) / width
    if pixels.dtype.kind == "f":
        values = np.nan_to_num(values, copy=False, nan=0.0, posinf=1.0, neginf=0.0)
    clipped: NDArray[np.float32] = np.clip(values, 0, 1, out=values)
    return clipped


def grey(
    image: Image, intensity: tuple[float, float] | None, plane: int
) -> NDArray[np.float32]:
    """Return a plane as encoders of volumes see it, float32 (rows, cols) in [0, 1].

    Parameters
    ----------
    intensity
        Values that become 0 and 1, such as Hounsfield units; the image's window if
        None, and for pictures of several channels, which are averaged.
    """
    if intensity is None or image.channel_axis is not None:
        mean: NDArray[np.float32] = normalised(image, plane).mean(-1)
        return mean
    low, high = intensity
    values = (image.plane(plane).astype(np.float32) - low) / (high - low)
    seen: NDArray[np.float32] = np.clip(np.nan_to_num(values), 0, 1)
    return seen


def to_rgb(channels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Show any number of channels as three.

    One is repeated; two are shown as (a, b, mean); three are RGB; a fourth (alpha) is
    dropped; more are averaged in three groups of neighbours.
    """
    count = channels.shape[-1]
    if count == 1:
        return np.repeat(channels, 3, axis=-1)
    if count == 2:
        return np.concatenate([channels, channels.mean(-1, keepdims=True)], axis=-1)
    if count <= 4:
        return np.ascontiguousarray(channels[..., :3])
    groups: list[NDArray[Any]] = np.array_split(channels, 3, axis=-1)
    return np.stack([group.mean(-1) for group in groups], axis=-1)
