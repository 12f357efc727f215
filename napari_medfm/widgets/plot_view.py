"""Pictures of numbers: SVG drawn at the width there is."""

from __future__ import annotations

from qtpy.QtCore import QByteArray, QRectF, QSize
from qtpy.QtGui import QPainter, QPaintEvent, QResizeEvent
from qtpy.QtSvg import QSvgRenderer
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget
from typing_extensions import override

from napari_medfm.widgets.parts import Hint

_WIDEST = 440


class PlotView(QWidget):
    """One SVG, as wide as the dock and as high as that makes it."""

    def __init__(self, svg: str, name: str) -> None:
        super().__init__()
        self._renderer = QSvgRenderer(QByteArray(svg.encode()), self)
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._fit()

    @override
    def sizeHint(self) -> QSize:
        """Return the size the SVG was drawn for."""
        return self._renderer.defaultSize()

    @override
    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Keep the proportions."""
        super().resizeEvent(event)
        self._fit()

    @override
    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw it."""
        size = self._renderer.defaultSize()
        width = min(self.width(), _WIDEST)
        height = width * size.height() / max(size.width(), 1)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._renderer.render(painter, QRectF(0, 0, width, height))
        painter.end()

    def _fit(self) -> None:
        size = self._renderer.defaultSize()
        width = min(max(self.width(), 1), _WIDEST)
        self.setFixedHeight(round(width * size.height() / max(size.width(), 1)))


class ReportView(QWidget):
    """A report: sentences, then plots."""

    def __init__(self) -> None:
        super().__init__()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(4)
        self._shown: object = None

    def setReport(
        self, words: tuple[str, ...], figures: tuple[tuple[str, str], ...]
    ) -> None:
        """Show sentences, and (title, SVG) of each plot below."""
        if self._shown == (words, figures):
            return
        self._shown = words, figures
        while self._layout.count():
            item = self._layout.takeAt(0)
            widget = None if item is None else item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for text in words:
            self._layout.addWidget(Hint(text))
        for title, svg in figures:
            self._layout.addWidget(Hint(title))
            self._layout.addWidget(PlotView(svg, title))
