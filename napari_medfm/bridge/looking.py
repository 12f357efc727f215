"""Moving the view to a place, and pointing at it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medfm.bridge import looks
from napari_medfm.bridge.viewing import seen_world

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk

_WELL_INSIDE = 0.85
"""As a share of the way from the middle of the view to its edge."""


def look_at(
    desk: Desk, image: str, plane: int | None, position: Sequence[float]
) -> bool:
    """Bring a place into view, with a ring around it.

    What is well inside the view already does not move it.

    Parameters
    ----------
    image, plane, position
        Its image, the plane of a volume, and (row, col) there.

    Returns
    -------
    bool
        False (and why) if the image is not shown any more.
    """
    layer = desk.binding.layer(image) if image in desk.session.images else None
    if layer is None:
        desk.say(f"{image!r} is not in the viewer: open it again to look there")
        return False
    if desk.image != image:
        desk.viewer.layers.selection.active = layer
        desk.choose_layer(layer)
    lift = [] if layer.ndim == 2 else [plane or 0]
    index = [*lift, *(float(v) for v in position)]
    _move(desk.viewer, layer, index)
    _point_at(desk, index)
    return True


def stop_pointing(desk: Desk) -> None:
    """Take the ring away."""
    if desk.image is not None:
        desk.mirror.hide(desk.image, "pointer")


def _move(viewer: Any, layer: Any, index: Sequence[float]) -> None:
    world = np.asarray(layer.data_to_world(index), float)
    dims, camera = viewer.dims, viewer.scene.camera
    first = dims.ndim - len(world)
    for axis, value in enumerate(world):
        if first + axis not in dims.displayed:
            dims.set_point(first + axis, float(value))
    shown = np.array([world[axis - first] for axis in dims.displayed[-2:]])
    middle, half = seen_world(viewer)
    if dims.ndisplay != 2 or (abs(shown - middle) > _WELL_INSIDE * half).any():
        camera.center = (*tuple(camera.center)[:-2], *map(float, shown))


def _point_at(desk: Desk, index: Sequence[float]) -> None:
    source = desk.source
    if source is None:
        return
    desk.show(
        "pointer",
        np.array([index], float),
        None,
        symbol="disc",
        face_color="transparent",
        border_color=looks.PREVIEW,
        border_width=0.12,
        size=max(source.plane_shape) / 16,
        canvas_size_limits=(0, 34),
        opacity=1.0,
    )
