"""One object from clicks, for models that know boxes only: which crops to look at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import Box
from napari_medfm.core.jobs import Progress, Steps
from napari_medfm.core.labels import Prompt
from napari_medfm.core.specs import Segmenter
from napari_medfm.engine.alike import map_boxes, token_boxes
from napari_medfm.engine.crops import (
    Crop,
    CropCache,
    prompt_extent,
    resized,
    square_around,
)
from napari_medfm.engine.proposals import (
    ROOM,
    Candidate,
    Hint,
    box_iou,
    grown,
    starts_at,
)
from napari_medfm.engine.screening import screened

_CROPS = 3
WIDEST = 4
_FILLS = 0.16
_LARGE = 0.5
_FINEST = 8
_ALIKE = 4
_SAME = 0.8


def clicked(
    rgb: NDArray[np.float32],
    plane_key: str,
    prompt: Prompt,
    model: tuple[Segmenter, CropCache],
    guide: NDArray[np.float32] | None = None,
) -> Steps[list[Candidate]]:
    """Return candidates for the clicked object, best first.

    The first crop is the whole plane, up to four of the model's inputs wide, so that
    all clicks on a plane share it; where a click before left a closer one, that comes
    first. A closer one follows if the best answer is small, a wider one if it is cut or
    fills half of the crop.
    """
    segmenter, cache = model
    shape = (rgb.shape[0], rgb.shape[1])
    extent = prompt_extent(prompt)
    side = float(min(max(shape), WIDEST * segmenter.spec.input_size))
    widest = max(side, 2 * extent.height, 2 * extent.width)
    found: list[Candidate] = []
    looked: set[Box] = set()
    side = _nearest_held(extent, widest, shape, plane_key, model)
    for step in range(_CROPS):
        box = square_around(extent, side, shape)
        if box in looked:
            break
        looked.add(box)
        yield Progress(step, _CROPS, "looking closely" if step else "looking")
        crop = cache.get(rgb, plane_key, box, segmenter)
        hint = hint_on(crop, prompt, shape, guide)
        picture = resized(rgb[box.slices], crop.shape)
        starts = _starts_in(crop, picture, hint)
        here = screened(crop, picture, starts, hint, segmenter)
        found += here
        factor = _next(here, whole=box == square_around(extent, widest, shape))
        side = min(side * factor, widest)
    return sorted(found, key=lambda candidate: -candidate.merit)


def _nearest_held(
    extent: Box,
    widest: float,
    shape: tuple[int, int],
    plane_key: str,
    model: tuple[Segmenter, CropCache],
) -> float:
    """Side of the closest crop around the click that is embedded already."""
    segmenter, cache = model
    closer = _FINEST
    while closer > 1:
        box = square_around(extent, widest / closer, shape)
        if cache.holds(plane_key, box, segmenter):
            return widest / closer
        closer //= 2
    return widest


def _starts_in(crop: Crop, picture: NDArray[np.float32], hint: Hint) -> list[Box]:
    """Squares, and boxes of what picture, tokens and guide tell apart."""
    starts = starts_at(picture, hint.positives)
    further = token_boxes(crop, hint.positives, _ALIKE)
    if hint.guide is not None:
        further += map_boxes(hint.guide, hint.positives, crop.shape, _ALIKE)
    for box in further:
        room = grown(box, ROOM)
        if all(box_iou(room, old) < _SAME for old in starts):
            starts.append(room)
    return starts


def _next(here: list[Candidate], *, whole: bool) -> float:
    """How much wider to look next; 1 is enough."""
    best = max(here, key=lambda candidate: candidate.merit, default=None)
    if best is None:
        return 0.25
    if best.cut or best.reach > _LARGE:
        return 1.0 if whole else 2.0
    closer = np.floor(np.log2(_FILLS / max(best.reach, _FILLS / _FINEST)))
    return float(2.0 ** -max(closer, 0.0))


def hint_on(
    crop: Crop,
    prompt: Prompt,
    plane_shape: tuple[int, int],
    guide: NDArray[np.float32] | None = None,
) -> Hint:
    """What is known about the object, in a crop's pixels."""
    box = crop.box
    seen = None
    if guide is not None:
        seen = resized(guide[box.slices][..., None], crop.shape)[..., 0]
    return Hint(
        positives=crop.resize.to_model(prompt.positives),
        negatives=crop.resize.to_model(prompt.negatives),
        guide=seen,
        open_sides=crop.open_sides(plane_shape),
    )
