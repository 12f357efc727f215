"""One button a class, to say at once which it is."""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QWidget

from napari_medfm.bridge.looks import colour_of
from napari_medfm.core.labels import LabelClass
from napari_medfm.widgets.parts import button, swatch

_MOST = 10


class ClassButtons(QWidget):
    """Buttons of the first ten classes, two in a row.

    Parameters
    ----------
    tip
        What a press does; ``{}`` stands for the class.

    Signals
    -------
    chosen
        A button was pressed; carries the class's value.
    """

    chosen = Signal(int)

    def __init__(self, tip: str) -> None:
        super().__init__()
        self._tip = tip
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._shown: object = None

    def setClasses(self, classes: tuple[LabelClass, ...]) -> None:
        """Show these classes."""
        if self._shown == classes:
            return
        self._shown = classes
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for number, label_class in enumerate(classes[:_MOST]):
            choice = button(
                label_class.name,
                self._tip.format(label_class.name),
                partial(self.chosen.emit, label_class.value),
            )
            choice.setIcon(swatch(colour_of(label_class)))
            self._grid.addWidget(choice, number // 2, number % 2)
