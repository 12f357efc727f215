"""Clicks as points: green discs for what is meant, red squares for what is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from napari_medfm.bridge import looks

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk
    from napari_medfm.bridge.mirror import Role


def show_clicks(
    desk: Desk, role: Role, at: Sequence[Any], against: Sequence[Any]
) -> None:
    """Show places that are meant and places that are not, of one kind of question."""
    if desk.image is None:
        return
    if not len(at) and not len(against):
        desk.mirror.hide(desk.image, role)
        return
    colours = [looks.POSITIVE] * len(at) + [looks.NEGATIVE] * len(against)
    symbols = ["disc"] * len(at) + ["square"] * len(against)
    show_points(desk, role, [*at, *against], colours, symbols)


def show_points(
    desk: Desk,
    role: Role,
    points: ArrayLike,
    colours: Sequence[str],
    symbols: Sequence[str],
) -> None:
    """Show points in their colours, at a size that does not grow when zoomed in."""
    source = desk.source
    if source is None or desk.image is None:
        return
    positions = np.asarray(points, float).reshape(-1, source.ndim)
    desk.show(
        role,
        positions,
        None,
        face_color=list(colours),
        symbol=list(symbols),
        border_color="white",
        border_width=0.12,
        size=max(source.plane_shape) / 40,
        # No lower limit: napari keeps an unseen point of no size in an empty layer.
        canvas_size_limits=(0, 13),
        opacity=1.0,
    )
