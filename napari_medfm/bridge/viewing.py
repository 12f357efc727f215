"""Which part of a large image is on screen, and how large answers are shown."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import Box
from napari_medfm.core.image import Image
from napari_medfm.core.lazy import LazyArray
from napari_medfm.engine.lazymap import SlideMap
from napari_medfm.engine.tiles import LARGE
from napari_medfm.verbs.planes import SIDE, is_large

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk

_REST = 0.3
_SQUARES = 2
_SEEN_AT_ONCE = 2048


def seen_world(viewer: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the middle of a flat view in the world (2,), and half of its extent."""
    camera = viewer.scene.camera
    half = np.asarray(viewer.canvas.size, float) / (2 * max(camera.zoom, 1e-12))
    return np.asarray(camera.center, float)[-2:], half


class Viewing:
    """Follows the camera over large images: what is on screen is done first."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.on_moved: Callable[[], None] | None = None
        events = desk.viewer.scene.camera.events
        for name in ("center", "zoom"):
            getattr(events, name).connect(self._moved)

    def close(self) -> None:
        """Let go of the camera."""
        events = self._desk.viewer.scene.camera.events
        for name in ("center", "zoom"):
            getattr(events, name).disconnect(self._moved)

    def _moved(self, _: Any = None) -> None:
        if self.large is not None and self.on_moved is not None:
            self._desk.runner.later(_REST, "view", self.on_moved)

    @property
    def large(self) -> Image | None:
        """The image in hand, if its planes are too large to be held; else None."""
        source = self._desk.source
        return source if source is not None and is_large(source) else None

    def box(self, image: Image) -> Box:
        """Return the pixels on screen; all of them where none is."""
        desk, whole = self._desk, Box(0, 0, *image.plane_shape)
        layer, viewer = desk.binding.layer(image.name), self._desk.viewer
        if layer is None or viewer.dims.ndisplay != 2:
            return whole
        middle, half = seen_world(viewer)
        world = np.tile(np.asarray(viewer.dims.point, float), (4, 1))
        world[:, list(viewer.dims.displayed)] = middle + half * list(
            product((-1, 1), (-1, 1))
        )
        seen = np.array([layer.world_to_data(place) for place in world])[:, -2:]
        low, high = np.floor(seen.min(0) + 0.5), np.ceil(seen.max(0) + 0.5)
        low = np.clip(low, 0, np.asarray(image.plane_shape) - 1)
        high = np.clip(high, low + 1, image.plane_shape)
        return Box(int(low[0]), int(low[1]), int(high[0]), int(high[1]))

    def centre(self, image: Image) -> tuple[float, float]:
        """Return the pixel in the middle of the screen."""
        return self.box(image).centre

    def extent(self, image: Image) -> float:
        """Return how many pixels the longer side of what is worked on has.

        Of a large image that is what is on screen, so that what is drawn on it is
        neither a hair nor a beam.
        """
        if not is_large(image):
            return float(max(image.plane_shape))
        seen = self.box(image)
        return float(max(seen.height, seen.width))

    def near(self, image: Image, position: tuple[float, ...]) -> Box:
        """Return what is to be read first: what is on screen, if it is not too much.

        Of a view from far away, the place of a click.
        """
        seen = self.box(image)
        if max(seen.height, seen.width) <= _SEEN_AT_ONCE:
            return seen
        row, col = (math.floor(value + 0.5) for value in position[-2:])
        return Box(row, col, row + 1, col + 1)

    def squares(self, image: Image) -> Box:
        """Return what is predicted first: at most 2 x 2 squares, whole, on screen."""
        seen = self.box(image)
        edges = []
        for low, high, middle, size in zip(
            seen[:2], seen[2:], seen.centre, image.plane_shape, strict=True
        ):
            first, last = int(low) // SIDE, (int(high) - 1) // SIDE + 1
            if last - first > _SQUARES:
                first = max(0, round((middle + 0.5) / SIDE) - _SQUARES // 2)
                last = first + _SQUARES
            edges.append((first * SIDE, min(last * SIDE, size)))
        (top, bottom), (left, right) = edges
        return Box(top, left, bottom, right)


def shown(data: Any) -> Any:
    """Return what napari is to show of an answer: a large one as a pyramid."""
    if isinstance(data, SlideMap):
        return list(data.levels)
    if isinstance(data, LazyArray):
        return [data, *data.levels] if data.levels else data
    if isinstance(data, np.ndarray) and data.ndim == 2 and data.size > LARGE:
        return strided(data)
    return data


def strided(data: NDArray[Any]) -> list[NDArray[Any]]:
    """Return views of every second, fourth ... pixel, until they fit a screen."""
    found = [data]
    while max(found[-1].shape) > _SEEN_AT_ONCE:
        found.append(found[-1][::2, ::2])
    return found
