"""The table of objects, sorted by any column, linked to what is selected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QSize,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from napari_medfm.bridge.objects import ObjectRow

_Index = QModelIndex
_COLUMNS: tuple[tuple[str, Callable[[ObjectRow], Any], Callable[[ObjectRow], str]], ...]
_COLUMNS = (
    ("No.", lambda r: r.number, lambda r: str(r.number)),
    ("Yours", lambda r: r.label, lambda r: r.label),
    ("Found", lambda r: r.found, lambda r: r.found),
    (
        "Sure",
        lambda r: -1.0 if r.probability is None else r.probability,
        lambda r: "" if r.probability is None else f"{r.probability:.0%}",
    ),
    ("Size", lambda r: r.size, lambda r: f"{r.size:.4g}"),
)
_SORT = Qt.ItemDataRole.UserRole
_HEIGHT = 190


class ObjectTable(QTableView):
    """Shows objects, and which one is selected.

    Signals
    -------
    selected
        The user selected one; carries its number.
    """

    selected = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._rows = _Rows()
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSourceModel(self._rows)
        self._sorted.setSortRole(_SORT)
        self.setModel(self._sorted)
        self.setSortingEnabled(True)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.setAccessibleName("Objects")
        self.setToolTip(
            "<p>Select one to look at it. A click on a column's name sorts. Size is "
            "in units of the pixel size, squared or cubed.</p>"
        )
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setFixedHeight(_HEIGHT)
        self.setIconSize(QSize(9, 9))
        rows, columns = self.verticalHeader(), self.horizontalHeader()
        if rows is not None:
            rows.hide()
            rows.setDefaultSectionSize(22)
        if columns is not None:
            columns.setMinimumSectionSize(36)
            columns.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
            for column, width in ((0, 38), (3, 44), (4, 52)):
                columns.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
                self.setColumnWidth(column, width)
        chosen = self.selectionModel()
        if chosen is not None:
            chosen.currentRowChanged.connect(self._chosen)

    def setRows(self, rows: tuple[ObjectRow, ...], colours: dict[str, str]) -> None:
        """Show these objects, class names in their colours."""
        chosen = self.selectionModel()
        if chosen is not None and self._rows.differ(rows, colours):
            number = self.value()
            chosen.blockSignals(True)
            self._rows.put(rows, colours)
            chosen.blockSignals(False)
            if number is not None:
                self.setValue(number)

    def value(self) -> int | None:
        """Return the number of the object selected."""
        index = self.currentIndex()
        if not index.isValid():
            return None
        return int(self._sorted.index(index.row(), 0).data(_SORT))

    def setValue(self, number: int) -> None:
        """Select an object without telling anyone."""
        row, chosen = self._rows.row_of(number), self.selectionModel()
        if row is None or chosen is None or number == self.value():
            return
        index = self._sorted.mapFromSource(self._rows.index(row, 0))
        chosen.blockSignals(True)
        self.setCurrentIndex(index)
        self.selectRow(index.row())
        chosen.blockSignals(False)
        self.scrollTo(index)
        viewport = self.viewport()
        if viewport is not None:
            viewport.update()

    def _chosen(self, *_: object) -> None:
        number = self.value()
        if number is not None:
            self.selected.emit(number)


class _Rows(QAbstractTableModel):
    """The rows as Qt asks for them."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: tuple[ObjectRow, ...] = ()
        self._colours: dict[str, str] = {}
        self._place: dict[int, int] = {}

    def differ(self, rows: tuple[ObjectRow, ...], colours: dict[str, str]) -> bool:
        """Whether other rows or colours are shown."""
        return rows is not self._rows or colours != self._colours

    def put(self, rows: tuple[ObjectRow, ...], colours: dict[str, str]) -> None:
        """Show other rows."""
        self.beginResetModel()
        self._rows, self._colours = rows, colours
        self._place = {row.number: place for place, row in enumerate(rows)}
        self.endResetModel()

    def row_of(self, number: int) -> int | None:
        """Return where an object is."""
        return self._place.get(number)

    def rowCount(self, parent: QModelIndex = _Index()) -> int:  # noqa: B008  Qt's own
        """Return how many objects there are."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex = _Index()) -> int:  # noqa: B008  Qt's
        """Return how many columns there are."""
        return 0 if parent.isValid() else len(_COLUMNS)

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        """Return the names of the columns."""
        across = orientation == Qt.Orientation.Horizontal
        shown = role == Qt.ItemDataRole.DisplayRole
        return _COLUMNS[section][0] if across and shown else None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a cell."""
        row = self._rows[index.row()]
        _, value, words = _COLUMNS[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return words(row)
        if role == _SORT:
            return value(row)
        if role == Qt.ItemDataRole.DecorationRole and index.column() in (1, 2):
            colour = self._colours.get(words(row))
            return None if colour is None else QColor(colour)
        return None
