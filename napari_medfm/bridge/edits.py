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
    """Makes every stroke in a labels layer one accepted change, to be undone as one.

    napari tells of some strokes before it writes them into the data, so they are read
    when it has finished; `flush` reads them at once.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._pending: tuple[str, Layer, int | None] | None = None

    @property
    def waiting(self) -> bool:
        """Whether a stroke is still to be taken up."""
        return self._pending is not None

    def watch(self, image: str, layer: Layer) -> None:
        """Listen to the strokes in the labels of an image."""
        layer.events.paint.connect(lambda event: self._painted(image, event))
        layer.events.data.connect(lambda event: self._replaced(image, event.source))

    def _painted(self, image: str, event: Any) -> None:
        layer = event.source
        planes = _planes_of(event.value) if layer.ndim == 3 else set()
        self._await(image, layer, planes.pop() if len(planes) == 1 else None)

    def _replaced(self, image: str, layer: Layer) -> None:
        """``layer.data = array``: by the user, unless the desk shows its own labels."""
        if not self._desk.mirror.updating:
            self._await(image, layer, None)

    def _await(self, image: str, layer: Layer, plane: int | None) -> None:
        desk = self._desk
        now = (image, layer, plane)
        if self._pending is not None and self._pending != now:
            self.flush()
        self._pending = now
        desk.runner.later(0, "edits", self.flush)

    def flush(self) -> None:
        """Take what was painted last into the session."""
        desk = self._desk
        pending, self._pending = self._pending, None
        if pending is None or pending[0] not in desk.session.images:
            return
        image, layer, plane = pending
        data = np.array(layer.data if plane is None else layer.data[plane])
        if self._is_known(image, data, plane):
            return
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

    def _is_known(self, image: str, data: Any, plane: int | None) -> bool:
        known = self._desk.session.labels(image)
        return np.array_equal(known if plane is None else known[plane], data)

    def _know(self, data: Any) -> None:
        """Add a class for a value the user painted that has none yet."""
        session = self._desk.session
        known = max(c.value for c in session.classes)
        largest = int(data.max())
        if known < largest <= known + _MOST_NEW:
            for value in range(known + 1, largest + 1):
                session.add_class(f"class {value}")


def _planes_of(atoms: Any) -> set[int]:
    """Return the planes of a volume that a stroke painted on."""
    found: set[int] = set()
    for indices, *_ in atoms:
        first = indices[0]
        if isinstance(first, slice):
            # Part of the volume at once: more than one plane, as far as is known here.
            first = range(first.start or 0, max(first.stop or 2, 1), first.step or 1)
        found |= set(np.unique(np.asarray(first, int)).tolist())
    return found
