"""Buttons for a layer that is not what it seems."""

from __future__ import annotations

from functools import partial

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_medfm.bridge.desk import Desk
from napari_medfm.widgets.parts import button


class WaysOut(QWidget):
    """Offers what can be done about the layer chosen last."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._shown: list[str] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)

    def refresh(self) -> None:
        """Show the buttons for what is so now."""
        ways = self._desk.opening.ways_out
        titles = [way.title for way in ways]
        self.setVisible(bool(ways))
        if titles == self._shown:
            return
        self._shown = titles
        while (item := self._layout.takeAt(0)) is not None:
            part = item.widget()
            if part is not None:
                part.hide()
                part.deleteLater()
        for number, way in enumerate(ways):
            self._layout.addWidget(
                button(way.title, way.tip, partial(self._take, number))
            )

    def _take(self, number: int) -> None:
        ways = self._desk.opening.ways_out
        if number < len(ways):
            ways[number].act()
