"""Boxes, clicks and masks that the model itself was trained to answer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import Box
from napari_medfm.core.labels import Prompt
from napari_medfm.core.specs import Segmenter
from napari_medfm.engine.crops import Crop, prompt_extent, resized
from napari_medfm.engine.proposals import ROOM, Candidate, grown
from napari_medfm.engine.stability import stability
from napari_medfm.engine.tidy import tidied

_SURE = 8.0
_SLACK = 0.025


def asked(crop: Crop, prompt: Prompt, segmenter: Segmenter) -> list[Candidate]:
    """Decode a prompt on its crop, best answer first.

    A model that knows boxes only gets the box with a little room, and its answer is
    kept within the box: measured on nuclei and optic discs, both help. Several answers
    come back for a single click.
    """
    kinds = segmenter.spec.prompts
    box = prompt.box
    if box is None and prompt.mask is not None:
        box = prompt_extent(prompt)
    given: dict[str, Any] = {}
    if box is not None:
        room = ROOM if "points" not in kinds else 0.0
        given["boxes"] = crop.to_crop([grown(box, room)])
    if "points" in kinds and prompt.points is not None and len(prompt.points):
        given["points"] = crop.resize.to_model(prompt.points)[None]
        given["point_labels"] = np.asarray(prompt.point_labels)[None]
    several = box is None and len(given["point_labels"][0]) == 1
    decoded = segmenter.decode(crop.embedding, **given, multimask=several)
    if prompt.mask is not None and "mask" in kinds:
        given["low_res"] = _as_low_res(crop, prompt.mask, decoded.low_res.shape[-2:])
        decoded = segmenter.decode(crop.embedding, **given)
    found = [
        candidate_of(crop, logits, float(score), prompt)
        for logits, score in zip(decoded.logits[0], decoded.scores[0], strict=True)
    ]
    return sorted(found, key=lambda candidate: -candidate.merit)


def candidate_of(
    crop: Crop, logits: NDArray[np.float32], score: float, prompt: Prompt
) -> Candidate:
    """Tidy an answer: where it may be, one piece under the clicks, no pinholes."""
    raw = logits > 0
    allowed = allowed_in(crop, prompt)
    if allowed is not None:
        raw &= allowed
    mask = tidied(raw, crop.resize.to_model(prompt.positives))
    firm = float(stability(logits))
    return Candidate(crop, mask, logits, score, firm, 0, 0.0, score)


def allowed_in(crop: Crop, prompt: Prompt) -> NDArray[np.bool_] | None:
    """Where in a crop the object may lie: the box with a little slack, the lasso."""
    allowed = None
    if prompt.box is not None:
        box = prompt.box
        rows, cols = int(box.height * _SLACK), int(box.width * _SLACK)
        loose = Box(box.row0 - rows, box.col0 - cols, box.row1 + rows, box.col1 + cols)
        (seen,) = crop.to_crop([loose])
        allowed = np.zeros(crop.shape, bool)
        allowed[seen.rounded().clipped(crop.shape).slices] = True
    if prompt.within is not None:
        part = prompt.within[crop.box.slices].astype(np.float32)[..., None]
        lasso: NDArray[np.bool_] = resized(part, crop.shape)[..., 0] > 0
        allowed = lasso if allowed is None else allowed & lasso
    return allowed


def _as_low_res(
    crop: Crop, mask: NDArray[np.bool_], grid: tuple[int, int]
) -> NDArray[np.float32]:
    """A mask as logits (1, h, w) on the model's own padded grid."""
    scale = max(grid) / max(crop.shape)
    shape = max(1, round(crop.shape[0] * scale)), max(1, round(crop.shape[1] * scale))
    part = mask[crop.box.slices].astype(np.float32)[..., None]
    logits = np.full((1, *grid), -_SURE, np.float32)
    logits[0, : shape[0], : shape[1]] = (2 * resized(part, shape)[..., 0] - 1) * _SURE
    return logits
