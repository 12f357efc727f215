"""Keys, on the viewer and on the layers that would otherwise take them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from napari.layers import Image as ImageLayer
from napari.layers import Layer

from napari_medfm.bridge.tools import ToolName

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk

_COMMAND = "Meta" if sys.platform == "darwin" else "Control"
Act = Callable[[], None]
UNDO, REDO = f"{_COMMAND}-Z", f"{_COMMAND}-Shift-Z"


class Keys:
    """Binds the keys of a desk and gives them back.

    napari asks the selected layer for a key before it asks the viewer. So the keys are
    bound on our layers and on the images too; in the accepted labels, where people use
    napari's own painting keys, only undo and redo are ours: a stroke there is one step
    of the session.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._table = self._keys()
        self._taken: list[tuple[Any, str]] = []
        self._known: set[Any] = set()
        self._bind(desk.viewer, self._table)
        desk.viewer.layers.events.inserted.connect(self.refresh)
        self.refresh()

    def _keys(self) -> dict[str, tuple[str, Act]]:
        desk = self._desk
        keys: dict[str, tuple[str, Act]] = {
            "S": ("Find similar: click what you look for", _arm(desk, "similar")),
            "B": ("Box: drag it closely around one object", _arm(desk, "box")),
            "P": ("Clicks: on one object", _arm(desk, "points")),
            "E": ("Click examples of the chosen class", _arm(desk, "examples")),
            "D": ("Brush: paint examples of the chosen class", _arm(desk, "brush")),
            "L": ("Lasso: circle examples of the chosen class", _arm(desk, "lasso")),
            "O": ("Click objects to give them the chosen class", desk.objects.take_up),
            "M": ("Clicks mark what is not meant, and back; so does Alt", self._minus),
            "Enter": ("Accept the outline, similar places or prediction", desk.accept),
            "T": (
                "Show another answer to the same prompt",
                desk.prompt.next_alternative,
            ),
            "N": ("Begin the next object", desk.prompt.next_object),
            "Escape": ("Put the tool down", desk.tools.disarm),
            UNDO: ("Undo", desk.undo),
            REDO: ("Redo", desk.redo),
        }
        for value in range(10):
            words = "Choose the class of this number" if value else "Choose background"
            keys[str(value)] = words, partial(desk.choose_class, value)
        return keys

    @property
    def sheet(self) -> list[tuple[str, str]]:
        """Each key, as people write it, and what it does."""
        rows = [(_written(key), words) for key, (words, _) in self._table.items()]
        digits = {str(value) for value in range(2, 10)}
        return [
            ("1 to 9", words) if key == "1" else (key, words)
            for key, words in rows
            if key not in digits
        ]

    def _minus(self) -> None:
        self._desk.tools.negative = not self._desk.tools.negative
        self._desk.changed.emit()

    def refresh(self) -> None:
        """Bind on layers that came."""
        for layer in self._desk.viewer.layers:
            if layer.unique_id in self._known:
                continue
            role = self._desk.mirror.role_of(layer)
            if role is not None and role[1] == "labels":
                table = {key: self._table[key] for key in (UNDO, REDO)}
            elif role is not None or isinstance(layer, ImageLayer):
                table = self._table
            else:
                continue
            self._known.add(layer.unique_id)
            self._bind(layer, table)

    def _bind(self, provider: Layer | Any, table: dict[str, tuple[str, Act]]) -> None:
        for key, (_, act) in table.items():
            provider.bind_key(key, _ignoring(act), overwrite=True)
            self._taken.append((provider, key))

    def close(self) -> None:
        """Give all keys back."""
        self._desk.viewer.layers.events.inserted.disconnect(self.refresh)
        for provider, key in self._taken:
            provider.bind_key(key, None)
        self._taken.clear()


def _arm(desk: Desk, tool: ToolName) -> Act:
    return lambda: desk.tools.toggle(tool)


def _written(key: str) -> str:
    names = {"Meta": "Cmd", "Control": "Ctrl", "Escape": "Esc"}
    return "+".join(names.get(part, part) for part in key.split("-"))


def _ignoring(act: Act) -> Callable[[Any], None]:
    def pressed(_: Any) -> None:
        act()

    return pressed
