"""An object followed by a model that remembers it from plane to plane."""

from __future__ import annotations

from collections.abc import Callable

from napari_medfm.core.specs import Tracker
from napari_medfm.engine.propagate import Bools, Stack


class Remembering:
    """Shows a model with a memory one plane after another; see `Follower`.

    All known planes are remembered, a plane between two of them is reached from the
    nearer one. The object ends where the model says that it is not there.
    """

    in_turn = False

    def __init__(self, stack: Stack, tracker: Tracker) -> None:
        self._stack = stack
        self._track = tracker.track(stack.shape[0])

    def learn(self, plane: int, mask: Bools) -> None:
        """Remember a plane where the object is known; see `Follower`."""
        if mask.any():
            self._track.show(plane, self._stack.read_rgb(plane), mask)

    def find(
        self, plane: int, expected: Callable[[], Bools], backward: bool
    ) -> Bools | None:
        """Return the object on a plane, or None; see `Follower`."""
        rgb = self._stack.read_rgb(plane)
        tracked = self._track.find(plane, rgb, backward=backward)
        mask: Bools = tracked.logits > 0
        return mask if tracked.score > 0 and mask.any() else None
