"""Prompts as they are given, checked against a plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medfm.core.arguments import array_of, numbers_of, shown
from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import Box, points_on
from napari_medfm.core.labels import Prompt
from napari_medfm.core.runs import as_mask

_STROKE = 8


def prompt_of(
    shape: tuple[int, int],
    box: ArrayLike | None = None,
    points: ArrayLike | None = None,
    point_labels: ArrayLike | None = None,
    mask: Any = None,
    polygon: ArrayLike | None = None,
) -> Prompt:
    """Check prompts against a plane.

    Raises
    ------
    BadInput
        If one does not fit.
    """
    clicks = None if points is None else points_on(points, shape)
    labels = None
    if clicks is not None:
        given = np.ones(len(clicks)) if point_labels is None else point_labels
        marks = np.atleast_1d(array_of(given, "point_labels"))
        labels = marks == 1
        if not (labels | (marks == 0)).all():
            raise BadInput(f"point_labels are 0 and 1, got {shown(point_labels)}")
        if labels.shape != (len(clicks),):
            raise BadInput(
                f"{len(clicks)} points need as many labels (1 on the object, 0 beside "
                f"it), got {labels.size}"
            )
    lasso = None if polygon is None else _lasso(polygon, shape)
    around = None if box is None else Box.of(box).clipped(shape)
    if around is None and lasso is not None:
        around = Box.around(lasso)
    return Prompt(
        box=around,
        points=clicks,
        point_labels=labels,
        mask=None if mask is None else mask_on(shape, mask),
        within=lasso,
    )


def with_scribble(
    points: ArrayLike | None, labels: ArrayLike | None, scribble: ArrayLike | None
) -> tuple[ArrayLike | None, ArrayLike | None]:
    """Add a stroke to the clicks, as at most eight places spread along it.

    Raises
    ------
    BadInput
        If it is no (n, 2) array of finite positions.
    """
    if scribble is None:
        return points, labels
    stroke = numbers_of(scribble, "scribble")
    if stroke.ndim != 2 or stroke.shape[1] != 2:
        raise BadInput(
            f"A scribble is positions (n, 2), row before column, got {stroke.shape}"
        )
    steps = np.hypot(*np.diff(stroke, axis=0).T)
    way = np.concatenate([[0.0], np.cumsum(steps)])
    count = int(np.clip(len(stroke), 1, _STROKE))
    places = np.interp(np.linspace(0, way[-1], count), way, np.arange(len(stroke)))
    spread = stroke[np.rint(places).astype(int)]
    if points is None:
        return spread, None
    clicks = np.atleast_2d(np.asarray(points, float))
    signs = np.ones(len(clicks)) if labels is None else np.atleast_1d(labels)
    return np.vstack([clicks, spread]), np.concatenate([signs, np.ones(len(spread))])


def _lasso(polygon: ArrayLike, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels within a polygon, its outline included."""
    from PIL import Image, ImageDraw

    corners = numbers_of(polygon, "polygon")
    if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 3:
        raise BadInput(
            "A polygon is three or more corners (n, 2), row before column, got an "
            f"array of shape {corners.shape}"
        )
    canvas = Image.new("L", (shape[1], shape[0]))
    path = [(float(col), float(row)) for row, col in corners]
    ImageDraw.Draw(canvas).polygon(path, fill=1, outline=1)
    inside = np.asarray(canvas) > 0
    if not inside.any():
        raise BadInput(f"The polygon lies outside the plane of {shape} pixels")
    return inside


def mask_on(
    shape: Sequence[int], mask: Any, *, empty: bool = False
) -> NDArray[np.bool_]:
    """Check that a mask has the shape of a plane (or volume).

    Parameters
    ----------
    empty
        Whether it may be empty.

    Raises
    ------
    BadInput
        If it is another's, or empty where it must not be.
    """
    array = as_mask(mask)
    if array.shape != tuple(shape):
        raise BadInput(
            f"The mask has shape {array.shape}, not {tuple(shape)}: give one that "
            "fits the plane (or volume)"
        )
    if not empty and not array.any():
        raise BadInput("The mask is empty: there is nothing to start from")
    return array
