"""Questions to the user, as windows."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from napari_medfm.bridge.catalogue import Offer
from napari_medfm.bridge.dialogs import Question


def may_download(parent: QWidget, offer: Offer, cancel: str) -> bool:
    """Ask whether a model may be fetched, saying how large it is and from where.

    Parameters
    ----------
    cancel
        When or where one can stop it, to end "You can cancel".
    """
    answer = QMessageBox.question(
        parent,
        f"Get {offer.title}?",
        f"This downloads {offer.download}.\n\nThe file is kept on this machine; "
        f"images never leave it. You can cancel {cancel}.",
    )
    return answer == QMessageBox.StandardButton.Yes


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
