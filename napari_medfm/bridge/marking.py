"""Examples on the desk: clicks and strokes that say what belongs to which class."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_medfm.bridge import looks
from napari_medfm.bridge.marks import show_points
from napari_medfm.core.labels import IGNORE, Annotation, LabelClass
from napari_medfm.core.runs import Runs

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk

_REACH = 0.03
_HATCH = 2
PROBABLE = 0.25


class Marking:
    """Brings clicks and strokes to the session and shows what is there."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._shown: object = None
        self.radius = 4.0
        self.ignores = False
        self.doubts = False

    @property
    def _target(self) -> LabelClass:
        """The class that marks go to, or what is to be ignored."""
        return IGNORE if self.ignores else self._desk.chosen_class

    def ignore(self, ignores: bool) -> None:
        """Have marks say: learn nothing here, whatever else marks it."""
        self.ignores, self.doubts = ignores, self.doubts and not ignores
        self._desk.changed.emit()

    def doubt(self, doubts: bool) -> None:
        """Have marks say: probably, and count less."""
        self.doubts, self.ignores = doubts, self.ignores and not doubts
        self._desk.changed.emit()

    @property
    def _weight(self) -> float:
        return PROBABLE if self.doubts else 1.0

    def rest(self) -> None:
        """Say that the plane on screen is probably background where nothing is."""
        desk, here = self._desk, self._desk.here
        if here is None:
            return
        done = desk.act(lambda: desk.session.annotate_rest(here[0], plane=here[1]))
        if done:
            desk.live.labels_changed()
            places = len(desk.session.annotations[-1].pixels)
            desk.say(
                f"{places} places with no label near are faint examples of background "
                "now; your own marks outweigh them. Undo with Ctrl+Z"
            )

    @property
    def any(self) -> bool:
        """Whether anything is marked or accepted on the image in hand."""
        accepted = self._desk.session.labelling.accepted
        return bool(self._own()) or any(a.image == self._desk.image for a in accepted)

    def _shown_as(self, value: int) -> int:
        """Return the number of a class in the layer of strokes; 0 is no stroke."""
        top = max(c.value for c in self._desk.classes)
        return top + 2 if value == IGNORE.value else value + 1

    def click(self, position: tuple[float, ...]) -> None:
        """Give a place to the chosen class."""
        desk, image = self._desk, self._desk.image
        if image is None:
            return
        whole = [float(np.floor(v + 0.5)) for v in position]
        name, weight = self._target.name, self._weight
        done = desk.act(
            lambda: desk.session.annotate(image, name, points=[whole], weight=weight)
        )
        if done:
            desk.live.labels_changed()

    def erase(self, position: tuple[float, ...]) -> None:
        """Take the nearest example away."""
        desk, source = self._desk, self._desk.source
        if source is None:
            return
        place = np.asarray(position)
        near = [
            (float(np.linalg.norm(a.pixels - place, axis=1).min()), a.id)
            for a in self._own()
            if len(a.pixels)
        ]
        reach = max(6.0, _REACH * max(source.plane_shape))
        near = [(distance, number) for distance, number in near if distance <= reach]
        if not near:
            desk.say("There is no example near this place")
            return
        number = min(near)[1]
        if desk.act(lambda: desk.session.remove(number)):
            desk.live.labels_changed()

    def stroke_moves(
        self, path: list[tuple[float, float]], radius: float | None = None
    ) -> None:
        """Show a stroke while it is drawn, as wide as the brush or a radius."""
        desk, source = self._desk, self._desk.source
        if source is None or not path or desk.image is None:
            return
        drawn = painted(path, radius or self.radius, source.plane_shape)
        layer = desk.mirror.layer(desk.image, "strokes")
        if layer is None:
            self._show_strokes(force=True)
            layer = desk.mirror.layer(desk.image, "strokes")
        if layer is None:
            return
        lift = () if source.ndim == 2 else (np.zeros(len(drawn[0]), np.intp),)
        data = layer.data[0] if layer.multiscale else layer.data
        data[(*lift, *drawn)] = self._shown_as(self._target.value)
        layer.refresh()

    def stroke_done(self, path: list[tuple[float, float]]) -> None:
        """Give what was painted to the chosen class."""
        desk, source, here = self._desk, self._desk.source, self._desk.here
        if source is None or here is None or not path:
            return
        drawn = painted(path, self.radius, source.plane_shape)
        flat = np.ravel_multi_index(drawn, source.plane_shape)
        mask = Runs.of_indices(flat, source.plane_shape)
        name, weight = self._target.name, self._weight
        done = desk.act(
            lambda: desk.session.annotate(
                here[0], name, mask=mask, plane=here[1], weight=weight
            )
        )
        if done:
            desk.live.labels_changed()

    def lasso_done(self, path: list[tuple[float, float]]) -> None:
        """Give what was circled to the chosen class."""
        desk, here = self._desk, self._desk.here
        if here is None or not path:
            return
        corners = _corners(path)
        if len(corners) < 3:
            self._show_strokes()
            desk.say("Draw around what you mean: press, circle it, let go")
            return
        name, weight = self._target.name, self._weight
        done = desk.act(
            lambda: desk.session.annotate(
                here[0], name, polygon=corners, plane=here[1], weight=weight
            )
        )
        if done:
            desk.live.labels_changed()
        else:
            self._show_strokes()

    def plane_moved(self) -> None:
        """Another plane is on screen: show its strokes."""
        self._show_strokes()

    def _own(self) -> list[Annotation]:
        annotations = self._desk.session.annotations
        known = {c.value for c in self._desk.classes} | {IGNORE.value}
        return [
            a
            for a in annotations
            if a.image == self._desk.image and a.level == "pixel" and a.value in known
        ]

    @property
    def counts(self) -> dict[int, int]:
        """How many examples each class has, over all images."""
        counts = {c.value: 0 for c in self._desk.classes}
        for annotation in self._desk.session.annotations:
            if annotation.level == "pixel" and annotation.value in counts:
                counts[annotation.value] += 1
        return counts

    def render(self) -> None:
        """Bring the layers in step with the annotations."""
        desk = self._desk
        state = (desk.image, desk.session.annotations, desk.classes)
        if self._shown == state or desk.image is None:
            return
        self._shown = state
        classes = {c.value: c for c in (*desk.classes, IGNORE)}
        points, colours, symbols = [], [], []
        for annotation in self._own():
            if annotation.kind == "points":
                points.extend(annotation.pixels.tolist())
                colour = looks.colour_of(classes[annotation.value])
                colours.extend([colour] * len(annotation.pixels))
                symbol = "disc" if annotation.weight == 1 else "ring"
                symbols.extend([symbol] * len(annotation.pixels))
        if points:
            show_points(desk, "examples", points, colours, symbols)
        else:
            desk.mirror.hide(desk.image, "examples")
        self._show_strokes()

    def _show_strokes(self, force: bool = False) -> None:
        desk, source, here = self._desk, self._desk.source, self._desk.here
        if source is None or here is None:
            return
        strokes = [a for a in self._own() if a.kind == "mask"]
        if not strokes and not force:
            desk.mirror.hide(here[0], "strokes")
            return
        numbers = {a.value: self._shown_as(a.value) for a in strokes}
        ignored = replace(IGNORE, value=self._shown_as(IGNORE.value) - 1)
        desk.show(
            "strokes",
            _map_of(strokes, source.plane_shape, here[1], numbers),
            here[1],
            colormap=looks.class_colours(
                (*desk.classes, ignored), background=True, shift=1
            ),
            opacity=0.85,
            editable=False,
        )


def _corners(path: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the corners of a closed outline, fewer where it is straight."""
    from skimage.measure import approximate_polygon

    closed = np.array([*path, path[0]])
    kept = approximate_polygon(closed, 0.5)[:-1]  # type: ignore[no-untyped-call]
    return [(round(float(row), 1), round(float(col), 1)) for row, col in kept]


def _map_of(
    strokes: list[Annotation],
    shape: tuple[int, int],
    plane: int | None,
    numbers: dict[int, int],
) -> NDArray[np.uint16]:
    found = np.zeros(shape, np.uint16)
    for stroke in strokes:
        pixels = stroke.pixels
        if plane is not None:
            pixels = pixels[pixels[:, 0] == plane, 1:]
        if stroke.weight < 1:
            pixels = pixels[(pixels // _HATCH).sum(1) % 2 == 0]
        found[pixels[:, 0], pixels[:, 1]] = numbers[stroke.value]
    return found


def painted(
    path: list[tuple[float, float]], radius: float, shape: tuple[int, int]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return rows and columns within ``radius`` of a path of (row, col) positions.

    They come row by row. Only the part of the plane around the path is ever looked at.
    """
    places = np.asarray(path, float)
    first = np.clip(np.floor(places.min(0) - radius), 0, shape).astype(int)
    past = np.clip(np.ceil(places.max(0) + radius) + 1, first, shape).astype(int)
    mask = np.zeros(past - first, bool)
    for start, end in zip(path, [*path[1:], path[-1]], strict=True):
        one, other = np.asarray(start), np.asarray(end)
        low = np.maximum(np.floor(np.minimum(one, other) - radius), 0).astype(int)
        high = np.ceil(np.maximum(one, other) + radius).astype(int) + 1
        high = np.minimum(high, shape)
        rows, cols = np.mgrid[low[0] : high[0], low[1] : high[1]]
        along = other - one
        length = float(along @ along)
        away = np.stack([rows - one[0], cols - one[1]], -1)
        share = np.clip(away @ along / length, 0, 1) if length else 0.0
        gap = away - np.multiply.outer(share, along)
        near = (gap**2).sum(-1) <= max(radius, 0.5) ** 2
        mask[rows[near] - first[0], cols[near] - first[1]] = True
    found = np.nonzero(mask)
    return found[0] + first[0], found[1] + first[1]
