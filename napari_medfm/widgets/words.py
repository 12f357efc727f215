"""What is meant, in words: for encoders that know texts."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget

from napari_medfm.bridge.similar import Words
from napari_medfm.widgets.parts import button, row

_ROWS = 5


class WordsEdit(QWidget):
    """Edits one `Words`: what is meant, what is not, and the sentences around them.

    Signals
    -------
    valueChanged
        The user asks; carries the `Words`.
    """

    valueChanged = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._own: tuple[str, ...] = ()
        self._text = _field(
            "In words",
            "What you look for, such as: tumour epithelium. Several, with commas "
            "between, are alternatives. Press Enter to look.",
            "tumour epithelium",
        )
        self._against = _field(
            "But not",
            "What else there is, such as: stroma, fat, glass. With it, each place goes "
            "to what fits it best, which is much clearer than without.",
            "stroma, fat",
        )
        for field in (self._text, self._against):
            field.returnPressed.connect(self._ask)
        self._find = button(
            "Find these words",
            "Lights up where the words fit. It is the model's guess from its training: "
            "look twice.",
            self._ask,
        )
        self._more = button(
            "Sentences",
            "Shows the sentences that your words are put into. The model was trained "
            "on sentences; better ones give better maps.",
            self._toggle,
            checkable=True,
        )
        self._sentences = QPlainTextEdit()
        self._sentences.setAccessibleName("Sentences")
        self._sentences.setToolTip(
            "<p>One sentence a line, with {} where the words go. Their meanings are "
            "averaged. Empty this to go back to the model's own.</p>"
        )
        self._sentences.setTabChangesFocus(True)
        height = self._sentences.fontMetrics().lineSpacing() * _ROWS + 14
        self._sentences.setFixedHeight(height)
        self._sentences.hide()
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("In words", self._text)
        form.addRow("But not", self._against)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(form)
        layout.addWidget(row(self._find, self._more))
        layout.addWidget(self._sentences)

    def setSentences(self, own: tuple[str, ...]) -> None:
        """Offer an encoder's own sentences; those the user edited stay."""
        if own != self._own:
            edited = self._lines() not in ((), self._own)
            self._own = own
            if not edited:
                self._sentences.setPlainText("\n".join(own))

    def value(self) -> Words:
        """Return what is written."""
        lines = self._lines()
        own = lines in ((), self._own)
        return Words(
            _several(self._text), _several(self._against), None if own else lines
        )

    def setValue(self, words: Words) -> None:
        """Write words without telling anyone."""
        self._text.setText(", ".join(words.text))
        self._against.setText(", ".join(words.against))
        self._sentences.setPlainText("\n".join(words.templates or self._own))

    def _lines(self) -> tuple[str, ...]:
        lines = self._sentences.toPlainText().splitlines()
        return tuple(line.strip() for line in lines if line.strip())

    def _toggle(self) -> None:
        self._sentences.setVisible(self._more.isChecked())

    def _ask(self) -> None:
        self.valueChanged.emit(self.value())


def _field(name: str, tip: str, example: str) -> QLineEdit:
    field = QLineEdit()
    field.setAccessibleName(name)
    field.setToolTip(f"<p>{tip}</p>")
    field.setPlaceholderText(f"for example: {example}")
    field.setClearButtonEnabled(True)
    return field


def _several(field: QLineEdit) -> tuple[str, ...]:
    parts = field.text().split(",")
    return tuple(part.strip() for part in parts if part.strip())
