"""Boxes of regions that stand out on a picture, wherever they are.

The picture is cut at many brightness levels, from both sides; a connected piece whose
size hardly changes from one level to the next has a border of its own. The idea is
that of maximally stable extremal regions (Matas et al., 2002), here on the direction
of colour that varies most.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import Box
from napari_medfm.engine.proposals import box_iou

_LEVELS = 24
_STEPS = 8
_BLUR = 2.0
_SMALLEST = 16
_LARGEST = 0.25
_ALIKE = 0.6


def standing_out(picture: NDArray[np.float32], most: int) -> list[Box]:
    """Return boxes of stable regions, the most stable first, none twice.

    Parameters
    ----------
    picture
        float32 (rows, cols, 3) in [0, 1].
    most
        How many at most.
    """
    grey = _main_direction(picture)
    shares = np.quantile(grey, np.linspace(0.02, 0.98, _LEVELS))
    steps = np.linspace(grey.min(), grey.max(), _STEPS + 2)[1:-1]
    levels = np.sort(np.concatenate([shares, steps]))
    found: list[tuple[float, Box]] = []
    for sign in (1, -1):
        cuts = levels if sign > 0 else -levels[::-1]
        found += _pieces(sign * grey, np.unique(cuts))
    kept: list[Box] = []
    for _, box in sorted(found, key=lambda pair: pair[0]):
        if all(box_iou(box, old) < _ALIKE for old in kept):
            kept.append(box)
        if len(kept) == most:
            break
    return kept


def _main_direction(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Project colours on their first principal direction, lightly blurred."""
    from scipy import ndimage

    colours = picture.reshape(-1, picture.shape[-1]).astype(np.float64)
    colours = colours - colours.mean(0)
    _, vectors = np.linalg.eigh(colours.T @ colours)
    grey = (colours @ vectors[:, -1]).reshape(picture.shape[:2])
    smooth: NDArray[np.float32] = ndimage.gaussian_filter(grey, _BLUR)
    return smooth


def _pieces(
    grey: NDArray[np.float32], levels: NDArray[np.float64]
) -> list[tuple[float, Box]]:
    """Growth from the level above to the level below, and box, of every piece."""
    from scipy import ndimage

    found: list[tuple[float, Box]] = []
    cuts = []
    for level in levels:
        labels, _ = ndimage.label(grey > level)
        cuts.append((labels.ravel(), np.bincount(labels.ravel())))
    for k in range(1, len(cuts) - 1):
        labels, sizes = cuts[k]
        below, sizes_below = cuts[k - 1]
        inner = np.bincount(labels, weights=cuts[k + 1][0] > 0, minlength=len(sizes))
        values, places = np.unique(labels, return_index=True)
        first = dict(zip(values.tolist(), places.tolist(), strict=True))
        boxes = ndimage.find_objects(labels.reshape(grey.shape))
        for value, (rows, cols) in enumerate(boxes, 1):
            size = sizes[value]
            if not _SMALLEST <= size <= _LARGEST * grey.size:
                continue
            outer = sizes_below[below[first[value]]]
            growth = float(np.log(outer / max(inner[value], 1)))
            found.append((growth, Box(rows.start, cols.start, rows.stop, cols.stop)))
    return found
