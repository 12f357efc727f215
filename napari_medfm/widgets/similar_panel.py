"""Step 2: find what looks like this."""

from __future__ import annotations

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_medfm.bridge.desk import Desk
from napari_medfm.widgets.parts import Hint, LabelledSlider, button, row
from napari_medfm.widgets.words import WordsEdit


class SimilarPanel(QWidget):
    """Arms the similarity tool; threshold; labels of what is alike."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._hint = Hint()
        self._tool = button(
            "Find similar  (S)",
            "Click something in the image: all that looks like it lights up. Alt-click "
            "or right-click what is not meant. Drag still moves the image. Key: S",
            lambda: desk.tools.toggle("similar"),
            checkable=True,
        )
        self._minus = button(
            "Not this  (M)",
            "While on, clicks mark what is not meant. Alt-click does the same. Key: M",
            self._toggle_minus,
            checkable=True,
        )
        self._clear = button(
            "Clear", "Forgets the clicks and the map.", desk.similar.clear
        )
        self._words_edit = WordsEdit()
        self._words_edit.valueChanged.connect(desk.similar.ask_in_words)
        self._threshold = LabelledSlider(
            "How alike it must be",
            "Moves the yellow outline: to the right, only the most similar places "
            "count.",
            self._words,
        )
        self._threshold.valueChanged.connect(desk.similar.set_threshold)
        self._accept = button(
            "Make labels  (Enter)",
            "Takes what is inside the yellow outline into the labels, as the class "
            "chosen in step 4.",
            desk.similar.accept,
        )
        self._rest = button(
            "Read the rest of the slide",
            "Goes on with the parts of the slide that were not read yet, what is on "
            "screen first. You can work on meanwhile, and cancel at any time.",
            desk.similar.read_the_rest,
        )
        layout = QVBoxLayout(self)
        layout.setSpacing(8)
        for part in (
            self._hint,
            row(self._tool, self._minus),
            self._words_edit,
            self._threshold,
            row(self._accept, self._clear),
            self._rest,
        ):
            layout.addWidget(part)

    def refresh(self) -> None:
        """Show what is asked and what came of it."""
        desk, similar = self._desk, self._desk.similar
        armed = desk.tools.armed == "similar"
        self._tool.setChecked(armed)
        self._minus.setChecked(armed and desk.tools.negative)
        self._minus.setEnabled(armed)
        sentences = similar.sentences
        self._words_edit.setVisible(sentences is not None)
        if sentences is not None:
            self._words_edit.setSentences(sentences)
        ready = similar.map is not None
        for part in (self._threshold, self._accept):
            part.setVisible(ready)
        self._rest.setVisible(similar.unfinished)
        wish = similar.wish
        self._clear.setVisible(wish.asks or bool(wish.against))
        if similar.threshold is not None:
            self._threshold.setRange(*similar.limits)
            self._threshold.setValue(similar.threshold)
        if ready:
            name = desk.chosen_class.name if desk.classes[1:] else "object"
            asked = f"Places meant: {len(wish.at)}, not meant: {len(wish.against)}"
            if wish.words is not None:
                asked = f"Where {' or '.join(wish.words.text)} fits"
            self._hint.setText(
                f"{asked}. Move the outline, then make labels of {name}."
            )
        else:
            self._hint.setText(
                "One click shows where the image looks alike. It is a first look, not "
                "a final outline."
            )

    def _toggle_minus(self) -> None:
        self._desk.tools.negative = not self._desk.tools.negative
        self._desk.changed.emit()

    def _words(self, _: float) -> str:
        share = self._desk.similar.share
        return "" if share is None else f"{share:.1%} of the plane"
