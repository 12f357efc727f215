"""Looking back: how good the head is, where it is unsure, and what can be mended."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medfm.bridge import looks
from napari_medfm.bridge.advice import Doubting, Suggesting
from napari_medfm.bridge.refinement import Refinement
from napari_medfm.bridge.rivals import Rivals
from napari_medfm.bridge.testing import Testing
from napari_medfm.core.lazy import LazyArray

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk


_USUAL, _LEAST, _MOST = 0.4, 0.05, 99.5


class Review:
    """The parts of step 5, and the layer that shows where the prediction is unsure."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.testing = Testing(desk, "pixel")
        self.rivals = Rivals(desk)
        self.suggesting = Suggesting(desk)
        self.doubting = Doubting(desk)
        self.refinement = Refinement(desk)
        self.shows_uncertainty = False
        self._shown: object = None
        desk.changed.connect(self.render)

    def show_uncertainty(self, shown: bool) -> None:
        """Show or hide where the prediction is unsure."""
        desk = self._desk
        self.shows_uncertainty = shown
        if shown and desk.live.prediction is None:
            desk.say(
                desk.live.missing or "It shows as soon as there is a prediction here"
            )
            desk.live.request()
        self._render_uncertainty()

    def render(self) -> None:
        """Bring the layers in step."""
        self.refinement.render()
        self._render_uncertainty()

    def _render_uncertainty(self) -> None:
        desk, here, found = self._desk, self._desk.here, self._desk.live.prediction
        if here is None:
            return
        if found is None or found.region is not None or not self.shows_uncertainty:
            self._shown = None
            desk.mirror.hide(here[0], "uncertainty")
            return
        if self._shown == (found.uid, here):
            if desk.mirror.layer(here[0], "uncertainty") is None:
                # Its layer was removed by hand.
                self.shows_uncertainty = False
            return
        self._shown = found.uid, here
        unsure: Any = found.uncertainty
        if here[1] is not None:
            unsure = unsure[here[1]]
        if not isinstance(unsure, LazyArray):
            unsure = np.asarray(unsure, np.float32)
        desk.show(
            "uncertainty",
            unsure,
            here[1],
            colormap=looks.heat(),
            blending="translucent",
            opacity=0.75,
            contrast_limits=(0.0, _brightest(unsure)),
            rgb=False,
        )


def _brightest(unsure: Any) -> float:
    """Return what is shown brightest: what few pixels are above."""
    if isinstance(unsure, LazyArray):
        return _USUAL
    high = float(np.percentile(unsure, _MOST))
    return max(1, math.ceil(high / _LEAST)) * _LEAST
