"""Prompts on a plane too large to be read: the part of it that is looked at."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medfm.core.arguments import numbers_of
from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import Box, Resize, points_on
from napari_medfm.core.image import Image
from napari_medfm.core.labels import Prompt
from napari_medfm.core.results import Mask
from napari_medfm.core.runs import Runs
from napari_medfm.engine.prompting import Answer
from napari_medfm.engine.rgb import normalised, to_rgb
from napari_medfm.engine.tiles import LARGE
from napari_medfm.verbs.asking import mask_on, prompt_of
from napari_medfm.verbs.planes import is_large

_ROOM = 3.6
_NARROWEST, _WIDEST = 1024, 2048
_RASTER = 256
_MOST_READ = 1 << 26

Bools = NDArray[np.bool_]


def written(image: Image, mask: Any) -> dict[str, Any]:
    """Return how a mask of a part of a large plane is written down: as the plane's."""
    if not isinstance(mask, Mask) or mask.region is None:
        return {}
    rows, cols = np.nonzero(mask.data)
    places = rows + int(mask.region.row0), cols + int(mask.region.col0)
    flat = np.ravel_multi_index(places, image.plane_shape)
    return {"mask": Runs.of_indices(flat, image.plane_shape)}


@dataclass(frozen=True, eq=False)
class Asked:
    """Prompts in positions of a large plane, checked against it.

    Parameters
    ----------
    corners
        Of a lasso, (n, 2).
    mask
        True pixels of an earlier mask, in a box.
    """

    box: Box | None
    points: ArrayLike | None
    point_labels: ArrayLike | None
    corners: NDArray[np.float64] | None
    mask: tuple[Box, Bools] | None

    def prompt(self) -> Prompt:
        """Return what is remembered of them: boxes and clicks."""
        if self.points is None:
            return Prompt(box=self.box or self.extent)
        points = np.atleast_2d(np.asarray(self.points, float))
        given = np.ones(len(points)) if self.point_labels is None else self.point_labels
        marks = np.atleast_1d(given) == 1
        box = self.box if self.box is not None or marks.any() else self.extent
        return Prompt(box=box, points=points, point_labels=marks)

    @property
    def extent(self) -> Box:
        """The box of everything that is said.

        Raises
        ------
        BadInput
            If nothing is.
        """
        parts = [part for part in (self.box, self.mask and self.mask[0]) if part]
        for places in (self.points, self.corners):
            if places is not None and len(np.atleast_2d(places)):
                low, high = np.min(places, axis=0), np.max(places, axis=0)
                parts.append(Box(*np.floor(low), *np.floor(high + 1)))
        if not parts:
            raise BadInput(
                "Nothing to segment: give a box, at least one point on the object, or "
                "a mask"
            )
        edges = np.array(parts, float)
        return Box(*edges[:, :2].min(0).tolist(), *edges[:, 2:].max(0).tolist())


def asked_on(
    image: Image,
    box: ArrayLike | None,
    points: ArrayLike | None,
    point_labels: ArrayLike | None,
    polygon: ArrayLike | None,
    mask: Any,
) -> Asked:
    """Check prompts against a large plane without ever making an array of its size.

    Raises
    ------
    BadInput
        If one does not lie on it.
    """
    shape = image.plane_shape
    corners = None if polygon is None else numbers_of(polygon, "polygon")
    if corners is not None and (corners.ndim != 2 or corners.shape[1:] != (2,)):
        raise BadInput(
            "A polygon is three or more corners (n, 2), row before column, got an "
            f"array of shape {corners.shape}"
        )
    return Asked(
        None if box is None else Box.of(box).clipped(shape),
        None if points is None else points_on(points, shape),
        point_labels,
        corners,
        None if mask is None else _true_part(shape, mask),
    )


def _true_part(shape: tuple[int, int], mask: Any) -> tuple[Box, Bools]:
    """Return the box of a mask's true pixels, and what is in it."""
    if isinstance(mask, Mask) and mask.region is not None:
        part, origin = mask.data, mask.region
    elif isinstance(mask, Runs) and mask.shape == shape:
        rows, cols = np.unravel_index(mask.indices(), shape)
        if not len(rows):
            raise BadInput("The mask is empty: there is nothing to start from")
        origin = Box(rows[0], cols.min(), rows[-1] + 1, cols.max() + 1)
        part = np.zeros((int(origin.height), int(origin.width)), bool)
        part[rows - int(origin.row0), cols - int(origin.col0)] = True
    else:
        part, origin = mask_on(shape, mask), Box(0, 0, *shape)
    inner = Box.around(part)
    if inner is None:
        raise BadInput("The mask is empty: there is nothing to start from")
    row, col = origin.row0, origin.col0
    place = Box(inner.row0 + row, inner.col0 + col, inner.row1 + row, inner.col1 + col)
    return place, part[inner.slices]


@dataclass(frozen=True)
class Look:
    """A part of a large plane, at the level of the pyramid that fits.

    Parameters
    ----------
    box
        Whole pixels of the plane.
    level, inside
        Level that is read, and the part of it, in its own pixels.
    """

    box: Box
    level: int
    inside: Box

    @classmethod
    def at(cls, image: Image, extent: Box, region: Box | None) -> Look:
        """Choose what is looked at: what is on screen, else a square around prompts.

        The level is the finest of which at most 2048 pixels a side are seen.

        Raises
        ------
        BadInput
            If that would be too much to read, of a picture without coarser levels.
        """
        rows, cols = image.plane_shape
        if region is None:
            side = max(_NARROWEST, _ROOM * max(extent.height, extent.width))
            side = math.ceil(side / _RASTER) * _RASTER
            first = [
                math.floor((middle - side / 2) / _RASTER + 0.5) * _RASTER
                for middle in extent.centre
            ]
            region = Box(first[0], first[1], first[0] + side, first[1] + side)
        box = Box(
            max(0, math.floor(min(region.row0, extent.row0))),
            max(0, math.floor(min(region.col0, extent.col0))),
            min(rows, math.ceil(max(region.row1, extent.row1))),
            min(cols, math.ceil(max(region.col1, extent.col1))),
        )
        longest = max(box.height, box.width)
        count = len(image.pyramid)
        level = next(
            (n for n in range(count) if longest <= _WIDEST * _coarseness(image, n)),
            count - 1,
        )
        down, right = (
            n / m for n, m in zip(image.level_shape(level), (rows, cols), strict=True)
        )
        inside = Box(
            box.row0 * down, box.col0 * right, box.row1 * down, box.col1 * right
        )
        inside = inside.rounded().clipped(image.level_shape(level))
        if inside.height * inside.width > _MOST_READ:
            raise BadInput(
                f"{image.name!r} has no coarser level to look at so much of it at "
                "once: zoom in, or give a smaller region"
            )
        return cls(box, level, inside)

    def read(self, image: Image, plane: int) -> NDArray[np.float32]:
        """Return what is looked at, (rows, cols, 3) in [0, 1]."""
        rgb = to_rgb(normalised(image, plane, self.inside, self.level))
        step = math.ceil(max(rgb.shape[:2]) / (2 * _WIDEST))
        return rgb[::step, ::step]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of what `read` returns."""
        size = int(self.inside.height), int(self.inside.width)
        step = math.ceil(max(size) / (2 * _WIDEST))
        return -(-size[0] // step), -(-size[1] // step)

    @property
    def resize(self) -> Resize:
        """The map from plane positions to positions in what is looked at."""
        rows, cols = self.shape
        scale = rows / self.box.height, cols / self.box.width
        return Resize((self.box.row0, self.box.col0), scale)

    def prompt(self, asked: Asked) -> Prompt:
        """Return prompts in positions of what is looked at.

        Raises
        ------
        BadInput
            If they do not fit one another.
        """
        resize, shape = self.resize, self.shape
        (row, col), (down, right) = resize.origin, resize.scale
        box = None
        if asked.box is not None:
            box = Box(
                (asked.box.row0 - row) * down,
                (asked.box.col0 - col) * right,
                (asked.box.row1 - row) * down,
                (asked.box.col1 - col) * right,
            )
        places, corners = (
            None if where is None else _kept(resize.to_model(where), shape)
            for where in (asked.points, asked.corners)
        )
        mask = None if asked.mask is None else self._seen(*asked.mask)
        return prompt_of(shape, box, places, asked.point_labels, mask, corners)

    def _seen(self, place: Box, part: Bools) -> Bools:
        """Return a mask of a part of the plane as it is seen here."""
        rows, cols = self._pixels()
        rows, cols = rows - int(place.row0), cols - int(place.col0)
        down = (rows >= 0) & (rows < part.shape[0])
        across = (cols >= 0) & (cols < part.shape[1])
        seen = np.zeros(self.shape, bool)
        seen[np.ix_(down, across)] = part[np.ix_(rows[down], cols[across])]
        if not seen.any():
            middle = self.resize.to_model([place.centre])
            row, col = _kept(middle, self.shape)[0].round().astype(int)
            seen[row, col] = True
        return seen

    def _pixels(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Rows and columns of the plane under what is seen."""
        (row, col), (down, right) = self.resize.origin, self.resize.scale
        rows, cols = (np.arange(n) + 0.5 for n in self.shape)
        return (rows / down + row).astype(np.intp), (cols / right + col).astype(np.intp)

    def on_plane(self, found: Answer) -> tuple[Box, Answer]:
        """Return the box of the plane that an answer lies in, and the answer there."""
        every = [found.mask, *found.alternatives]
        around = Box.around(np.logical_or.reduce(every)) or Box(0, 0, 1, 1)
        (row, col), (down, right) = self.resize.origin, self.resize.scale
        region = Box(
            math.floor(around.row0 / down + row),
            math.floor(around.col0 / right + col),
            math.ceil(around.row1 / down + row),
            math.ceil(around.col1 / right + col),
        )
        rows = ((np.arange(region.row0, region.row1) + 0.5 - row) * down).astype(int)
        cols = ((np.arange(region.col0, region.col1) + 0.5 - col) * right).astype(int)
        pick = np.ix_(rows.clip(0, self.shape[0] - 1), cols.clip(0, self.shape[1] - 1))
        # Of what fills a slide, only the first choice is held.
        others = found.alternatives if len(rows) * len(cols) <= LARGE else ()
        return region, replace(
            found, mask=found.mask[pick], alternatives=tuple(o[pick] for o in others)
        )


@dataclass(frozen=True, eq=False)
class Sight:
    """What a segmenter is asked, and what of a plane it is shown.

    Parameters
    ----------
    prompt
        In positions of the plane: what is remembered.
    seen
        In positions of what is looked at.
    look
        The part that is looked at; the whole plane if None.
    """

    prompt: Prompt
    seen: Prompt
    look: Look | None = None

    def read(self, image: Image, plane: int) -> NDArray[np.float32]:
        """Return what is looked at, (rows, cols, 3) in [0, 1]."""
        if self.look is None:
            return to_rgb(normalised(image, plane))
        return self.look.read(image, plane)

    def key(self, plane: str) -> str:
        """Tell what is looked at from any other part of any plane."""
        return plane if self.look is None else f"{plane}:{self.look}"

    def on_plane(self, found: Answer) -> tuple[Box | None, Answer]:
        """Return the part of the plane an answer is of, and the answer there."""
        return (None, found) if self.look is None else self.look.on_plane(found)


def sight_of(
    image: Image,
    box: ArrayLike | None,
    clicks: tuple[ArrayLike | None, ArrayLike | None],
    shapes: tuple[ArrayLike | None, Any],
    region: ArrayLike | None,
) -> Sight:
    """Check prompts and choose what of a plane is looked at for them.

    Parameters
    ----------
    clicks, shapes
        Points and their labels; a polygon and a mask.

    Raises
    ------
    BadInput
        If a prompt does not fit the plane.
    """
    shape = image.plane_shape
    around = None if region is None else Box.of(region).clipped(shape)
    if not is_large(image):
        prompt = prompt_of(shape, box, *clicks, shapes[1], shapes[0])
        return Sight(prompt, prompt)
    asked = asked_on(image, box, *clicks, *shapes)
    look = Look.at(image, asked.extent, around)
    return Sight(asked.prompt(), look.prompt(asked), look)


def _coarseness(image: Image, level: int) -> float:
    """How many pixels of the finest level one of a level stands for, along a side."""
    return max(image.plane_shape) / max(image.level_shape(level))


def _kept(places: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Keep positions on a plane of this shape, against rounding at its border."""
    return np.clip(places, -0.5, np.asarray(shape) - 0.501)
