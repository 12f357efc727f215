"""What the browser may ask of a desk: a table of names, each with checked arguments."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from napari_medfm.core.errors import BadInput

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk

_TOOLS = {"similar", "box", "points", "examples", "brush", "erase"}
_MOST_PATH = 20_000


def perform(desk: Desk, message: Mapping[str, Any]) -> None:
    """Do what a message asks.

    Raises
    ------
    BadInput
        If it asks for something unknown, or its arguments do not fit.
    """
    act = _ACTS.get(str(message.get("do")))
    if act is None:
        raise BadInput(f"The canvas asked for something unknown: {message.get('do')!r}")
    act(desk, message)


def _place(desk: Desk, value: Any) -> Any:
    """Turn (row, col) on the plane on screen into a world position."""
    try:
        row, col = (float(v) for v in value)
    except (TypeError, ValueError):
        raise BadInput(f"A place is (row, col), got {value!r}") from None
    if not (math.isfinite(row) and math.isfinite(col)):
        raise BadInput("A place has two finite numbers")
    here = desk.here
    layer = None if here is None else desk.binding.layer(here[0])
    if here is None or layer is None:
        raise BadInput("There is no image to click on")
    index = (row, col) if here[1] is None else (here[1], row, col)
    return layer.data_to_world(index)


def _click(desk: Desk, message: Mapping[str, Any]) -> None:
    tool = desk.tools.armed
    if tool is not None and desk.hand.ready():
        negative = bool(message.get("negative")) or desk.tools.negative
        desk.hand.click(tool, _place(desk, message.get("at")), negative)


def _box(desk: Desk, message: Mapping[str, Any]) -> None:
    if desk.hand.ready():
        start, end = (
            _place(desk, message.get("start")),
            _place(desk, message.get("end")),
        )
        desk.hand.box_done(start, end)


def _stroke(desk: Desk, message: Mapping[str, Any]) -> None:
    path = message.get("path")
    if not isinstance(path, list) or not 0 < len(path) <= _MOST_PATH:
        raise BadInput("A stroke is a list of places")
    if desk.hand.ready():
        desk.hand.stroke_done([_place(desk, place) for place in path])


def _tool(desk: Desk, message: Mapping[str, Any]) -> None:
    tool = message.get("tool")
    if tool is None:
        desk.tools.disarm()
    elif tool in _TOOLS:
        desk.tools.toggle(tool)
    else:
        raise BadInput(f"No tool {tool!r}")


def _plane(desk: Desk, message: Mapping[str, Any]) -> None:
    source = desk.source
    layer = None if source is None else desk.binding.layer(source.name)
    if source is None or layer is None or source.ndim != 3:
        return
    index = source.plane_index(int(message.get("plane", 0)))
    desk.viewer.dims.set_point(0, float(layer.data_to_world((index, 0, 0))[0]))


def _image(desk: Desk, message: Mapping[str, Any]) -> None:
    layer = desk.binding.layer(str(message.get("name")))
    if layer is None:
        raise BadInput(f"No image {message.get('name')!r} here")
    desk.choose_layer(layer)


def _number(message: Mapping[str, Any], low: float, high: float) -> float:
    value = message.get("value")
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        raise BadInput(f"A number is needed, got {value!r}")
    return min(max(float(value), low), high)


def _threshold(desk: Desk, message: Mapping[str, Any]) -> None:
    share = _number(message, 0.02, 0.98)
    if not desk.chosen_class.value:
        raise BadInput("Background has no threshold: choose the class it is about")
    desk.live.set_threshold(desk.chosen_class.name, share)


def _similar_threshold(desk: Desk, message: Mapping[str, Any]) -> None:
    low, high = desk.similar.limits
    desk.similar.set_threshold(low + (high - low) * _number(message, 0, 1))


def _radius(desk: Desk, message: Mapping[str, Any]) -> None:
    desk.marking.radius = _number(message, 1, 200)
    desk.changed.emit()


def _minus(desk: Desk, _: Mapping[str, Any]) -> None:
    desk.tools.negative = not desk.tools.negative
    desk.changed.emit()


def _add_class(desk: Desk, message: Mapping[str, Any]) -> None:
    desk.add_class(str(message.get("name", "")))


def _choose_class(desk: Desk, message: Mapping[str, Any]) -> None:
    desk.choose_class(int(_number(message, 0, 65535)))


def _cancel(desk: Desk, _: Mapping[str, Any]) -> None:
    desk.runner.cancel()
    desk.say("Cancelled; nothing was lost")


_Act = Callable[["Desk", Mapping[str, Any]], Any]
_ACTS: dict[str, _Act] = {
    "click": _click,
    "box": _box,
    "stroke": _stroke,
    "tool": _tool,
    "plane": _plane,
    "image": _image,
    "threshold": _threshold,
    "similar threshold": _similar_threshold,
    "radius": _radius,
    "minus": _minus,
    "add class": _add_class,
    "choose class": _choose_class,
    "cancel": _cancel,
    "accept": lambda desk, _: desk.accept(),
    "undo": lambda desk, _: desk.undo(),
    "redo": lambda desk, _: desk.redo(),
    "clear similar": lambda desk, _: desk.similar.clear(),
    "next object": lambda desk, _: desk.prompt.next_object(),
    "other answer": lambda desk, _: desk.prompt.next_alternative(),
    "through volume": lambda desk, _: desk.prompt.through_volume(),
    "predict all": lambda desk, _: desk.live.predict_all(),
}
