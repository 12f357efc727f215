"""Small parts that the panels are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from psygnal import SignalInstance
from qtpy.QtCore import QObject, QPoint, QSize, Qt, QTimer, Signal
from qtpy.QtGui import (
    QAction,
    QColor,
    QIcon,
    QPainter,
    QPixmap,
    QResizeEvent,
    QShowEvent,
)
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override


class Hint(QLabel):
    """A text that wraps, never widens the dock, and is never cut off."""

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setText(text)

    @override
    def setText(self, text: str | None) -> None:
        """Show a text at the height it needs."""
        super().setText(text)
        self._fit()

    @override
    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Keep the height the text needs at the new width."""
        super().resizeEvent(event)
        self._fit()

    @override
    def showEvent(self, event: QShowEvent | None) -> None:
        """Keep the height the text needs in the theme's font."""
        super().showEvent(event)
        self._fit()

    def _fit(self) -> None:
        # Qt counts the least height into the height for a width: forget it first.
        self.setMinimumHeight(0)
        self.setFixedHeight(max(self.heightForWidth(self.width()), 0))


def connect(widget: QWidget, signal: SignalInstance, slot: Callable[..., Any]) -> None:
    """Connect a widget to a signal of the bridge for as long as the widget lives.

    Qt disconnects its own signals when a widget is deleted; these it does not know.
    """
    signal.connect(slot)
    widget.destroyed.connect(lambda: signal.disconnect(slot, missing_ok=True))


def bring_into_view(widget: QWidget) -> None:
    """Scroll to a widget that was just made visible, once it has its place.

    One that is higher than what can be shown is shown from its top.
    """
    _Scrolling(widget)


class _Scrolling(QObject):
    """Belongs to the widget, so that Qt forgets the wait when the widget goes first."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self._widget = widget
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.timeout.connect(self._scroll)
        timer.start(50)

    def _scroll(self) -> None:
        around = self._widget.parentWidget()
        while around is not None and not isinstance(around, QScrollArea):
            around = around.parentWidget()
        inside = None if around is None else around.widget()
        if around is not None and inside is not None:
            _show_in(around, inside, self._widget)
        self.deleteLater()


def _show_in(around: QScrollArea, inside: QWidget, widget: QWidget) -> None:
    bar, view = around.verticalScrollBar(), around.viewport()
    if bar is None or view is None:
        return
    top = widget.mapTo(inside, QPoint(0, 0)).y()
    bottom = top + widget.height()
    if bottom > bar.value() + view.height():
        bar.setValue(min(top, bottom - view.height()))
    elif top < bar.value():
        bar.setValue(top)


def button(
    text: str, tip: str, act: Callable[[], object], *, checkable: bool = False
) -> QPushButton:
    """Return a button; the tooltip teaches, and is what a screen reader reads out."""
    made = QPushButton(text)
    made.setToolTip(f"<p>{tip}</p>")
    made.setAccessibleName(text)
    made.setAccessibleDescription(tip)
    made.setCheckable(checkable)
    made.setMinimumHeight(28)
    made.clicked.connect(lambda: act())
    return made


def heading(text: str) -> QLabel:
    """Return the title of a part of a panel."""
    made = QLabel(text)
    font = made.font()
    font.setBold(True)
    made.setFont(font)
    return made


def row(*widgets: QWidget) -> QWidget:
    """Return widgets side by side, sharing the width."""
    holder = QWidget()
    layout = QHBoxLayout(holder)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(6)
    for widget in widgets:
        layout.addWidget(widget, 0 if isinstance(widget, QLabel) else 1)
    return holder


def combo(name: str, tip: str) -> QComboBox:
    """Return a box of choices that never widens the dock, however long they are."""
    made = QComboBox()
    made.setAccessibleName(name)
    made.setToolTip(f"<p>{tip}</p>")
    made.setSizeAdjustPolicy(
        QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
    )
    made.setMinimumContentsLength(12)
    return made


def offer(
    menu: QMenu, text: str, act: Callable[[], object], icon: QIcon | None = None
) -> None:
    """Add something that can be done to a menu."""
    made = QAction(text, menu)
    if icon is not None:
        made.setIcon(icon)
    made.triggered.connect(lambda: act())
    menu.addAction(made)


def swatch(colour: str, size: int = 14) -> QIcon:
    """Return a small square of a colour, with an edge seen on dark and light."""
    picture = QPixmap(size, size)
    picture.fill(QColor(colour))
    painter = QPainter(picture)
    painter.setPen(QColor("#808080"))
    painter.drawRect(0, 0, size - 1, size - 1)
    painter.end()
    made = QIcon(picture)
    made.addPixmap(picture, QIcon.Mode.Selected)  # Qt would tint it otherwise
    return made


class LatePanel(QWidget):
    """A panel that is brought up to date only while it can be seen."""

    @override
    def showEvent(self, event: QShowEvent | None) -> None:
        """Show what changed while it was closed."""
        super().showEvent(event)
        self.refresh()

    def refresh(self) -> None:
        """Show what is known now, if anybody looks."""
        if self.isVisible():
            self.show_state()

    def show_state(self) -> None:
        """Show what is known now."""
        raise NotImplementedError


class Section(QWidget):
    """A step of the way down: a header that opens and closes what is below.

    Signals
    -------
    opened
        The user opened it.
    """

    opened = Signal()

    def __init__(
        self, number: int, title: str, content: QWidget, tip: str = ""
    ) -> None:
        super().__init__()
        self.title = title
        self._content = content
        self._header = QToolButton()
        self._header.setText(f" {number}  {title}")
        self._header.setCheckable(True)
        self._header.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._header.setIconSize(QSize(10, 10))
        self._header.setSizePolicy(
            QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed
        )
        self._header.setMinimumHeight(30)
        font = self._header.font()
        font.setBold(True)
        self._header.setFont(font)
        self._header.setAccessibleName(f"Step {number}: {title}")
        self._header.setToolTip(tip)
        self._header.clicked.connect(self._clicked)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._header)
        layout.addWidget(content)
        content.setContentsMargins(8, 0, 4, 6)
        self.set_open(False)

    @property
    def is_open(self) -> bool:
        """Whether its content shows."""
        return self._header.isChecked()

    def set_open(self, is_open: bool) -> None:
        """Open or close it."""
        self._header.setChecked(is_open)
        self._header.setArrowType(
            Qt.ArrowType.DownArrow if is_open else Qt.ArrowType.RightArrow
        )
        self._content.setVisible(is_open)

    def _clicked(self, is_open: bool) -> None:
        self.set_open(is_open)
        if is_open:
            self.opened.emit()


class LabelledSlider(QWidget):
    """A slider over a range of numbers, with its name and value above it.

    Parameters
    ----------
    name, tip
        What it sets, and what that does.
    words
        Turns the value into what is shown.

    Signals
    -------
    valueChanged
        The user moved it; carries the value.
    """

    valueChanged = Signal(float)

    def __init__(self, name: str, tip: str, words: Callable[[float], str]) -> None:
        super().__init__()
        self._words = words
        self._low, self._high = 0.0, 1.0
        self._name, self._value = QLabel(name), QLabel("")
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setRange(0, 1000)
        self._slider.setAccessibleName(name)
        self.setToolTip(f"<p>{tip}</p>")
        self._slider.setAccessibleDescription(tip)
        self._slider.valueChanged.connect(self._moved)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        top = QHBoxLayout()
        top.addWidget(self._name)
        top.addStretch()
        top.addWidget(self._value)
        layout.addLayout(top)
        layout.addWidget(self._slider)

    def setRange(self, low: float, high: float) -> None:
        """Set the numbers at both ends."""
        value = self.value()
        self._low, self._high = low, high
        self.setValue(value)

    def setName(self, name: str) -> None:
        """Say anew what it sets."""
        self._name.setText(name)
        self._slider.setAccessibleName(name)

    def value(self) -> float:
        """Return the number chosen."""
        return self._low + (self._high - self._low) * self._slider.value() / 1000

    def setValue(self, value: float) -> None:
        """Show a number without telling anyone."""
        share = (value - self._low) / ((self._high - self._low) or 1.0)
        self._slider.blockSignals(True)
        self._slider.setValue(round(1000 * min(max(share, 0.0), 1.0)))
        self._slider.blockSignals(False)
        self._value.setText(self._words(self.value()))

    def _moved(self) -> None:
        self._value.setText(self._words(self.value()))
        self.valueChanged.emit(self.value())
