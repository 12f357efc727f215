"""One object from boxes, clicks and masks: one clean answer on the plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import Box
from napari_medfm.core.jobs import Progress, Steps
from napari_medfm.core.labels import Prompt
from napari_medfm.core.specs import Segmenter
from napari_medfm.engine.clicks import clicked
from napari_medfm.engine.corrections import corrected
from napari_medfm.engine.crops import CropCache, plan_crop, resized
from napari_medfm.engine.directly import asked
from napari_medfm.engine.obeying import (
    from_picture,
    hint_of,
    insisted,
    obedient,
    obeys,
    within_box,
)
from napari_medfm.engine.proposals import Candidate, under
from napari_medfm.engine.refining import is_far_off, refined
from napari_medfm.engine.stability import iou

OUTSIDE = -20.0
_DISTINCT = 0.8
_OTHERS = 3
_CONSIDERED = 8
_MARGIN = 0.1
_NOT_OBEYED = (
    "No outline of the model holds every click: this one was extended; look at it "
    "closely"
)


@dataclass(frozen=True, eq=False)
class Answer:
    """The object that a prompt means.

    Parameters
    ----------
    mask
        bool, of the plane's shape.
    score
        The model's own estimate of its quality.
    stability
        IoU of the masks at logits above +1 and above -1.
    alternatives
        Other masks that the prompt may have meant, best first; any two differ by an
        IoU below 0.8.
    logits
        float32 of the plane's shape, above 0 exactly where the mask is; -20 outside of
        what the model saw.
    note
        What the user should know; empty if there is nothing.
    """

    mask: NDArray[np.bool_]
    score: float
    stability: float
    alternatives: tuple[NDArray[np.bool_], ...]
    logits: NDArray[np.float32]
    note: str = ""


def answer(
    rgb: NDArray[np.float32],
    plane_key: str,
    prompt: Prompt,
    segmenter: Segmenter,
    cache: CropCache,
    guide: NDArray[np.float32] | None = None,
) -> Steps[Answer]:
    """Answer a prompt on a plane.

    A box or an earlier mask is asked for in a crop around it. Clicks alone are asked
    for directly if the model knows them, else by proposals. What the clicks say about
    the answer is then made true: pieces without a click on the object go, what belongs
    to a click beside it is cut off, what a click on it misses is added. Where
    clicks say that an earlier mask is far off, proposals are made anew, and one that
    keeps what the clicks do not contradict is taken. Where no outline of what a box or
    lasso holds obeys its clicks, the clicks are asked for alone and the answers kept
    within it; if none of those obeys, the picture answers: the region of the clicked
    colour.

    Parameters
    ----------
    rgb
        The plane, float32 (rows, cols, 3) in [0, 1].
    plane_key
        Tells this plane's pixels from any other's.
    guide
        Where the object is likely, float32 (rows, cols) in [0, 1]: a similarity map or
        a head's probability.
    """
    yield Progress(0, 2, "looking closely")
    shape = (rgb.shape[0], rgb.shape[1])
    knows_clicks = "points" in segmenter.spec.prompts
    remade: list[Candidate] = []
    if not knows_clicks and is_far_off(prompt):
        seen = yield from clicked(rgb, plane_key, prompt, (segmenter, cache), guide)
        remade = refined(seen, prompt)
    if remade:
        found = remade
    elif prompt.box is not None or prompt.mask is not None or knows_clicks:
        box = plan_crop(prompt, shape, segmenter.spec.input_size)
        crop = cache.get(rgb, plane_key, box, segmenter)
        yield Progress(1, 2, "outlining")
        if knows_clicks:
            found = asked(crop, prompt, segmenter)
        else:
            picture = resized(rgb[box.slices], crop.shape)
            found = obedient(crop, picture, prompt, segmenter)
            if _disobedient(found[0], prompt):
                alone = replace(prompt, box=None, within=None)
                seen = yield from clicked(
                    rgb, plane_key, alone, (segmenter, cache), guide
                )
                found = [*within_box(seen, prompt), *found]
    else:
        found = yield from clicked(rgb, plane_key, prompt, (segmenter, cache), guide)
    if not found:
        raise BadInput(
            "Nothing was found there: drag a box around the object instead, or click "
            "nearer to its middle"
        )
    best = found[0]
    note = _NOT_OBEYED if _disobedient(best, prompt) else ""
    if not remade and (not knows_clicks or prompt.mask is not None):
        best = corrected(best, rgb, prompt, segmenter)
    if prompt.mask is None and not _obeys(best, prompt):
        picture = resized(rgb[best.crop.box.slices], best.crop.shape)
        from_colour, note = from_picture(best, picture, prompt)
        best = from_colour or best
    best, insistence = insisted(best, prompt)
    note = insistence or note
    masks = _distinct([best, *found[1:]], shape)
    return Answer(
        mask=masks[0],
        score=best.score,
        stability=best.stability,
        alternatives=tuple(masks[1:]),
        logits=_logits_on_plane(best, masks[0]),
        note=note,
    )


def _obeys(made: Candidate, prompt: Prompt) -> bool:
    """Whether every click holds; without one on the object there is nothing to say."""
    hint = hint_of(made.crop, prompt)
    return not len(hint.positives) or obeys(made.mask, hint)


def _disobedient(made: Candidate, prompt: Prompt) -> bool:
    """Whether no outline holds the clicks; those beside it are there to cut."""
    if prompt.mask is not None or prompt.points is None:
        return False
    clicks = made.crop.resize.to_model(prompt.positives)
    return not under(made.mask, clicks).all()


def mask_on_plane(candidate: Candidate, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return a candidate's mask at the plane's resolution."""
    signed = np.where(
        candidate.mask,
        np.maximum(candidate.logits, _MARGIN),
        np.minimum(candidate.logits, -_MARGIN),
    )
    mask = np.zeros(shape, bool)
    mask[candidate.crop.box.slices] = candidate.crop.to_pixels(signed) > 0
    return mask


def _distinct(
    found: Sequence[Candidate], shape: tuple[int, int]
) -> list[NDArray[np.bool_]]:
    masks: list[NDArray[np.bool_]] = []
    for candidate in found[:_CONSIDERED]:
        mask = mask_on_plane(candidate, shape)
        if not masks or (
            mask.any() and all(iou(mask, old) < _DISTINCT for old in masks)
        ):
            masks.append(mask)
        if len(masks) > _OTHERS:
            break
    return masks


def _logits_on_plane(
    candidate: Candidate, mask: NDArray[np.bool_]
) -> NDArray[np.float32]:
    logits = np.full(mask.shape, OUTSIDE, np.float32)
    box: Box = candidate.crop.box
    part = candidate.crop.to_pixels(candidate.logits)
    inside = mask[box.slices]
    logits[box.slices] = np.where(
        inside, np.maximum(part, _MARGIN), np.minimum(part, -_MARGIN)
    )
    return logits
