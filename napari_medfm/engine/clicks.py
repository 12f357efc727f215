"""One object from clicks, for models that know boxes only: which crops to look at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import Box
from napari_medfm.core.jobs import Progress, Steps
from napari_medfm.core.labels import Prompt
from napari_medfm.core.specs import Segmenter
from napari_medfm.engine.crops import (
    Crop,
    CropCache,
    prompt_extent,
    resized,
    square_around,
)
from napari_medfm.engine.proposals import (
    Candidate,
    Hint,
    candidates_in,
    starts_at,
)

_CROPS = 3
_SHOWN = 0.7
_LARGE, _SMALL = 0.5, 0.12


def clicked(
    rgb: NDArray[np.float32],
    plane_key: str,
    prompt: Prompt,
    model: tuple[Segmenter, CropCache],
    guide: NDArray[np.float32] | None = None,
) -> Steps[list[Candidate]]:
    """Return candidates for the clicked object, best first.

    The first crop is most of the plane, within one and two of the model's inputs. A
    wider one follows if the best answer is cut or fills half of it, a closer one if the
    answer is small in it; three at most.
    """
    segmenter, cache = model
    shape = (rgb.shape[0], rgb.shape[1])
    size = segmenter.spec.input_size
    extent = prompt_extent(prompt)
    side = float(np.clip(_SHOWN * min(shape), size, 2 * size))
    side = max(side, 2 * extent.height, 2 * extent.width)
    found: list[Candidate] = []
    looked: set[Box] = set()
    factor = 1.0
    for step in range(_CROPS):
        box = square_around(extent, side, shape)
        if box in looked:
            break
        looked.add(box)
        yield Progress(step, _CROPS, "looking closely" if step else "looking")
        crop = cache.get(rgb, plane_key, box, segmenter)
        hint = hint_on(crop, prompt, shape, guide)
        picture = resized(rgb[box.slices], crop.shape)
        starts = starts_at(picture, hint.positives)
        found += candidates_in(crop, starts, hint, segmenter)
        turn = _next(found, crop, factor, shape)
        if turn is None:
            break
        factor = turn
        side *= factor
    return sorted(found, key=lambda candidate: -candidate.merit)


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
        open_sides=(
            box.row0 > 0,
            box.row1 < plane_shape[0],
            box.col0 > 0,
            box.col1 < plane_shape[1],
        ),
    )


def _next(
    found: list[Candidate], crop: Crop, before: float, shape: tuple[int, int]
) -> float | None:
    """Twice as wide, half as wide, or enough (None); never back and forth."""
    here = [candidate for candidate in found if candidate.crop is crop]
    best = max(here, key=lambda candidate: candidate.merit, default=None)
    whole = crop.box.height == shape[0] and crop.box.width == shape[1]
    if before >= 1 and not whole and (best is None or best.cut or best.reach > _LARGE):
        return 2.0
    if before <= 1 and best is not None and best.reach < _SMALL:
        return 0.5
    return None
