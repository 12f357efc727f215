"""Make a mask obey its clicks, where the model itself cannot listen to them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import Box
from napari_medfm.core.labels import Prompt
from napari_medfm.core.specs import Segmenter
from napari_medfm.engine.crops import Crop, resized
from napari_medfm.engine.proposals import (
    ROOM,
    Candidate,
    Hint,
    candidates_in,
    grown,
    starts_at,
    under,
)
from napari_medfm.engine.stability import iou
from napari_medfm.engine.tidy import deepest, split_at, tidied

_SAME = 0.6
_REACH = 1.5
_LEAST = 3.0


def corrected(
    first: Candidate, rgb: NDArray[np.float32], prompt: Prompt, segmenter: Segmenter
) -> Candidate:
    """Return the candidate with every click obeyed.

    An earlier mask with clicks is what the clicks correct; without clicks, the model's
    own outline of it stands. Clicks on the object that the mask misses add what the
    model sees there; clicks beside it that the mask holds cut off what is theirs. A
    click changes nothing farther away than 1.5 times its distance to the mask's edge.

    Parameters
    ----------
    first
        The model's answer.
    rgb
        The plane.
    """
    crop = first.crop
    ups = crop.resize.to_model(prompt.positives)
    downs = crop.resize.to_model(prompt.negatives)
    if not len(ups) and not len(downs):
        return first
    mask = first.mask
    if prompt.mask is not None:
        part = prompt.mask[crop.box.slices].astype(np.float32)[..., None]
        mask = resized(part, crop.shape)[..., 0] > 0.5
    picture = resized(rgb[crop.box.slices], crop.shape)
    missed = ups[~under(mask, ups)]
    if len(missed):
        mask = _with(mask, missed, (picture, Hint(ups, downs)), (crop, segmenter))
    held = downs[under(mask, downs)]
    if len(held):
        far = np.ones_like(mask)
        for click in held:
            far &= ~_reach_of(click, mask)
        mask = split_at(mask, picture, ups, downs) | (mask & far)
    return replace(first, mask=_one_piece(mask, ups))


def _with(
    mask: NDArray[np.bool_],
    missed: NDArray[np.float64],
    seen: tuple[NDArray[np.float32], Hint],
    model: tuple[Crop, Segmenter],
) -> NDArray[np.bool_]:
    """Add what lies under the clicks: one wider object, or a piece for each click."""
    crop, segmenter = model
    picture, hint = seen
    own = Box.around(mask)
    if own is not None:
        corners = np.array([own[:2], own[2:], *missed, *(missed + 1)])
        wider = Box(*corners.min(0).tolist(), *corners.max(0).tolist())
        found = candidates_in(crop, [grown(wider, ROOM)], hint, segmenter)
        fitting = [
            candidate
            for candidate in found
            if under(candidate.mask, hint.positives).all()
            and not under(candidate.mask, hint.negatives).any()
            and iou(candidate.mask, mask) >= _SAME
        ]
        if fitting:
            return max(fitting, key=lambda candidate: candidate.merit).mask
    for click in missed:
        there = Hint(click[None], hint.negatives)
        starts = starts_at(picture, there.positives)
        found = candidates_in(crop, starts, there, segmenter)
        near = _reach_of(click, mask)
        if found:
            best = max(found, key=lambda candidate: candidate.merit)
            mask = mask | (best.mask & near)
    return mask


def _reach_of(click: NDArray[np.float64], mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A disc around a click, as wide as the click is deep in what is wrong."""
    from scipy import ndimage

    row, col = np.clip(np.rint(click).astype(int), 0, np.array(mask.shape) - 1)
    wrong = mask if mask[row, col] else ~mask
    depth = float(ndimage.distance_transform_edt(np.pad(wrong, 1))[row + 1, col + 1])
    rows, cols = np.ogrid[: mask.shape[0], : mask.shape[1]]
    reach = max(_REACH * depth, _LEAST)
    disc: NDArray[np.bool_] = (rows - row) ** 2 + (cols - col) ** 2 <= reach**2
    return disc


def _one_piece(
    mask: NDArray[np.bool_], positives: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Tidy; the largest piece counts as clicked, so that adding to it keeps it."""
    return tidied(mask, np.vstack([positives, deepest(mask)]))
