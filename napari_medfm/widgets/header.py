"""The top of the dock: which image, undo, and what to do next."""

from __future__ import annotations

from napari.layers import Layer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_medfm.bridge.desk import Desk
from napari_medfm.bridge.guide import next_step
from napari_medfm.bridge.onview import show_alone
from napari_medfm.widgets.key_sheet import KeySheet
from napari_medfm.widgets.parts import Hint, button
from napari_medfm.widgets.preferences_page import PreferencesPage
from napari_medfm.widgets.project_menu import ProjectMenu
from napari_medfm.widgets.ways_out import WaysOut


class Header(QWidget):
    """Chooses the image, undoes and redoes, and gives one hint at a time.

    Signals
    -------
    section_wanted
        The user wants to see the section the hint speaks of.
    """

    section_wanted = Signal(str)

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._layers: list[Layer] = []
        self._image = QComboBox()
        self._image.setAccessibleName("Image")
        self._image.setToolTip(
            "<p>The image you work on. It follows the layer selected.</p>"
        )
        self._image.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self._image.setMinimumContentsLength(10)
        self._image.activated.connect(self._choose)
        self._undo = button("Undo", "Takes the last step back. Key: Ctrl+Z", desk.undo)
        self._redo = button("Redo", "Does it again. Key: Ctrl+Shift+Z", desk.redo)
        for part in (self._undo, self._redo):
            part.setMaximumWidth(64)
        self._next = Hint()
        self._show = button("Show", "Opens the step that the hint speaks of.", self._go)
        self._show.setMaximumWidth(64)
        self._away = QToolButton()
        self._away.setText("\N{MULTIPLICATION SIGN}")
        self._away.setAccessibleName("Hide the hints")
        self._away.setToolTip("<p>Hides these hints.</p>")
        self._guide = QWidget()
        self._away.clicked.connect(self._guide.hide)
        self._section = ""
        self._keys = button("Keys", "Lists all keys.", self._show_keys)
        self._keys.setMaximumWidth(56)
        self._page: PreferencesPage | None = None
        self._wheel = QToolButton()
        self._wheel.setText("\N{GEAR}")
        self._wheel.setAccessibleName("Preferences")
        self._wheel.setToolTip(
            "<p>Preferences: device, cache, offline. Key: Ctrl+Alt+Shift+P</p>"
        )
        self._wheel.setMinimumHeight(28)
        self._wheel.clicked.connect(self.show_preferences)
        self._ways = WaysOut(desk)
        self._project = ProjectMenu(desk, self.show_preferences)
        self._lay_out()

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(QLabel("Image"))
        top.addWidget(self._image, 1)
        top.addWidget(self._undo)
        top.addWidget(self._redo)
        line = QHBoxLayout(self._guide)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self._next, 1)
        line.addWidget(self._show)
        line.addWidget(self._away)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        first = QHBoxLayout()
        first.addWidget(self._project, 1)
        first.addWidget(self._keys)
        first.addWidget(self._wheel)
        layout.addLayout(first)
        layout.addLayout(top)
        layout.addWidget(self._ways)
        layout.addWidget(self._guide)

    def refresh(self) -> None:
        """Show the images there are and the one in hand."""
        desk = self._desk
        self._layers = desk.choices()
        names = [layer.name for layer in self._layers]
        shown = [self._image.itemText(i) for i in range(self._image.count())]
        if names != shown:
            self._image.clear()
            self._image.addItems(names)
        for index, layer in enumerate(self._layers):
            if desk.image is not None and desk.binding.name_of(layer) == desk.image:
                self._image.setCurrentIndex(index)
        self._image.setEnabled(bool(names))
        self._image.setPlaceholderText("none open")
        self._undo.setEnabled(desk.timeline.can_undo)
        self._redo.setEnabled(desk.timeline.can_redo)
        self._ways.refresh()
        self._project.refresh()
        self._section, text = next_step(desk)
        self._next.setText(f"Next: {text}")

    def _choose(self, index: int) -> None:
        if 0 <= index < len(self._layers):
            layer = self._layers[index]
            self._desk.viewer.layers.selection.active = layer
            self._desk.choose_layer(layer)
            name = self._desk.binding.name_of(layer)
            if name is not None and not layer.visible:
                show_alone(self._desk, name)

    def _show_keys(self) -> None:
        KeySheet(self._desk.keys.sheet, self).show()

    def show_preferences(self) -> PreferencesPage:
        """Open the page of preferences, or bring it to the front."""
        if self._page is None:
            self._page = PreferencesPage(self._desk, self)
        self._page.show()
        self._page.raise_()
        self._page.activateWindow()
        return self._page

    def _go(self) -> None:
        self.section_wanted.emit(self._section)
