"""Regions that the picture itself suggests around a click.

The region of about the clicked colour is grown with the tolerance; where its size
hardly changes with the tolerance, an object's border has been met. The idea is that of
maximally stable extremal regions (Matas et al., 2002), here around one place only.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import Box, pixel_index

_TOLERANCES = np.geomspace(0.02, 0.5, 14)
_BLUR = 1.5
_SMALLEST = 12
_LARGEST = 0.6


def stable_boxes(
    picture: NDArray[np.float32], positives: NDArray[np.float64]
) -> list[Box]:
    """Return the boxes of `stable_regions`, in their order."""
    regions = stable_regions(picture, positives)
    return [box for region in regions if (box := Box.around(region)) is not None]


def stable_regions(
    picture: NDArray[np.float32], positives: NDArray[np.float64]
) -> list[NDArray[np.bool_]]:
    """Return regions around the clicks, the most stable first.

    Parameters
    ----------
    picture
        float32 (rows, cols, 3) in [0, 1].
    positives
        Clicks on the object (n, 2), at least one of them on the picture.
    """
    from scipy import ndimage

    rows, cols = picture.shape[:2]
    index = np.clip(pixel_index(positives), 0, [rows - 1, cols - 1])
    at = index[:, 0], index[:, 1]
    smooth = np.stack(
        [ndimage.gaussian_filter(picture[..., k], _BLUR) for k in range(3)], axis=-1
    )
    colours = smooth[at]
    away = np.min(
        [np.linalg.norm(smooth - colour, axis=-1) for colour in colours], axis=0
    )
    regions = []
    for tolerance in _TOLERANCES:
        alike = ndimage.binary_opening(away < tolerance)
        alike[at] = True
        pieces, count = ndimage.label(alike)
        clicked = np.zeros(count + 1, bool)
        clicked[pieces[at]] = True
        regions.append(clicked[pieces])
    sizes = np.array([np.count_nonzero(region) for region in regions])
    growth = np.log(sizes[2:] / sizes[:-2])
    order = 1 + np.argsort(growth, kind="stable")
    return [
        regions[k] for k in order if _SMALLEST <= sizes[k] <= _LARGEST * rows * cols
    ]
