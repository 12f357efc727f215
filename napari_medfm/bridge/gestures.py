"""What the mouse does on the desk: clicks, boxes and strokes, in world positions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk


class Gestures:
    """Brings the tools' gestures to the part of the desk that each is for."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def ready(self) -> bool:
        """Whether a gesture may begin; says why not otherwise."""
        desk = self.desk
        if desk.image is None:
            desk.say("Open an image first: drag a file into the window")
            return False
        problem = desk.binding.problem_here(desk.image)
        if problem is not None:
            desk.complain(problem)
        return problem is None

    def click(self, tool: str, world: Any, negative: bool) -> None:
        """Ask about a place, or mark it."""
        desk, here = self.desk, self.desk.here
        if here is None or not self.ready():
            return
        position = desk.binding.position(here[0], world)
        if position is None:
            desk.say("That was beside the image")
            return
        if tool == "similar":
            desk.similar.click(position, negative)
        elif tool in {"points", "box"}:
            desk.prompt.preview.ends()
            desk.prompt.click(position, negative)
        elif tool == "found":
            desk.many.click(position)
        elif tool == "objects":
            desk.objects.click(position, negative)
        elif tool == "erase" or negative:
            desk.marking.erase(position)
        else:
            desk.marking.click(position)

    def box_moves(self, start: Any, end: Any) -> None:
        """Show the rectangle being dragged."""
        box = self._box(start, end)
        if box is not None:
            self.desk.prompt.show_box(box)
            self.desk.prompt.preview.drags(box)

    def box_done(self, start: Any, end: Any) -> None:
        """Ask for the object in the rectangle."""
        self.desk.prompt.preview.ends()
        box = self._box(start, end)
        if box is not None and self.ready():
            self.desk.prompt.box(box)

    def _box(self, start: Any, end: Any) -> tuple[float, float, float, float] | None:
        image, binding = self.desk.image, self.desk.binding
        if image is None:
            return None
        one = binding.nearest_position(image, start)
        other = binding.nearest_position(image, end)
        if one is None or other is None:
            return None
        rows, cols = sorted((one[0], other[0])), sorted((one[1], other[1]))
        row0, col0, row1, col1 = (
            float(round(edge + 0.5)) for edge in (rows[0], cols[0], rows[1], cols[1])
        )
        return row0, col0, row1, col1

    def stroke_moves(self, path: list[Any]) -> None:
        """Show the stroke or outline being drawn."""
        radius = 0.5 if self.desk.tools.armed == "lasso" else None
        self.desk.marking.stroke_moves(self._path(path[-2:]), radius)

    def stroke_done(self, path: list[Any]) -> None:
        """Give the stroke, or what was circled, to the chosen class."""
        marking = self.desk.marking
        if not self.ready():
            return
        if self.desk.tools.armed == "lasso":
            marking.lasso_done(self._path(path))
        else:
            marking.stroke_done(self._path(path))

    def _path(self, path: list[Any]) -> list[tuple[float, float]]:
        image, binding = self.desk.image, self.desk.binding
        if image is None:
            return []
        found = [binding.nearest_position(image, world) for world in path]
        return [position for position in found if position is not None]
