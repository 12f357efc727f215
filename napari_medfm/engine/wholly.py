"""An object outlined in all of a volume at once, by a model that sees all of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from napari_medfm.core.specs import VolumeSegmenter
from napari_medfm.engine.propagate import Bools, Stack


class Wholly:
    """Asks once for the whole volume, and hands the answer out; see `Follower`."""

    in_turn = False

    def __init__(self, stack: Stack, segmenter: VolumeSegmenter) -> None:
        self._stack, self._segmenter = stack, segmenter
        self._known: dict[int, Bools] = {}
        self._found: Bools | None = None

    def learn(self, plane: int, mask: Bools) -> None:
        """Take in a plane where the object is known; see `Follower`."""
        self._known[plane] = mask

    def find(
        self, plane: int, expected: Callable[[], Bools], backward: bool
    ) -> Bools | None:
        """Return the object on a plane, or None; see `Follower`."""
        if self._found is None:
            stack = self._stack
            planes = [stack.read_rgb(z).mean(-1) for z in range(stack.shape[0])]
            volume = np.stack(planes).astype(np.float32)
            self._found = self._segmenter.outline(volume, self._known, stack.spacing)
        mask = self._found[plane]
        return mask if mask.any() else None
