"""Boxes of what looks like the place clicked, by a map of likeness.

The map is cut at many levels; where the clicked piece hardly grows from one level to
the next, it has met a border. The segmenter's own tokens give such a map at no cost
once a crop is embedded; a similarity map or a head's probability is another.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import Box, pixel_index
from napari_medfm.engine.crops import Crop, resized
from napari_medfm.engine.proposals import box_iou

_LEVELS = np.linspace(0.9, 0.05, 18)
_FINER = 2
_SMALLEST = 4
_LARGEST = 0.7
_DISTINCT = 0.7


def token_boxes(crop: Crop, positives: NDArray[np.float64], most: int) -> list[Box]:
    """Boxes (in the crop's pixels) of tokens like those clicked, most stable first.

    Returns
    -------
    list
        Empty if the segmenter shows no tokens.
    """
    tokens = getattr(crop.embedding, "tokens", None)
    if tokens is None:
        return []
    rows, cols = tokens.shape[:2]
    scale = np.array([rows / crop.shape[0], cols / crop.shape[1]])
    centred = tokens - tokens.mean((0, 1))
    unit = centred / np.maximum(np.linalg.norm(centred, axis=-1, keepdims=True), 1e-6)
    index = ((positives + 0.5) * scale).astype(int)
    index = np.clip(index, 0, [rows - 1, cols - 1])
    likeness = (unit @ unit[index[:, 0], index[:, 1]].T).max(-1)
    return map_boxes(likeness, positives, crop.shape, most)


def map_boxes(
    likeness: NDArray[np.float32],
    positives: NDArray[np.float64],
    shape: tuple[int, int],
    most: int,
) -> list[Box]:
    """Boxes of the clicked pieces of a map, in the pixels of ``shape``.

    Parameters
    ----------
    likeness
        (rows, cols), 1 where it is most alike; coarser than ``shape`` or not.
    """
    from scipy import ndimage

    finer = tuple(
        min(_FINER * n, m) for n, m in zip(likeness.shape, shape, strict=True)
    )
    fine = resized(likeness[..., None].astype(np.float32), (finer[0], finer[1]))[..., 0]
    scale = np.array(fine.shape) / shape
    index = pixel_index((positives + 0.5) * scale - 0.5)
    index = np.clip(index, 0, np.array(fine.shape) - 1)
    at = index[:, 0], index[:, 1]
    boxes, sizes = [], []
    for level in _LEVELS:
        alike = fine > level
        alike[at] = True
        pieces, count = ndimage.label(alike)
        clicked = np.zeros(count + 1, bool)
        clicked[pieces[at]] = True
        region = clicked[pieces]
        boxes.append(Box.around(region))
        sizes.append(np.count_nonzero(region))
    growth = np.log(np.array(sizes[2:]) / np.array(sizes[:-2]))
    kept: list[Box] = []
    for k in 1 + np.argsort(growth, kind="stable"):
        own = boxes[k]
        if own is None or not _SMALLEST <= sizes[k] <= _LARGEST * fine.size:
            continue
        corners = np.array(own).reshape(2, 2) / scale
        box = Box(*corners.ravel().tolist())
        if all(box_iou(box, old) < _DISTINCT for old in kept):
            kept.append(box)
        if len(kept) == most:
            break
    return kept
