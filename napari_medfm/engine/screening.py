"""Many boxes looked at coarsely, the best few closely, and all weighed together.

A segmenter that can decode with fewer tokens (``coarser`` of its embedding) answers a
box in a third of the time, well enough to tell which boxes are worth an exact look.
What wins is told by the model's own estimate, by how many other boxes agree, and by
what the picture says for the outline. How the weights were chosen: ``docs/prompts.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import Box
from napari_medfm.core.specs import Segmenter
from napari_medfm.engine.crops import Crop
from napari_medfm.engine.evidence import Evidence
from napari_medfm.engine.proposals import (
    DISOBEYED,
    ROOM,
    Candidate,
    Hint,
    box_iou,
    decoded_in,
    grown,
)

_CLOSE = 3
_SAME = 0.85
_QUALITY = 0.75
_FIRM = 1.2
_SUPPORT = 1.55
_SURE = 0.25
_SUREST = 8.0
_EDGE = 0.18
_CONTRAST = 0.08
_ASIDE = 0.72
_REACH = 0.65
_CUT = 0.1


def screened(
    crop: Crop,
    picture: NDArray[np.float32],
    starts: Sequence[Box],
    hint: Hint,
    segmenter: Segmenter,
) -> list[Candidate]:
    """Return answers to the most promising of the boxes, best first.

    Parameters
    ----------
    picture
        What the segmenter saw of the crop.
    starts
        Boxes in the crop's pixels, each a guess at the same object.
    """
    if not starts:
        return []
    evidence = Evidence.of(picture)
    coarser = getattr(crop.embedding, "coarser", crop.embedding)
    seen = decoded_in(replace(crop, embedding=coarser), starts, hint, segmenter)
    rough = weighed(seen, seen, evidence)
    own: list[Box] = []
    for made in rough:
        box = grown(made.own, ROOM)
        if len(own) < _CLOSE and all(box_iou(box, old) < _SAME for old in own):
            own.append(box)
    close = decoded_in(crop, own, hint, segmenter) if own else []
    return weighed(close, rough, evidence)


def weighed(
    found: Sequence[Candidate], others: Sequence[Candidate], evidence: Evidence
) -> list[Candidate]:
    """Weigh candidates against one another; best first."""
    if not found:
        return []
    agreed = _agreement(found, others)
    made = [
        replace(one, merit=_merit(one, float(support), evidence))
        for one, support in zip(found, agreed, strict=True)
    ]
    return sorted(made, key=lambda one: -one.merit)


def _merit(one: Candidate, support: float, evidence: Evidence) -> float:
    sure = float(one.logits[one.mask].clip(-_SUREST, _SUREST).mean())
    return (
        _QUALITY * one.score
        + _FIRM * one.stability
        + _SUPPORT * support
        + _SURE * sure
        + _EDGE * evidence.edge(one.mask)
        + _CONTRAST * evidence.contrast(one.mask)
        + one.likely
        - _ASIDE * one.aside
        - _REACH * one.reach
        - _CUT * one.cut
        - DISOBEYED * one.wrong
    )


def _agreement(
    found: Sequence[Candidate], others: Sequence[Candidate]
) -> NDArray[np.float64]:
    """Mean overlap (IoU) of each mask with those of others, but for itself."""
    masks, rest = (
        np.stack([made.mask.ravel() for made in many]).astype(np.float32)
        for many in (found, others)
    )
    common = masks @ rest.T
    either = masks.sum(1)[:, None] + rest.sum(1) - common
    overlap = common / np.maximum(either, 1)
    own = np.array([[made is other for other in others] for made in found])
    kept: NDArray[np.float64] = np.where(own, 0, overlap).sum(1) / np.maximum(
        (~own).sum(1), 1
    )
    return kept
