"""Mouse tools: one armed at a time, whatever layer is selected."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, Protocol

import numpy as np
from napari.layers import Labels, Points, Shapes

ToolName = Literal[
    "similar",
    "box",
    "points",
    "examples",
    "brush",
    "lasso",
    "erase",
    "objects",
    "found",
]
MARKING: frozenset[str] = frozenset({"examples", "brush", "lasso"})
DRAGGED: frozenset[str] = frozenset({"box", "brush", "lasso"})
_CURSORS = {"box": "crosshair", "brush": "circle", "lasso": "crosshair"}
_STILL = 5.0


class Hand(Protocol):
    """What the tools do; world positions."""

    def ready(self) -> bool:
        """Whether a gesture may begin; says why not otherwise."""

    def click(self, tool: str, world: Any, negative: bool) -> None:
        """A click on a place."""

    def box_moves(self, start: Any, end: Any) -> None:
        """A rectangle is being dragged."""

    def box_done(self, start: Any, end: Any) -> None:
        """A rectangle was dragged."""

    def stroke_moves(self, path: list[Any]) -> None:
        """A stroke is being drawn."""

    def stroke_done(self, path: list[Any]) -> None:
        """A stroke was drawn."""


class ToolBelt:
    """Arms a tool: takes the mouse through the viewer, gives it back afterwards.

    A click is a press and release on the spot, so the image can still be moved by
    dragging while a clicking tool is armed; box, brush and lasso need the drag.

    Parameters
    ----------
    viewer
        A viewer or viewer model.
    hand
        What the tools do.
    on_change
        Called when another tool, or none, is armed.
    """

    def __init__(self, viewer: Any, hand: Hand, on_change: Callable[[], None]) -> None:
        self._viewer = viewer
        self.hand = hand
        self._on_change = on_change
        self.armed: ToolName | None = None
        self.negative = False
        self._cursor = "standard"
        viewer.mouse_drag_callbacks.append(self._mouse)
        viewer.scene.camera.events.mouse_pan.connect(self._keep_pan)
        viewer.layers.selection.events.active.connect(self._calm_layer)

    def close(self) -> None:
        """Give the mouse back for good."""
        self.disarm()
        callbacks = self._viewer.mouse_drag_callbacks
        if self._mouse in callbacks:
            callbacks.remove(self._mouse)
        self._viewer.scene.camera.events.mouse_pan.disconnect(self._keep_pan)
        self._viewer.layers.selection.events.active.disconnect(self._calm_layer)

    def arm(self, tool: ToolName) -> None:
        """Take the mouse for a tool."""
        if self.armed is None:
            self._cursor = self._viewer.cursor.style
        self.armed, self.negative = tool, False
        self._calm_layer()
        self._viewer.cursor.style = _CURSORS.get(tool, "cross")
        self._viewer.scene.camera.mouse_pan = tool not in DRAGGED
        self._on_change()

    def disarm(self) -> None:
        """Give the mouse back to napari."""
        if self.armed is None:
            return
        self.armed = None
        self._viewer.cursor.style = self._cursor
        self._viewer.scene.camera.mouse_pan = True
        self._on_change()

    def toggle(self, tool: ToolName) -> None:
        """Arm a tool, or disarm it if it is the one armed."""
        if self.armed == tool:
            self.disarm()
        else:
            self.arm(tool)

    def _keep_pan(self) -> None:
        if self.armed in DRAGGED and self._viewer.scene.camera.mouse_pan:
            self._viewer.scene.camera.mouse_pan = False

    def _calm_layer(self) -> None:
        """Stop the selected layer from painting under an armed tool."""
        active = self._viewer.layers.selection.active
        drawable = isinstance(active, (Labels, Points, Shapes))
        if self.armed and drawable and active.mode != "pan_zoom":
            active.mode = "pan_zoom"

    def _mouse(self, viewer: Any, event: Any) -> Iterator[None]:
        tool = self.armed
        if tool is None or event.button == 3 or not self.hand.ready():
            return
        negative = self.negative or event.button == 2 or "Alt" in event.modifiers
        if tool == "box":
            yield from self._drag_box(event)
        elif tool in DRAGGED:
            yield from self._drag_stroke(event)
        else:
            yield from self._click(tool, event, negative)

    def _click(self, tool: str, event: Any, negative: bool) -> Iterator[None]:
        start, world = np.asarray(event.pos, float), event.position
        yield
        while event.type == "mouse_move":
            yield
        if np.abs(np.asarray(event.pos, float) - start).max() <= _STILL:
            self.hand.click(tool, world, negative)

    def _drag_box(self, event: Any) -> Iterator[None]:
        start, at = event.position, np.asarray(event.pos, float)
        yield
        while event.type == "mouse_move":
            self.hand.box_moves(start, event.position)
            yield
        moved = np.abs(np.asarray(event.pos, float) - at).max() > _STILL
        if moved:
            self.hand.box_done(start, event.position)
        else:
            self.hand.click("box", start, False)

    def _drag_stroke(self, event: Any) -> Iterator[None]:
        path = [event.position]
        self.hand.stroke_moves(path)
        yield
        while event.type == "mouse_move":
            path.append(event.position)
            self.hand.stroke_moves(path)
            yield
        path.append(event.position)
        self.hand.stroke_done(path)
