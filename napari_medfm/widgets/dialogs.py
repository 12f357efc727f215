"""Questions to the user, as windows."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from napari_medfm.bridge.dialogs import Question


class QtDialogs:
    """Asks in windows of their own, on top of a widget.

    Parameters
    ----------
    parent
        What they belong to.
    """

    def __init__(self, parent: QWidget) -> None:
        self._parent = parent

    def choose(self, question: Question) -> str:
        """Show the question and wait; closing it cancels."""
        box = QMessageBox(self._parent.window())
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle(question.title)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(question.text)
        role = QMessageBox.ButtonRole
        known = {}
        for answer, label in question.choices:
            known[box.addButton(label, role.ActionRole)] = answer
        stay = box.addButton(question.cancel, role.RejectRole)
        box.setEscapeButton(stay)
        first = next(iter(known), stay)
        if first is not None:
            box.setDefaultButton(first)
        box.exec()
        clicked = box.clickedButton()
        answer = next((a for made, a in known.items() if made is clicked), "cancel")
        box.deleteLater()
        return answer

    def save_where(self, title: str, start: Path, kind: str) -> Path | None:
        """Ask for a new file."""
        chosen, _ = QFileDialog.getSaveFileName(self._parent, title, str(start), kind)
        return Path(chosen) if chosen else None

    def folder_where(self, title: str, start: Path) -> Path | None:
        """Ask for a folder."""
        chosen = QFileDialog.getExistingDirectory(self._parent, title, str(start))
        return Path(chosen) if chosen else None
