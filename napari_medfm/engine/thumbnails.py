"""Planes as small pictures, whatever their size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import Box
from napari_medfm.core.image import Image
from napari_medfm.engine.crops import resized
from napari_medfm.engine.rgb import scaled, to_rgb

_BAND = 1 << 24
_DETAIL = 3


def reduced(image: Image, plane: int, size: int, least: int) -> NDArray[np.float32]:
    """Return every n-th pixel of a plane, its channels in [0, 1], read in bands.

    Parameters
    ----------
    size
        The longer side has at most so many pixels.
    least
        It is read from the coarsest level whose longer side has so many.
    """
    sizes = [image.level_shape(n) for n in range(len(image.pyramid))]
    level = max((n for n, shape in enumerate(sizes) if max(shape) >= least), default=0)
    rows, cols = sizes[level]
    step = max(1, -(-max(rows, cols) // size))
    high = step * max(1, _BAND // (cols * step))
    bands = []
    for first in range(0, rows, high):
        band = Box(first, 0, min(first + high, rows), cols)
        pixels = image.plane(plane, band, level)[step // 2 :: step, step // 2 :: step]
        bands.append(scaled(image, pixels))
    return np.concatenate(bands)


def thumbnail(image: Image, plane: int, size: int) -> NDArray[np.uint8]:
    """Return a plane as a small picture, uint8 (rows, cols, 3).

    Parameters
    ----------
    size
        Pixels of its longer side; smaller planes stay as they are.
    """
    picture = to_rgb(reduced(image, plane, _DETAIL * size, _DETAIL * size))
    rows, cols = picture.shape[:2]
    share = size / max(rows, cols)
    if share < 1:
        shape = max(1, round(rows * share)), max(1, round(cols * share))
        picture = resized(picture, shape)
    shown: NDArray[np.uint8] = np.rint(255 * picture.clip(0, 1)).astype(np.uint8)
    return shown
