"""What the user paints into the accepted labels goes into the session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Layer

from napari_medfm.core.errors import MedfmError

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk

_MOST_NEW = 32


class Edits:
    """Makes every stroke in a labels layer one accepted change, to be undone as one."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def watch(self, image: str, layer: Layer) -> None:
        """Listen to the strokes in the labels of an image."""
        layer.events.paint.connect(lambda event: self._painted(image, event))

    def _painted(self, image: str, event: Any) -> None:
        desk, layer = self._desk, event.source
        atoms = [atom for atom in event.value if len(atom[0][0])]
        if not atoms or image not in desk.session.images:
            return
        planes = self._planes(layer, atoms)
        plane = planes[0] if len(planes) == 1 else None
        data = np.array(layer.data if plane is None else layer.data[plane])
        try:
            self._know(data)
            desk.session.accept(image, data, plane=plane, origin="edited")
        except MedfmError as problem:
            desk.complain(problem)
            desk.labels.again(image)
            return
        desk.timeline.branch()
        desk.labels.already_shows(image)
        desk.changed.emit()

    def _planes(self, layer: Layer, atoms: list[Any]) -> list[int]:
        if layer.ndim == 2:
            return []
        touched = [np.unique(np.atleast_1d(atom[0][0])) for atom in atoms]
        return [int(plane) for plane in np.unique(np.concatenate(touched))]

    def _know(self, data: Any) -> None:
        """Add a class for a value the user painted that has none yet."""
        session = self._desk.session
        known = max(c.value for c in session.classes)
        largest = int(data.max())
        if known < largest <= known + _MOST_NEW:
            for value in range(known + 1, largest + 1):
                session.add_class(f"class {value}")
