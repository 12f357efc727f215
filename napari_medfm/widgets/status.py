"""The bottom of the dock: what happens, how far it is, and how to stop it."""

from __future__ import annotations

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QVBoxLayout, QWidget

from napari_medfm.bridge.desk import Desk
from napari_medfm.widgets.parts import Hint, button, connect
from napari_medfm.widgets.runner import QtRunner

_PATIENCE_MS = 250


class Status(QWidget):
    """Shows the newest message, and progress with a Cancel button while working.

    Work that ends within a quarter of a second shows no bar.
    """

    def __init__(self, desk: Desk, runner: QtRunner) -> None:
        super().__init__()
        self._desk, self._runner = desk, runner
        self._mark = QLabel()
        self._mark.setAccessibleName("Kind of message")
        self._text = Hint()
        self._text.setAccessibleName("Status")
        self._what = Hint()
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setMaximumHeight(12)
        self._bar.setAccessibleName("Progress")
        self._cancel = button(
            "Cancel", "Stops it now; nothing that was done is lost.", self._stop
        )
        self._cancel.setMaximumWidth(80)
        self._work = QWidget()
        line = QHBoxLayout()
        line.addWidget(self._bar, 1)
        line.addWidget(self._cancel)
        inside = QVBoxLayout(self._work)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(2)
        inside.addWidget(self._what)
        inside.addLayout(line)
        self._work.hide()
        message = QHBoxLayout()
        message.addWidget(self._mark)
        message.addWidget(self._text, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._work)
        layout.addLayout(message)
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(_PATIENCE_MS)
        self._patience.timeout.connect(self._show_work)
        connect(self, runner.changed, self._changed)
        connect(self, desk.said, self._said)
        self._said(desk.message, desk.is_problem)

    def _said(self, message: str, is_problem: bool) -> None:
        self._mark.setText("⚠" if is_problem else "")
        self._mark.setVisible(is_problem)
        self._text.setText(message)

    def _changed(self) -> None:
        if self._runner.current is None:
            self._patience.stop()
            self._work.hide()
        elif self._work.isVisible():
            self._show_work()
        elif not self._patience.isActive():
            self._patience.start()

    def _show_work(self) -> None:
        current = self._runner.current
        if current is None:
            return
        title, progress = current
        detail = f": {progress.message}" if progress.message else ""
        self._what.setText(f"{title}{detail}")
        self._bar.setRange(0, progress.total if progress.total > 1 else 0)
        self._bar.setValue(progress.done)
        self._work.show()

    def _stop(self) -> None:
        self._desk.settle()
        self._runner.cancel_by_user()
