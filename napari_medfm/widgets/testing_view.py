"""The button that tests a head honestly, and what came of it."""

from __future__ import annotations

from qtpy.QtCore import QEvent
from qtpy.QtGui import QPalette
from qtpy.QtWidgets import QVBoxLayout, QWidget
from typing_extensions import override

from napari_medfm.bridge.testing import Testing
from napari_medfm.widgets.parts import button
from napari_medfm.widgets.plot_view import ReportView


class TestingView(QWidget):
    """Starts the test of one level; shows its report as long as it holds."""

    __test__ = False

    def __init__(self, testing: Testing) -> None:
        super().__init__()
        self._testing = testing
        self._begin = button(
            "Test it honestly",
            "Learns from some images (or parts of the one there is) and tests on the "
            "others, in turn, on your own labels. It runs in the background; Cancel "
            "at the bottom stops it.",
            testing.begin,
        )
        self._report = ReportView()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._begin)
        layout.addWidget(self._report)

    @override
    def changeEvent(self, event: QEvent | None) -> None:
        """Draw the plots anew in the colours of another theme."""
        super().changeEvent(event)
        themed = QEvent.Type.PaletteChange, QEvent.Type.StyleChange
        if event is not None and event.type() in themed and self._report.isVisible():
            self.refresh()

    def refresh(self) -> None:
        """Show the newest report, if it is of today's labels."""
        pending = self._testing.pending
        self._begin.setEnabled(not pending)
        self._begin.setText("Testing…" if pending else "Test it honestly")
        there = self._testing.report is not None
        self._report.setVisible(there)
        if there:
            colour = self.palette().color(QPalette.ColorRole.WindowText).name()
            self._report.setReport(self._testing.words, self._testing.figures(colour))
