"""All keys on one sheet."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QGridLayout, QLabel, QWidget


class KeySheet(QDialog):
    """Lists keys and what they do; stays open beside the window while one works.

    Parameters
    ----------
    rows
        Key and words of each.
    """

    def __init__(self, rows: Sequence[tuple[str, str]], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys of MedFM")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        layout = QGridLayout(self)
        layout.setContentsMargins(16, 12, 16, 12)
        layout.setHorizontalSpacing(18)
        layout.setVerticalSpacing(6)
        for number, (key, words) in enumerate(rows):
            name = QLabel(f"<b>{key}</b>")
            name.setAlignment(Qt.AlignmentFlag.AlignRight)
            layout.addWidget(name, number, 0)
            layout.addWidget(QLabel(words), number, 1)
        note = QLabel(
            "They work while the image has the focus: click into it first. "
            "Labels layers keep napari's own painting keys."
        )
        note.setWordWrap(True)
        layout.addWidget(note, len(rows), 0, 1, 2)
