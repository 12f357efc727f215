"""The marks of a class, one by one, and marks from labels that are there already."""

from __future__ import annotations

from qtpy.QtCore import QSize
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QMenu, QVBoxLayout, QWidget

from napari_medfm.bridge.classes import ClassEditing, Mark
from napari_medfm.bridge.desk import Desk
from napari_medfm.core.labels import IGNORE
from napari_medfm.widgets.parts import button, offer, row

_MOST = 300
_ROW, _MOST_ROWS = 24, 6


class MarkList(QWidget):
    """Lists marks to be looked at and removed alone; takes marks from labels."""

    def __init__(self, desk: Desk, editing: ClassEditing) -> None:
        super().__init__()
        self._desk, self._editing = desk, editing
        self._open = button(
            "List marks",
            "Lists the marks of the chosen class, the newest first. Click one to look "
            "at it; it can be removed alone.",
            self.refresh,
            checkable=True,
        )
        self._take = button(
            "Learn from labels…",
            "Takes marks from labels that are there already: those you accepted, or a "
            "Labels layer.",
            self._open_menu,
        )
        self._list = QListWidget()
        self._list.setAccessibleName("Marks")
        self._list.setToolTip("<p>Click one to look at it.</p>")
        self._list.setUniformItemSizes(True)
        self._list.itemClicked.connect(self._look)
        self._list.itemActivated.connect(self._look)
        self._remove = button(
            "Remove this mark",
            "Takes the mark away, and no other. It can be undone.",
            self._remove_one,
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        for part in (row(self._open, self._take), self._list, self._remove):
            layout.addWidget(part)
        self._marks: tuple[Mark, ...] = ()
        self._shown: object = None

    def refresh(self) -> None:
        """Show the marks of the chosen class."""
        desk = self._desk
        self._take.setEnabled(bool(self._editing.sources))
        shown = self._open.isChecked()
        self._list.setVisible(shown)
        self._remove.setVisible(shown)
        if not shown:
            return
        value = IGNORE.value if desk.marking.ignores else desk.chosen_class.value
        now = (desk.session.annotations, value)
        if now != self._shown:
            self._shown = now
            self._marks = self._editing.marks(value)[:_MOST]
            self._fill()
        self._remove.setEnabled(self._list.currentRow() >= 0)

    def _fill(self) -> None:
        several = len(self._desk.session.images) > 1
        self._list.clear()
        for mark in self._marks:
            where = f"  ·  {mark.image}" if several else ""
            item = QListWidgetItem(f"{mark.words}{where}")
            item.setSizeHint(QSize(0, _ROW))
            self._list.addItem(item)
        rows = min(max(len(self._marks), 1), _MOST_ROWS)
        self._list.setFixedHeight(_ROW * rows + 6)

    def menu(self) -> QMenu:
        """Return the labels that can be learned from."""
        menu = QMenu(self)
        for words, take in self._editing.sources:
            offer(menu, words, take)
        return menu

    def _open_menu(self) -> None:
        self.menu().popup(self._take.mapToGlobal(self._take.rect().bottomLeft()))

    def _current(self) -> Mark | None:
        index = self._list.currentRow()
        return self._marks[index] if 0 <= index < len(self._marks) else None

    def _look(self) -> None:
        mark = self._current()
        if mark is not None:
            self._editing.show(mark)
        self._remove.setEnabled(mark is not None)

    def _remove_one(self) -> None:
        mark = self._current()
        if mark is not None:
            self._editing.remove(mark)
