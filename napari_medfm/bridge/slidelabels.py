"""The accepted labels of a slide: painted part by part, shown as a pyramid."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.bridge import looks
from napari_medfm.bridge.asking import Ask
from napari_medfm.core.geometry import Box
from napari_medfm.core.image import Image
from napari_medfm.core.jobs import Progress, Steps, Work, finished
from napari_medfm.core.state import Accepted
from napari_medfm.verbs.labelling import paint, whole_plane

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk

_AT_ONCE = 1 << 21
_BAND = 512


@dataclass
class _Canvas:
    """What is painted of an image, and of which regions.

    Rows that nothing was painted on take no memory.
    """

    labels: NDArray[np.unsignedinteger[Any]]
    items: tuple[Accepted, ...] = ()
    dirty: list[Box] = field(default_factory=list)


class SlideLabels:
    """Paints only what changed; small changes at once, large ones behind."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._canvases: dict[int, _Canvas] = {}
        self._ask: Ask[bool] = Ask(desk, "labels", lambda: None)

    def render(self, items: tuple[Accepted, ...]) -> None:
        """Show what these regions make together on the image in hand."""
        desk, source = self._desk, self._desk.source
        if source is None:
            return
        canvas = self._canvas(source)
        same = sum(
            1
            for _ in takewhile(
                lambda pair: pair[0] is pair[1],
                zip(canvas.items, items, strict=False),
            )
        )
        changed = [*canvas.items[same:], *items[same:]]
        canvas.dirty += [a.region or whole_plane(source) for a in changed]
        canvas.items = items
        steps = partial(_repainted, canvas, source, items)
        if sum(box.height * box.width for box in canvas.dirty) <= _AT_ONCE:
            finished(steps())
            self._show(canvas)
            return
        self._ask.begin(
            lambda: Work("Showing the labels", steps, lambda _: True),
            lambda _: self._show(canvas),
        )
        desk.changed.emit()

    def _canvas(self, source: Image) -> _Canvas:
        largest = max(c.value for c in self._desk.classes)
        dtype = np.dtype(np.uint8 if largest < 256 else np.uint16)
        known = self._canvases.get(source.uid)
        if known is None or known.labels.dtype != dtype:
            known = _Canvas(np.zeros((source.n_planes, *source.plane_shape), dtype))
            self._canvases[source.uid] = known
        return known

    def _show(self, canvas: _Canvas) -> None:
        desk, source = self._desk, self._desk.source
        if source is None or self._canvases.get(source.uid) is not canvas:
            return
        if canvas.items:
            desk.show(
                "labels",
                canvas.labels.reshape(source.shape),
                None,
                colormap=looks.class_colours(desk.classes),
                opacity=0.6,
            )
        desk.changed.emit()


def _repainted(
    canvas: _Canvas, image: Image, items: tuple[Accepted, ...]
) -> Steps[bool]:
    """Paint the parts that changed anew, band by band."""
    while canvas.dirty:
        box = canvas.dirty[0]
        for first in range(int(box.row0), int(box.row1), _BAND):
            yield Progress(first - int(box.row0), int(box.height), "painting")
            last = min(first + _BAND, int(box.row1))
            band = Box(first, box.col0, last, box.col1)
            place = canvas.labels[:, band.slices[0], band.slices[1]]
            place[:] = 0
            for item in items:
                paint(place, item, image, band)
        canvas.dirty.pop(0)
    return True
