"""Prompts handed over from plane to plane: any segmenter follows an object.

On the planes where the object is known, a small linear model learns to tell it from
what is around it (`appearance`). On the next plane this says where the object is
likely; the segmenter is asked for the box of the mask before, for the box of what is
likely, and for one between; the outline that agrees best is taken, without what clearly
looks like the surroundings. The object ends where what is found no longer looks like
it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import Box
from napari_medfm.core.labels import Prompt
from napari_medfm.core.specs import Segmenter
from napari_medfm.engine.appearance import Appearance, Sight
from napari_medfm.engine.crops import Crop, CropCache, plan_crop
from napari_medfm.engine.propagate import Bools, Stack
from napari_medfm.engine.proposals import ROOM, grown

_NEAR = 0.25
_UNLIKE = -0.3
_ENDED = 0.05
_SMALLEST = 9
_OVERLAP = 0.3


class HandOver:
    """Asks a segmenter for boxes of the plane before; see `Follower`."""

    in_turn = True

    def __init__(self, stack: Stack, segmenter: Segmenter, cache: CropCache) -> None:
        self._stack, self._segmenter, self._cache = stack, segmenter, cache
        self._seen: list[tuple[Sight, Bools]] = []
        self._learned: Appearance | None = None

    def learn(self, plane: int, mask: Bools) -> None:
        """Look at a plane where the object is known; see `Follower`."""
        box = Box.around(mask)
        if box is not None:
            self._seen.append((self._sight(plane, box), mask))
            self._learned = None

    def find(
        self, plane: int, expected: Callable[[], Bools], backward: bool
    ) -> Bools | None:
        """Return the object on a plane, or None; see `Follower`."""
        return self._found(plane, expected())

    @property
    def _appearance(self) -> Appearance:
        if self._learned is None:
            self._learned = Appearance.of(self._seen)
        return self._learned

    def _sight(self, plane: int, box: Box) -> Sight:
        shape = self._stack.shape[1:]
        rgb = self._stack.read_rgb(plane)
        place = plan_crop(Prompt(box=box), shape, self._segmenter.spec.input_size)
        key = self._stack.plane_key(plane)
        return Sight.of(self._cache.get(rgb, key, place, self._segmenter), rgb)

    def _found(self, plane: int, before: Bools) -> Bools | None:
        box = Box.around(before)
        if box is None:
            return None
        shape = self._stack.shape[1:]
        box = grown(box, ROOM).clipped(shape)
        sight = self._sight(plane, box)
        likeness = sight.to_plane(self._appearance.on(sight), shape, -1.0)
        near = np.zeros(shape, bool)
        near[grown(box, _NEAR).rounded().clipped(shape).slices] = True
        boxes = _boxes(box, likeness, before)
        mask = self._best(sight.crop, boxes, likeness, near)
        mask &= likeness > _UNLIKE
        return mask if self._continues(mask, before, likeness) else None

    def _best(
        self,
        crop: Crop,
        boxes: list[Box],
        likeness: NDArray[np.float32],
        near: Bools,
    ) -> Bools:
        decoded = self._segmenter.decode(crop.embedding, boxes=crop.to_crop(boxes))
        likely = max(float(np.maximum(likeness, 0)[near].sum()), 1.0)
        best, merit = np.zeros_like(near), -np.inf
        for logits, score in zip(
            decoded.logits[:, 0], decoded.scores[:, 0], strict=True
        ):
            mask = np.zeros_like(near)
            mask[crop.box.slices] = crop.to_pixels(logits) > 0
            mask &= near
            agreed = float(likeness[mask].sum()) / likely
            if float(score) + agreed > merit:
                best, merit = mask, float(score) + agreed
        return best

    def _continues(
        self, mask: Bools, before: Bools, likeness: NDArray[np.float32]
    ) -> bool:
        size = np.count_nonzero(mask)
        if size < _SMALLEST or float(likeness[mask].mean()) < _ENDED:
            return False
        smaller = min(size, np.count_nonzero(before))
        overlap = np.count_nonzero(mask & before) / smaller
        return bool(overlap >= _OVERLAP / self._stack.ease)


def _boxes(box: Box, likeness: NDArray[np.float32], before: Bools) -> list[Box]:
    """The box of the mask before, of what is likely now, and one between."""
    from scipy import ndimage

    likely = ndimage.binary_dilation(before, iterations=2) & (likeness > 0)
    pieces, count = ndimage.label(likely)
    if not count:
        return [box]
    main = pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
    own = Box.around(main)
    if own is None or np.count_nonzero(main) < _SMALLEST:
        return [box]
    own = grown(own, ROOM)
    middle = Box(*((a + b) / 2 for a, b in zip(box, own, strict=True)))
    return [box, own, middle]
