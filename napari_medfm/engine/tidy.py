"""One clean mask out of a raw one: the piece that is meant, without pinholes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import pixel_index
from napari_medfm.engine.edges import edges_of

_HOLE = 0.01
_CRUMB = 0.1


def tidied(
    mask: NDArray[np.bool_], positives: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Keep the pieces under the clicks and fill small holes.

    Without a click on it, the largest piece stays, with every other of at least a
    tenth of its size. A hole is filled if it covers less than a hundredth of the
    object, or nine pixels.

    Parameters
    ----------
    positives
        Clicks on the object (n, 2), in the mask's pixels; may lie outside.
    """
    from scipy import ndimage

    pieces, count = ndimage.label(mask)
    if count == 0:
        return mask
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    kept = np.zeros(count + 1, bool)
    kept[pieces[_on(positives, mask.shape)]] = True
    kept[0] = False
    if not kept.any():
        kept = sizes >= _CRUMB * sizes.max()
    return without_pinholes(kept[pieces])


def without_pinholes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill the holes that cover under a hundredth of the mask, or nine pixels."""
    from scipy import ndimage

    holes, count = ndimage.label(~mask)
    if count < 2:
        return mask
    sizes = np.bincount(holes.ravel())
    border = np.unique(np.concatenate([holes[0], holes[-1], holes[:, 0], holes[:, -1]]))
    small = sizes <= max(9, _HOLE * np.count_nonzero(mask))
    small[0] = False
    small[border] = False
    filled: NDArray[np.bool_] = mask | small[holes]
    return filled


def split_at(
    mask: NDArray[np.bool_],
    picture: NDArray[np.float32],
    positives: NDArray[np.float64],
    negatives: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Cut off what belongs to clicks beside the object.

    The mask is flooded from the clicks along the picture's edges (watershed); what the
    negative ones reach first goes. Without a positive click on the mask, its deepest
    place that is far from the negative ones stands in.

    Parameters
    ----------
    picture
        (rows, cols, 3) in [0, 1], as large as the mask.
    positives, negatives
        Clicks (n, 2) in the mask's pixels.
    """
    from scipy import ndimage
    from skimage.segmentation import watershed

    beside = _on(negatives, mask.shape)
    if not mask[beside].any():
        return mask
    markers = np.zeros(mask.shape, np.int32)
    inside = _on(positives, mask.shape)
    markers[inside] = 1
    if not mask[inside].any():
        marked = np.ones(mask.shape, bool)
        marked[beside] = False
        away = ndimage.distance_transform_edt(marked)
        depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
        deepest = np.unravel_index(np.argmax(np.minimum(away, depth)), mask.shape)
        markers[deepest] = 1
    markers[beside] = 2
    flood: Callable[..., NDArray[np.int32]] = watershed
    cut: NDArray[np.bool_] = flood(edges_of(picture), markers, mask=mask) == 1
    return cut


def _on(
    points: NDArray[np.float64], shape: tuple[int, ...]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Index arrays of the pixels under the points that lie on the array."""
    index = pixel_index(points.reshape(-1, 2))
    index = index[((index >= 0) & (index < shape)).all(1)]
    return index[:, 0], index[:, 1]


def deepest(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the place (row, col) of a mask that is farthest from its edge."""
    from scipy import ndimage

    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    return np.array(np.unravel_index(int(np.argmax(depth)), mask.shape), float)
