"""The layer of accepted labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medfm.bridge import looks
from napari_medfm.bridge.slidelabels import SlideLabels
from napari_medfm.core.state import Accepted

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk


class LabelsView:
    """Shows the session's label map of the image in hand."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._shown: dict[str, tuple[tuple[Accepted, ...], Any]] = {}
        self._slide = SlideLabels(desk)

    def render(self) -> None:
        """Bring the layer in step with what was accepted."""
        desk, image = self._desk, self._desk.image
        if image is None:
            return
        items = tuple(
            item for item in desk.session.labelling.accepted if item.image == image
        )
        layer = desk.mirror.layer(image, "labels")
        if not items:
            if self._shown.pop(image, None) is not None:
                if desk.view.large is not None:
                    self._slide.render(())
                    desk.mirror.hide(image, "labels")
                else:
                    desk.mirror.empty(image, "labels")
            return
        shown = self._shown.get(image)
        if layer is not None and shown == (items, desk.classes):
            return
        self._shown[image] = (items, desk.classes)
        if desk.view.large is not None:
            self._slide.render(items)
            return
        found = desk.session.labels(image)
        if layer is not None and np.array_equal(layer.data, found):
            found = layer.data
        desk.show(
            "labels",
            found,
            None,
            colormap=looks.class_colours(desk.classes),
            opacity=0.6,
        )

    def outline(self, outlined: bool) -> None:
        """Show only the edges of the labels, so that a prediction is seen inside.

        Where there are objects the labels are outlined in any case.
        """
        layer = self._desk.mirror.layer(self._desk.image or "", "labels")
        outlined = outlined or self._desk.objects.map is not None
        if layer is not None and bool(layer.contour) != outlined:
            layer.contour = 2 if outlined else 0

    def already_shows(self, image: str) -> None:
        """Note that the layer shows all that the session has: the user painted it."""
        items = tuple(
            item
            for item in self._desk.session.labelling.accepted
            if item.image == image
        )
        self._shown[image] = (items, self._desk.classes)

    def again(self, image: str) -> None:
        """Show the session's labels even if they did not change."""
        self._shown.pop(image, None)
        self.render()
