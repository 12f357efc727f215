"""The desk that belongs to a viewer."""

from __future__ import annotations

from typing import Any

from napari_medfm.bridge.desk import Desk
from napari_medfm.bridge.gestures import Gestures
from napari_medfm.bridge.tools import ToolBelt


def desk_of(viewer: Any) -> Desk | None:
    """Return the desk of a viewer, found by the mouse callback it left there.

    So a dock that was closed and opened again takes up the same session, and no list
    of viewers is kept anywhere.
    """
    for callback in viewer.mouse_drag_callbacks:
        belt = getattr(callback, "__self__", None)
        if isinstance(belt, ToolBelt) and isinstance(belt.hand, Gestures):
            return belt.hand.desk
    return None
