"""What is done before a prompt is asked: the plane is embedded, a box previewed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medfm.bridge import looks
from napari_medfm.bridge.asking import Ask
from napari_medfm.bridge.catalogue import needed

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk
    from napari_medfm.core.results import Mask

Corners = tuple[float, float, float, float]
_PROMPTS = {"box", "points"}
_REST = 0.3
_DEBOUNCE = 0.05


class Preview:
    """Looks at a plane while a prompt tool is armed, and outlines a box being dragged.

    Neither changes the session. What is previewed comes from the decoder alone; where
    nothing is embedded yet, nothing is shown.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._box: Corners | None = None
        self._looked: Any = None
        self._look: Ask[bool] = Ask(desk, "look", self._place)
        self._glance: Ask[Mask | None] = Ask(
            desk, "glance", lambda: (self._place(), self._box)
        )

    def _place(self) -> Any:
        return self._desk.scene, self._desk.session.workspace.segmenter

    def expected(self) -> None:
        """A prompt may come: look at the plane on screen after a rest."""
        if self._desk.tools.armed in _PROMPTS and self._place() != self._looked:
            self._desk.runner.later(_REST, "look", self._begin_look)

    def _begin_look(self) -> None:
        desk, here, place = self._desk, self._desk.here, self._place()
        if here is None or desk.tools.armed not in _PROMPTS or place == self._looked:
            return
        if any(kind == "segmenter" for kind, _ in needed(desk.session)):
            return

        def looked(_: bool) -> None:
            self._looked = place

        self._look.begin(lambda: desk.session.look.work(here[0], here[1]), looked)

    def drags(self, box: Corners) -> None:
        """A box is being dragged: outline what it holds so far."""
        self._box = box
        if box[2] > box[0] and box[3] > box[1]:
            self._desk.runner.later(_DEBOUNCE, "glance", self._begin_glance)

    def _begin_glance(self) -> None:
        desk, here, box = self._desk, self._desk.here, self._box
        if here is not None and box is not None:
            self._glance.begin(
                lambda: desk.session.glance.work(here[0], box, here[1]), self._glanced
            )

    def _glanced(self, mask: Mask | None) -> None:
        here = self._desk.here
        if mask is None or here is None or not mask.data.any():
            return
        self._desk.show(
            "mask",
            mask.data.astype(np.uint8),
            here[1],
            colormap=looks.single(looks.MASK),
            opacity=0.25,
            editable=False,
        )

    def ends(self) -> None:
        """The drag is over: what was asked for counts now."""
        self._box = None
        self._glance.drop()
