"""Many small pictures: select, label by a key, open by a double click."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QImage, QKeyEvent, QPainter, QPen, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QListView, QListWidget, QListWidgetItem
from typing_extensions import override

_SIDE = 80
_CELL = QSize(_SIDE + 10, _SIDE + 40)
_HEIGHT = 300
_GREY = "#808080"


@dataclass(frozen=True, eq=False)
class Card:
    """One picture of the sheet.

    Parameters
    ----------
    picture
        uint8 (rows, cols, 3); None while it is being made.
    title, below
        Two lines of text.
    said, found
        Colours of the class that the user gave, and that the head gives; empty if none.
    tip
        More about it.
    """

    picture: NDArray[np.uint8] | None
    title: str
    below: str
    said: str
    found: str
    tip: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Card) and (
            self.picture is other.picture and self._texts() == other._texts()
        )

    __hash__ = None  # type: ignore[assignment]

    def _texts(self) -> tuple[str, ...]:
        return self.title, self.below, self.said, self.found, self.tip


class ContactSheet(QListWidget):
    """Shows cards; several can be selected.

    Signals
    -------
    labelled
        A digit was pressed; carries the class value.
    cleared
        Delete was pressed: take the labels of the selected away.
    opened
        One was opened by double click or Enter; carries its place.
    selectionMoved
        Another selection.
    """

    labelled = Signal(int)
    cleared = Signal()
    opened = Signal(int)
    selectionMoved = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setMovement(QListView.Movement.Static)
        self.setUniformItemSizes(True)
        self.setSpacing(0)
        self.setGridSize(_CELL)
        self.setIconSize(QSize(_SIDE, _SIDE))
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFixedHeight(_HEIGHT)
        self.setAccessibleName("Contact sheet")
        self.setToolTip(
            "<p>Click, Ctrl-click or Shift-click to select. Keys 0 to 9 label the "
            "selected, Delete takes their labels away, a double click opens one in "
            "the viewer. A thick frame is your label, a thin one the head's.</p>"
        )
        self.itemSelectionChanged.connect(self.selectionMoved)
        self.itemActivated.connect(self._activated)
        self._cards: list[Card] = []

    def setCards(self, cards: Sequence[Card]) -> None:
        """Show these; only those that differ are drawn anew."""
        while self.count() > len(cards):
            self.takeItem(self.count() - 1)
        for place, card in enumerate(cards):
            if place == self.count():
                item = QListWidgetItem()
                item.setSizeHint(_CELL)
                item.setTextAlignment(Qt.AlignmentFlag.AlignHCenter)
                self.addItem(item)
                self._cards[place:] = []
            known = self._cards[place] if place < len(self._cards) else None
            if known == card:
                continue
            shown = self.item(place)
            if shown is not None:
                shown.setIcon(_icon(card))
                shown.setText(f"{card.title}\n{card.below}")
                shown.setToolTip(card.tip)
            self._cards[place : place + 1] = [card]
        del self._cards[len(cards) :]

    def selected(self) -> list[int]:
        """Return the places of the selected, in order."""
        return sorted(index.row() for index in self.selectedIndexes())

    def select(self, places: Sequence[int]) -> None:
        """Select these without telling anyone."""
        self.blockSignals(True)
        self.clearSelection()
        for place in places:
            item = self.item(place)
            if item is not None:
                item.setSelected(True)
        self.blockSignals(False)

    @override
    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Label by a digit, clear by Delete."""
        text = "" if event is None else event.text()
        if len(text) == 1 and text in "0123456789":
            self.labelled.emit(int(text))
        elif event is not None and event.key() == Qt.Key.Key_Delete:
            self.cleared.emit()
        else:
            super().keyPressEvent(event)

    def _activated(self, item: QListWidgetItem) -> None:
        self.opened.emit(self.row(item))


def _icon(card: Card) -> QIcon:
    """Draw a picture in the frame of its class."""
    shown = QPixmap(_SIDE, _SIDE)
    shown.fill(QColor(0, 0, 0, 0))
    painter = QPainter(shown)
    if card.picture is not None:
        pixels = np.ascontiguousarray(card.picture)
        rows, cols = pixels.shape[:2]
        image = QImage(
            pixels.tobytes(), cols, rows, 3 * cols, QImage.Format.Format_RGB888
        )
        fitted = image.scaled(
            _SIDE - 8,
            _SIDE - 8,
            Qt.AspectRatioMode.KeepAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )
        left, top = (_SIDE - fitted.width()) // 2, (_SIDE - fitted.height()) // 2
        painter.drawImage(left, top, fitted)
    width = 6 if card.said else 2
    colour = card.said or card.found or _GREY
    painter.setPen(QPen(QColor(colour), width))
    inset = width // 2
    painter.drawRect(inset, inset, _SIDE - width, _SIDE - width)
    painter.end()
    icon = QIcon()
    for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected):
        icon.addPixmap(shown, mode)
    return icon
