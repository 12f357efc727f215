"""A mask in hand and a further click: the outline that obeys and keeps the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import Box, pixel_index
from napari_medfm.core.labels import Prompt
from napari_medfm.engine.crops import resized
from napari_medfm.engine.obeying import hint_of, obeys
from napari_medfm.engine.proposals import Candidate, Hint, under
from napari_medfm.engine.stability import iou
from napari_medfm.engine.tidy import tidied

_REACH = 2.0
_LEAST = 2.0
_KEEPS = 3.0
_GROSS = 0.4


def is_far_off(prompt: Prompt) -> bool:
    """Whether a click says that the earlier mask is grossly wrong.

    It does if it lies farther from the mask's edge than 0.4 of the radius of a disc as
    large as the mask. Without a click on the object there is nothing to look for.
    """
    mask = prompt.mask
    if mask is None or prompt.box is not None or prompt.within is not None:
        return False
    if not mask.any() or not len(prompt.positives):
        return False
    missed = prompt.positives[~under(mask, prompt.positives)]
    held = prompt.negatives[under(mask, prompt.negatives)]
    farthest = max(_from_mask(missed, mask), _into_mask(held, mask))
    return farthest > _GROSS * float(np.sqrt(np.count_nonzero(mask) / np.pi))


def _from_mask(clicks: NDArray[np.float64], mask: NDArray[np.bool_]) -> float:
    """How far the farthest of the clicks lies from the mask."""
    places = np.argwhere(mask)
    return max((float(np.hypot(*(places - at).T).min()) for at in clicks), default=0.0)


def _into_mask(clicks: NDArray[np.float64], mask: NDArray[np.bool_]) -> float:
    """How far the deepest of the clicks lies within the mask."""
    from scipy import ndimage

    box = Box.around(mask)
    if box is None or not len(clicks):
        return 0.0
    depth = ndimage.distance_transform_edt(np.pad(mask[box.slices], 1))
    rows, cols = (pixel_index(clicks) - np.array(box[:2], int) + 1).T
    return float(depth[rows, cols].max())


def refined(found: Sequence[Candidate], prompt: Prompt) -> list[Candidate]:
    """Return what the candidates make of the mask in hand, best first.

    A click on the object that the mask misses lets it grow, one beside the object that
    it holds lets it shrink, each by no more than twice the click's distance to the
    mask's edge; elsewhere the mask stays. A crop that leaves out some of the mask
    counts only if all of it may go. What does not obey every click is left out; the
    rest compete by merit and by how much of the mask they keep.
    """
    earlier = prompt.mask
    if earlier is None:
        return []
    made: list[Candidate] = []
    for candidate in found:
        crop = candidate.crop
        part = earlier[crop.box.slices].astype(np.float32)[..., None]
        mask = resized(part, crop.shape)[..., 0] > 0.5
        hint = hint_of(crop, prompt)
        may_grow, may_shrink = _within_reach(mask, hint)
        leaves = np.count_nonzero(part) < np.count_nonzero(earlier)
        if leaves and (mask & ~may_shrink).any():
            continue
        new = tidied(
            (mask & (candidate.mask | ~may_shrink)) | (candidate.mask & may_grow),
            hint.positives,
        )
        if obeys(new, hint):
            merit = candidate.merit + _KEEPS * iou(candidate.mask, mask)
            made.append(replace(candidate, mask=new, merit=merit))
    return sorted(made, key=lambda candidate: -candidate.merit)


def _within_reach(
    mask: NDArray[np.bool_], hint: Hint
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where the missed clicks let the mask grow, and the held ones let it shrink."""
    missed = hint.positives[~under(mask, hint.positives)]
    held = hint.negatives[under(mask, hint.negatives)]
    return ~mask & _as_deep_as(missed, ~mask), mask & _as_deep_as(held, mask)


def _as_deep_as(
    clicks: NDArray[np.float64], wrong: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Places at most twice as far from the edge of what is wrong as its clicks."""
    from scipy import ndimage

    if not len(clicks):
        return np.zeros_like(wrong)
    depth = ndimage.distance_transform_edt(wrong)
    rows, cols = np.clip(np.rint(clicks).astype(int), 0, np.array(wrong.shape) - 1).T
    near: NDArray[np.bool_] = depth <= _REACH * max(_LEAST, depth[rows, cols].max())
    return near
