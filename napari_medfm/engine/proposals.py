"""Clicks for models that only know boxes: propose boxes, let the model mend them.

Squares of several sizes, and boxes that the picture suggests, are put around the
click; the bounding boxes of the best answers are asked once more. The best of all
answers wins: by the model's predicted quality, by stability, by how many other starts
led to it, by how near to its middle the click is, by agreement with a guide, and never
against the user's clicks. How the weights were chosen: ``docs/prompts.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import Box, pixel_index
from napari_medfm.core.specs import Segmenter
from napari_medfm.engine.crops import Crop, Sides, cut_sides
from napari_medfm.engine.flood import stable_boxes
from napari_medfm.engine.stability import stability
from napari_medfm.engine.tidy import tidied

STARTS = (0.12, 0.25, 0.5, 0.9)
SUGGESTED = 3
ROUNDS = 2
MENDED = 3
ROOM = 0.05
_SETTLED = 0.85
_ALIKE = 0.7
_QUALITY = 3.0
_SUPPORT = 0.7
DISOBEYED = 3.0
_ASIDE = 0.7
_FIRM = 0.8
_CUT = 0.2


@dataclass(frozen=True, eq=False)
class Hint:
    """What the user and the heads say, in the pixels that the segmenter saw.

    Parameters
    ----------
    positives, negatives
        Clicks (n, 2) on and beside the object.
    guide
        (rows, cols) in [0, 1], high where the object is likely; None if unknown.
    open_sides
        Whether the plane goes on beyond the crop's top, bottom, left and right.
    """

    positives: NDArray[np.float64]
    negatives: NDArray[np.float64]
    guide: NDArray[np.float32] | None = None
    open_sides: Sides = (False, False, False, False)


@dataclass(frozen=True, eq=False)
class Candidate:
    """One answer to a click, seen through one crop.

    Parameters
    ----------
    mask, logits
        In the pixels that the segmenter saw.
    score, stability
        The model's predicted quality, and how little the threshold matters.
    cut
        How many open sides of the crop it touches: the object may go on.
    reach
        Longest side of its box over that of the crop.
    merit
        What candidates compete by.
    aside
        How far the clicks lie from the middle of its box, in diagonals of it.
    wrong
        Clicks that it disobeys.
    likely
        Mean of the guide on it less that beside it.
    """

    crop: Crop
    mask: NDArray[np.bool_]
    logits: NDArray[np.float32]
    score: float
    stability: float
    cut: int
    reach: float
    merit: float
    aside: float = 0.0
    wrong: int = 0
    likely: float = 0.0

    @property
    def own(self) -> Box:
        """The box around the mask, which is not empty."""
        return _box_of(self.mask)


def decoded_in(
    crop: Crop, boxes: Sequence[Box], hint: Hint, segmenter: Segmenter
) -> list[Candidate]:
    """Decode boxes (in the crop's pixels), leaving out what misses every click."""
    decoded = segmenter.decode(crop.embedding, boxes=list(boxes))
    judged = (
        _judged(crop, logits, float(score), hint)
        for logits, score in zip(
            decoded.logits[:, 0], decoded.scores[:, 0], strict=True
        )
    )
    return [made for made in judged if made is not None]


def candidates_in(
    crop: Crop,
    starts: Sequence[Box],
    hint: Hint,
    segmenter: Segmenter,
    *,
    alone: bool = False,
) -> list[Candidate]:
    """Decode boxes (in the crop's pixels), and the boxes of their answers in turn.

    Parameters
    ----------
    alone
        Whether each start means an object of its own. If not, agreement between
        starts counts, and only the best three answers are asked again.
    """
    mended = 0 if alone else MENDED
    found: list[Candidate] = []
    origins: list[int] = []
    boxes = list(enumerate(starts))
    for _ in range(ROUNDS):
        if not boxes:
            break
        decoded = segmenter.decode(crop.embedding, boxes=[box for _, box in boxes])
        following: list[tuple[float, int, Box]] = []
        for (origin, box), logits, score in zip(
            boxes, decoded.logits[:, 0], decoded.scores[:, 0], strict=True
        ):
            made = _judged(crop, logits, float(score), hint)
            if made is None:
                continue
            found.append(made)
            origins.append(origin)
            own = grown(_box_of(made.mask), ROOM)
            if box_iou(own, box) < _SETTLED:
                following.append((made.merit, origin, own))
        best = sorted(following, key=lambda turn: -turn[0])[: mended or None]
        boxes = [(origin, own) for _, origin, own in best]
    return found if alone else _supported(found, np.array(origins))


def _supported(found: list[Candidate], origins: NDArray[np.intp]) -> list[Candidate]:
    """Add to each merit how well the other starts' answers agree with it."""
    count = len(np.unique(origins)) - 1
    if count < 1:
        return found
    masks = np.stack([made.mask.ravel() for made in found]).astype(np.float32)
    common = masks @ masks.T
    sizes = np.diag(common)
    overlap = common / np.maximum(sizes[:, None] + sizes - common, 1)
    best = np.stack(
        [overlap[:, origins == k].max(1) for k in np.unique(origins)], axis=1
    )
    own = np.searchsorted(np.unique(origins), origins)
    best[np.arange(len(found)), own] = 0
    support = best.sum(1) / count
    return [
        replace(made, merit=made.merit + _SUPPORT * float(agreed))
        for made, agreed in zip(found, support, strict=True)
    ]


def squares_around(
    positives: NDArray[np.float64],
    shape: tuple[int, int],
    shares: Sequence[float] = STARTS,
) -> list[Box]:
    """Squares of several sizes around the clicks, cut at the crop's border."""
    low, high = positives.min(0), positives.max(0)
    centre, extent = (low + high + 1) / 2, high - low + 1
    boxes: list[Box] = []
    for share in shares:
        half = (share * max(shape) + extent) / 2
        corner, far = centre - half, centre + half
        box = Box(*corner.tolist(), *far.tolist()).clipped(shape)
        if all(box_iou(box, old) < _SETTLED for old in boxes):
            boxes.append(box)
    return boxes


def starts_at(
    picture: NDArray[np.float32], positives: NDArray[np.float64]
) -> list[Box]:
    """Squares around the clicks, and the boxes that the picture suggests there."""
    shape = picture.shape[0], picture.shape[1]
    boxes = squares_around(positives, shape)
    suggested = 0
    for stable in stable_boxes(picture, positives):
        box = grown(stable, ROOM)
        if suggested < SUGGESTED and all(box_iou(box, b) < _ALIKE for b in boxes):
            boxes.append(box)
            suggested += 1
    return boxes


def grown(box: Box, share: float) -> Box:
    """Return the box with a share of its sides added on each side."""
    rows, cols = share * box.height, share * box.width
    return Box(box.row0 - rows, box.col0 - cols, box.row1 + rows, box.col1 + cols)


def box_iou(first: Box, second: Box) -> float:
    """Intersection over union of two boxes."""
    shared = first.common(second)
    if shared is None:
        return 0.0
    common = shared.height * shared.width
    both = first.height * first.width + second.height * second.width
    return common / (both - common)


def _judged(
    crop: Crop, logits: NDArray[np.float32], score: float, hint: Hint
) -> Candidate | None:
    """Make a candidate of an answer; None if it misses every click on the object."""
    mask = tidied(logits > 0, hint.positives)
    hits, misses = under(mask, hint.positives), under(mask, hint.negatives)
    if not mask.any() or (len(hits) and not hits.any()):
        return None
    firm = float(stability(np.where(mask | (logits < 0), logits, -np.inf)))
    own = _box_of(mask)
    cut = cut_sides(mask, hint.open_sides)
    agreement = 0.0
    if hint.guide is not None:
        agreement = float(hint.guide[mask].mean() - hint.guide[~mask].mean())
    reach = max(own.height, own.width) / max(mask.shape)
    aside = 0.0
    if len(hits):
        middle = hint.positives.mean(0) - own.centre
        aside = float(np.hypot(*middle) / np.hypot(own.height, own.width))
    wrong = int(np.count_nonzero(~hits) + np.count_nonzero(misses))
    merit = (
        _QUALITY * score
        + _FIRM * firm
        + agreement
        - _ASIDE * aside
        - 0.2 * reach
        - _CUT * cut
        - DISOBEYED * wrong
    )
    return Candidate(
        crop,
        mask,
        logits,
        score,
        firm,
        cut,
        reach,
        float(merit),
        aside=aside,
        wrong=wrong,
        likely=agreement,
    )


def under(mask: NDArray[np.bool_], points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each of the clicks (n, 2) lies on the mask."""
    index = pixel_index(points.reshape(-1, 2))
    inside = ((index >= 0) & (index < mask.shape)).all(1)
    clipped = np.clip(index, 0, np.array(mask.shape) - 1)
    on: NDArray[np.bool_] = inside & mask[clipped[:, 0], clipped[:, 1]]
    return on


def _box_of(mask: NDArray[np.bool_]) -> Box:
    box = Box.around(mask)
    assert box is not None  # noqa: S101
    return box
