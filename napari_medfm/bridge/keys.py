"""Keys, on the viewer and on the layers that would otherwise take them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari.layers import Image as ImageLayer
from napari.layers import Layer

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk

_COMMAND = "Meta" if sys.platform == "darwin" else "Control"
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

    def _keys(self) -> dict[str, Callable[[], None]]:
        desk = self._desk
        keys: dict[str, Callable[[], None]] = {
            UNDO: desk.undo,
            REDO: desk.redo,
            "Escape": desk.tools.disarm,
            "S": lambda: desk.tools.toggle("similar"),
            "B": lambda: desk.tools.toggle("box"),
            "P": lambda: desk.tools.toggle("points"),
            "E": lambda: desk.tools.toggle("examples"),
            "D": lambda: desk.tools.toggle("brush"),
            "O": desk.objects.take_up,
            "M": self._minus,
            "T": desk.prompt.next_alternative,
            "N": desk.prompt.next_object,
            "Enter": desk.accept,
        }
        for value in range(10):
            keys[str(value)] = lambda value=value: desk.choose_class(value)  # type: ignore[misc]
        return keys

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

    def _bind(
        self, provider: Layer | Any, table: dict[str, Callable[[], None]]
    ) -> None:
        for key, act in table.items():
            provider.bind_key(key, _ignoring(act), overwrite=True)
            self._taken.append((provider, key))

    def close(self) -> None:
        """Give all keys back."""
        self._desk.viewer.layers.events.inserted.disconnect(self.refresh)
        for provider, key in self._taken:
            provider.bind_key(key, None)
        self._taken.clear()


def _ignoring(act: Callable[[], None]) -> Callable[[Any], None]:
    def pressed(_: Any) -> None:
        act()

    return pressed
