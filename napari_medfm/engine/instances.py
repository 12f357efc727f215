"""From a map to objects: peaks of likeness, and pieces of a class, each outlined."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import Box
from napari_medfm.core.jobs import Progress, Steps
from napari_medfm.core.labels import Prompt
from napari_medfm.core.specs import Segmenter
from napari_medfm.engine.crops import CropCache
from napari_medfm.engine.prompting import answer
from napari_medfm.engine.stability import iou

_LEAST = 0.2
_MOST = 400
_SMALLEST = 16
_AGREES = 0.5
_STABLE = 0.5


def peaks(
    likeness: NDArray[np.float32], apart: float, always: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the places (n, 2) that are most alike around them, the best first.

    Parameters
    ----------
    likeness
        (rows, cols) in [-1, 1].
    apart
        Pixels between two peaks at least.
    always
        Places (n, 2) that come first whatever the map says.

    Notes
    -----
    A peak counts above Otsu's threshold of the map, and above 0.2.
    """
    from scipy import ndimage
    from skimage.filters import threshold_otsu

    smooth = ndimage.gaussian_filter(likeness, apart / 4)
    side = max(3, 2 * round(apart / 2) + 1)
    highest = smooth == ndimage.maximum_filter(smooth, side)
    otsu: Callable[..., float] = threshold_otsu
    level = max(_LEAST, float(otsu(smooth)) if np.ptp(smooth) > 0 else 0.0)
    found = np.argwhere(highest & (smooth > level)).astype(float)
    heights = smooth[highest & (smooth > level)]
    kept: list[NDArray[np.float64]] = []
    for place in found[np.argsort(-heights, kind="stable")]:
        if all(np.hypot(*(place - other)) >= apart / 2 for other in kept):
            kept.append(place)
        if len(kept) == _MOST:
            break
    return np.concatenate([always, np.array(kept).reshape(-1, 2)])


def outlined_pieces(
    rgb: NDArray[np.float32],
    plane_key: str,
    probability: NDArray[np.floating],
    level: float,
    segmenter: Segmenter,
    cache: CropCache,
) -> Steps[NDArray[np.int32]]:
    """Outline every piece of a class with the segmenter, from the piece's box.

    An outline counts if it is stable and agrees with the piece (IoU of a half);
    otherwise the piece itself stays.

    Parameters
    ----------
    probability, level
        (rows, cols), and from which value on a pixel belongs to a piece.

    Returns
    -------
    array
        int32 (rows, cols): 0 is nothing, 1 ... n the objects, large ones first.
    """
    from scipy import ndimage

    pieces, count = ndimage.label(probability > level)
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    sizes[0] = 0
    order = [int(v) for v in np.argsort(-sizes) if sizes[v] >= _SMALLEST]
    labels = np.zeros(pieces.shape, np.int32)
    for number, value in enumerate(order, 1):
        yield Progress(number - 1, len(order), f"object {number} of {len(order)}")
        piece = pieces == value
        steps = answer(rgb, plane_key, Prompt(box=Box.around(piece)), segmenter, cache)
        made = yield from steps
        agrees = made.stability >= _STABLE and iou(made.mask, piece) >= _AGREES
        labels[(made.mask if agrees else piece) & (labels == 0)] = number
    return labels
