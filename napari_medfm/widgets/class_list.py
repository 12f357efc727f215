"""The list of classes."""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QAction, QColor
from qtpy.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QHBoxLayout,
    QInputDialog,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QVBoxLayout,
    QWidget,
)

from napari_medfm.bridge.looks import colour_of
from napari_medfm.core.labels import LabelClass
from napari_medfm.widgets.parts import button, offer, swatch

_ROW = 26
_MOST_ROWS = 6


class ClassList(QWidget):
    """Chooses the class that marks go to, and adds new ones.

    Signals
    -------
    valueChanged
        Another class was chosen; carries its value.
    added
        The user wrote the name of a new class.
    renamed, recoloured, merged, deleted
        The user wants the chosen class changed; carries its value, and the new name,
        colour (#rrggbb) or the value of the other class.
    """

    valueChanged = Signal(int)
    added = Signal(str)
    renamed = Signal(int, str)
    recoloured = Signal(int, str)
    merged = Signal(int, int)
    deleted = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._list = QListWidget()
        self._list.setAccessibleName("Classes")
        self._list.setToolTip(
            "<p>Marks go to the class chosen here. Keys 0 to 9 choose, too.</p>"
        )
        self._list.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self._list.setUniformItemSizes(True)
        self._list.setIconSize(QSize(14, 14))
        self._list.itemSelectionChanged.connect(self._selected)
        self._name = QLineEdit()
        self._name.setPlaceholderText("New class, e.g. lesion")
        self._name.setAccessibleName("Name of a new class")
        self._name.setToolTip("Write what you look for, and press Enter.")
        self._name.returnPressed.connect(self._add)
        self._plus = button("Add class", "Adds a class of the name written.", self._add)
        self._classes: tuple[LabelClass, ...] = ()
        self._change = button(
            "Change…",
            "Renames the chosen class, gives it another colour, merges it into another "
            "class, or deletes it. All can be undone. A right click does the same.",
            self._open_menu,
        )
        self._list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self._list.customContextMenuRequested.connect(self._open_menu)
        line = QHBoxLayout()
        line.addWidget(self._name, 1)
        line.addWidget(self._plus)
        line.addWidget(self._change)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self._list)
        layout.addLayout(line)
        self._shown: object = None

    def setClasses(
        self, classes: tuple[LabelClass, ...], counts: dict[int, int]
    ) -> None:
        """Show these classes and how many marks each has."""
        shown = (classes, tuple(counts.items()))
        if shown == self._shown:
            return
        self._shown, self._classes = shown, classes
        value = self.value()
        self._list.blockSignals(True)
        self._list.clear()
        for label_class in classes:
            count = counts.get(label_class.value, 0)
            marks = "no marks yet" if not count else f"{count} mark{'s'[: count != 1]}"
            key = f"{label_class.value}   " if label_class.value < 10 else "     "
            item = QListWidgetItem(
                swatch(colour_of(label_class)), f"{key}{label_class.name}  ·  {marks}"
            )
            item.setData(256, label_class.value)
            item.setSizeHint(QSize(0, _ROW))
            self._list.addItem(item)
        self._list.blockSignals(False)
        self._list.setFixedHeight(_ROW * min(len(classes), _MOST_ROWS) + 6)
        if value is not None:
            self.setValue(value)

    def value(self) -> int | None:
        """Return the value of the class chosen."""
        item = self._list.currentItem()
        return None if item is None else int(item.data(256))

    def setValue(self, value: int) -> None:
        """Choose a class without telling anyone."""
        for index in range(self._list.count()):
            item = self._list.item(index)
            if item is not None and item.data(256) == value:
                self._list.blockSignals(True)
                self._list.setCurrentRow(index)
                self._list.blockSignals(False)

    def setEditable(self, editable: bool) -> None:
        """Offer to change classes, or only to choose and add them."""
        self._change.setVisible(editable)
        policy = Qt.ContextMenuPolicy
        self._list.setContextMenuPolicy(
            policy.CustomContextMenu if editable else policy.NoContextMenu
        )

    def menu(self) -> QMenu:
        """Return what can be done with the chosen class."""
        menu = QMenu(self)
        chosen = next((c for c in self._classes if c.value == self.value()), None)
        if chosen is None or not chosen.value:
            nothing = QAction("Background stays as it is", menu)
            nothing.setEnabled(False)
            menu.addAction(nothing)
            return menu
        offer(menu, "Rename…", partial(self._rename, chosen))
        offer(menu, "Colour…", partial(self._recolour, chosen))
        into = QMenu("Merge into", menu)
        for other in self._classes:
            if other != chosen:
                act = partial(self.merged.emit, chosen.value, other.value)
                offer(into, other.name, act, swatch(colour_of(other)))
        menu.addMenu(into)
        offer(
            menu,
            f"Delete {chosen.name} and its labels",
            partial(self.deleted.emit, chosen.value),
        )
        return menu

    def _open_menu(self, *_: object) -> None:
        self.menu().popup(self._list.mapToGlobal(self._list.rect().bottomLeft()))

    def _rename(self, chosen: LabelClass) -> None:
        name, done = QInputDialog.getText(
            self, "Rename", f"Call {chosen.name}:", text=chosen.name
        )
        if done and name.strip():
            self.renamed.emit(chosen.value, name.strip())

    def _recolour(self, chosen: LabelClass) -> None:
        colour = QColorDialog.getColor(
            QColor(chosen.colour), self, f"Colour of {chosen.name}"
        )
        if colour.isValid():
            self.recoloured.emit(chosen.value, colour.name())

    def _selected(self) -> None:
        value = self.value()
        if value is not None:
            self.valueChanged.emit(value)

    def _add(self) -> None:
        name = self._name.text().strip()
        if name:
            self._name.clear()
            self.added.emit(name)
        else:
            self._name.setFocus()
