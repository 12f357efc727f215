"""A mask of one plane carried through a volume, until the object ends.

The mask of plane z prompts its neighbour: its box, a little grown, is asked there. An
answer is taken while it looks like the same object: it overlaps what it came from, its
size changes little, its brightness inside resembles the prompted plane's and stands
out from its rim as it did there. A plane that fails is the end in that direction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import Box
from napari_medfm.core.jobs import Progress, Steps
from napari_medfm.core.labels import Prompt
from napari_medfm.core.specs import Segmenter
from napari_medfm.engine.crops import CropCache
from napari_medfm.engine.prompting import Answer, answer
from napari_medfm.engine.proposals import grown
from napari_medfm.engine.stability import iou

_ROOM = 0.05
_OVERLAP = 0.5
_GROWTH = 1.8
_SMALLEST = 9
_UNLIKE = 2.5
_FADED = 0.4
_THICK = 3.0


@dataclass(frozen=True)
class Look:
    """Brightness of a mask on its plane: inside, its spread, and along the rim."""

    inside: float
    spread: float
    rim: float

    @property
    def contrast(self) -> float:
        """How far the inside stands out from the rim, with its sign."""
        return self.inside - self.rim


def propagate(  # noqa: PLR0913  a volume by its planes, where to start and stop
    read_rgb: Callable[[int], NDArray[np.float32]],
    plane_key: Callable[[int], str],
    mask: NDArray[np.bool_],
    plane: int,
    to: tuple[int, int],
    segmenter: Segmenter,
    cache: CropCache,
    *,
    shape: tuple[int, int, int],
    spacing: Sequence[float] = (1.0, 1.0, 1.0),
) -> Steps[NDArray[np.bool_]]:
    """Carry a mask both ways.

    Parameters
    ----------
    read_rgb, plane_key
        A plane's pixels, float32 (rows, cols, 3) in [0, 1], and their name.
    mask
        bool (rows, cols), the object on ``plane``.
    to
        First and last plane that may be reached, both included.
    shape, spacing
        Of the volume, planes first. Planes far apart may change more.

    Returns
    -------
    array
        bool of the volume's shape; ``mask`` itself on its plane.
    """
    volume = np.zeros(shape, bool)
    volume[plane] = mask
    model = look_of(read_rgb(plane), mask)
    apart = spacing[0] / min(spacing[1:])
    ease = float(np.clip(apart / _THICK, 1, 2))
    total = to[1] - to[0]
    done = 0
    for step, last in ((1, to[1]), (-1, to[0])):
        before = mask
        for index in range(plane + step, last + step, step):
            yield Progress(done, total, f"plane {index}")
            done += 1
            rgb = read_rgb(index)
            box = _box_for(before)
            steps = answer(rgb, plane_key(index), Prompt(box=box), segmenter, cache)
            found = _mask_of(steps) & _near(before)
            if not same_object(found, before, look_of(rgb, found), model, ease):
                break
            volume[index] = before = found
    return volume


def same_object(
    found: NDArray[np.bool_],
    before: NDArray[np.bool_],
    look: Look,
    model: Look,
    ease: float = 1.0,
) -> bool:
    """Whether a mask continues the object of the plane before.

    Parameters
    ----------
    look, model
        Brightness of this mask, and of the prompted one.
    ease
        1 for planes close together, up to 2: more change is then expected.
    """
    size, old = np.count_nonzero(found), np.count_nonzero(before)
    if size < _SMALLEST or iou(found, before) < _OVERLAP / ease:
        return False
    growth = _GROWTH * ease
    if not old / growth <= size <= old * growth:
        return False
    width = max(model.spread, 0.25 * abs(model.contrast), 0.02)
    if abs(look.inside - model.inside) > _UNLIKE * width:
        return False
    kept = look.contrast if model.contrast > 0 else -look.contrast
    return kept >= _FADED * abs(model.contrast)


def look_of(rgb: NDArray[np.float32], mask: NDArray[np.bool_]) -> Look:
    """Measure a mask's brightness on its plane; the rim is as wide as a fifth of it."""
    from scipy import ndimage

    grey = rgb.mean(-1)
    box = Box.around(mask)
    if box is None:
        return Look(0.0, 0.0, 0.0)
    width = max(2, round(0.1 * (box.height + box.width)))
    around = Box(
        box.row0 - width, box.col0 - width, box.row1 + width, box.col1 + width
    ).clipped((mask.shape[0], mask.shape[1]))
    part, values = mask[around.slices], grey[around.slices]
    rim = ndimage.binary_dilation(part, iterations=width) & ~part
    inside = values[part]
    outside = values[rim] if rim.any() else inside
    return Look(float(inside.mean()), float(inside.std()), float(outside.mean()))


def _near(before: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What lies within the box of a mask grown by a quarter."""
    shape = before.shape[0], before.shape[1]
    near = np.zeros(shape, bool)
    near[grown(_box(before), 0.25).rounded().clipped(shape).slices] = True
    return near


def _box_for(before: NDArray[np.bool_]) -> Box:
    shape = before.shape[0], before.shape[1]
    return grown(_box(before), _ROOM).clipped(shape)


def _box(mask: NDArray[np.bool_]) -> Box:
    box = Box.around(mask)
    if box is None:
        return Box(0, 0, *mask.shape)
    return box


def _mask_of(steps: Steps[Answer]) -> NDArray[np.bool_]:
    """Run the steps of one plane without showing them."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            made: Answer = stop.value
            return made.mask
