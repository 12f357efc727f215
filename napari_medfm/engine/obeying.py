"""A box with clicks, for models that know boxes only: an outline that obeys both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import Box
from napari_medfm.core.labels import Prompt
from napari_medfm.core.specs import Segmenter
from napari_medfm.engine.crops import Crop, prompt_extent
from napari_medfm.engine.directly import allowed_in, asked
from napari_medfm.engine.edges import edge_strength, edges_of
from napari_medfm.engine.flood import stable_regions
from napari_medfm.engine.proposals import (
    ROOM,
    Candidate,
    Hint,
    box_iou,
    candidates_in,
    grown,
    starts_at,
    under,
)
from napari_medfm.engine.tidy import tidied

_ROOMS = (-0.05, 0.15)
_AGREES = 2.0
_LEAST = 2
_AS_DRAWN = "The model saw nothing within the lasso: the mask is the lasso itself"
_FROM_PICTURE = (
    "No outline of the model holds every click: this is the region of the clicked "
    "colour; look at it closely"
)
_FORCED = (
    "The model sees no object that obeys every click: only a small disc around a click "
    "was changed; drag a box closely around the object"
)


def obedient(
    crop: Crop, picture: NDArray[np.float32], prompt: Prompt, segmenter: Segmenter
) -> list[Candidate]:
    """Return answers to a box (or mask) with clicks, those that obey all of it first.

    The box as it is comes first. If its answer misses a click on the object, boxes a
    little smaller and larger are asked, and boxes around the clicks within the given
    one; among those that obey, the better outline that fills the box best is taken.

    Parameters
    ----------
    picture
        What the segmenter saw of the crop.
    """
    first = asked(crop, prompt, segmenter)
    hint = hint_of(crop, prompt)
    if prompt.mask is not None or under(first[0].mask, hint.positives).all():
        return first
    (given,) = crop.to_crop([prompt_extent(prompt)])
    found = candidates_in(crop, _starts(given, picture, hint), hint, segmenter)
    allowed = allowed_in(crop, prompt)
    kept = [_kept(made, allowed, hint) for made in found]
    obeying = [made for made in kept if obeys(made.mask, hint)]
    return [*sorted(obeying, key=lambda made: -_fitness(made, given)), *first]


def within_box(seen: Sequence[Candidate], prompt: Prompt) -> list[Candidate]:
    """Return answers to the clicks alone that obey the box or lasso too, best first.

    An answer is cut to what the user allows, and counts by its merit and by how much of
    it was left by that.
    """
    made: list[tuple[float, Candidate]] = []
    for candidate in seen:
        hint = hint_of(candidate.crop, prompt)
        kept = _kept(candidate, allowed_in(candidate.crop, prompt), hint)
        if obeys(kept.mask, hint):
            left = np.count_nonzero(kept.mask) / np.count_nonzero(candidate.mask)
            made.append((candidate.merit + _AGREES * left, kept))
    return [kept for _, kept in sorted(made, key=lambda scored: -scored[0])]


def from_picture(
    first: Candidate, picture: NDArray[np.float32], prompt: Prompt
) -> tuple[Candidate | None, str]:
    """Answer from the picture alone: the region of the clicked colour.

    Of the regions that obey, the one whose outline runs along the strongest edges is
    taken.

    Parameters
    ----------
    first
        The model's answer that obeyed least badly; its crop is looked at.
    picture
        What the segmenter saw of the crop.

    Returns
    -------
    candidate, note
        None if no region obeys box, lasso and clicks. Its score is 0: the model does
        not vouch for it.
    """
    hint = hint_of(first.crop, prompt)
    allowed = allowed_in(first.crop, prompt)
    obeying = [
        made
        for region in stable_regions(picture, hint.positives)
        if obeys((made := _kept(replace(first, mask=region), allowed, hint)).mask, hint)
    ]
    if not obeying:
        return None, ""
    edges = edges_of(picture)
    best = max(obeying, key=lambda made: edge_strength(edges, made.mask))
    return replace(best, score=0.0), _FROM_PICTURE


def hint_of(crop: Crop, prompt: Prompt) -> Hint:
    """The clicks of a prompt, in a crop's pixels."""
    return Hint(
        crop.resize.to_model(prompt.positives), crop.resize.to_model(prompt.negatives)
    )


def obeys(mask: NDArray[np.bool_], hint: Hint) -> bool:
    """Whether every click on the object is in the mask and none beside it."""
    inside = bool(under(mask, hint.positives).all())
    return inside and not under(mask, hint.negatives).any()


def _starts(given: Box, picture: NDArray[np.float32], hint: Hint) -> list[Box]:
    """Variants of the box, and boxes around the clicks cut to it."""
    starts = [grown(given, ROOM + room) for room in _ROOMS]
    if len(hint.positives):
        cut = [start.common(given) for start in starts_at(picture, hint.positives)]
        starts += [box for box in cut if box and min(box.height, box.width) >= _LEAST]
    return starts


def _kept(made: Candidate, allowed: NDArray[np.bool_] | None, hint: Hint) -> Candidate:
    if allowed is None:
        return made
    return replace(made, mask=tidied(made.mask & allowed, hint.positives))


def _fitness(made: Candidate, given: Box) -> float:
    own = Box.around(made.mask)
    return made.merit + (_AGREES * box_iou(own, given) if own is not None else 0.0)


def insisted(made: Candidate, prompt: Prompt) -> tuple[Candidate, str]:
    """Make the last clicks true by a small disc, and keep to box and lasso.

    Returns
    -------
    candidate, note
        What the user should know where nothing else obeyed; else empty.
    """
    crop = made.crop
    hint = hint_of(crop, prompt)
    allowed = allowed_in(crop, prompt)
    mask = made.mask if allowed is None else made.mask & allowed
    note = ""
    if not mask.any() and prompt.within is not None and allowed is not None:
        mask, note = allowed, _AS_DRAWN
    if not obeys(mask, hint):
        note = _FORCED
        missed = hint.positives[~under(mask, hint.positives)]
        held = hint.negatives[under(mask, hint.negatives)]
        mask = (mask | _discs(missed, crop)) & ~_discs(held, crop)
    return replace(made, mask=mask), note


def _discs(points: NDArray[np.float64], crop: Crop) -> NDArray[np.bool_]:
    rows, cols = np.ogrid[: crop.shape[0], : crop.shape[1]]
    reach = 1.5 * max(1.0, *crop.resize.scale)
    discs = np.zeros(crop.shape, bool)
    for row, col in points:
        discs |= (rows - row) ** 2 + (cols - col) ** 2 <= reach**2
    return discs
