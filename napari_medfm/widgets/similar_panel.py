"""Step 2: find what looks like this."""

from __future__ import annotations

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_medfm.bridge.desk import Desk
from napari_medfm.widgets.parts import Hint, LabelledSlider, button, row


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
        layout = QVBoxLayout(self)
        layout.setSpacing(8)
        for part in (
            self._hint,
            row(self._tool, self._minus),
            self._threshold,
            row(self._accept, self._clear),
        ):
            layout.addWidget(part)

    def refresh(self) -> None:
        """Show what is asked and what came of it."""
        desk, similar = self._desk, self._desk.similar
        armed = desk.tools.armed == "similar"
        self._tool.setChecked(armed)
        self._minus.setChecked(armed and desk.tools.negative)
        self._minus.setEnabled(armed)
        ready = similar.map is not None
        for part in (self._threshold, self._accept):
            part.setVisible(ready)
        self._clear.setVisible(bool(similar.wish.at or similar.wish.against))
        if similar.threshold is not None:
            self._threshold.setRange(*similar.limits)
            self._threshold.setValue(similar.threshold)
        if ready:
            name = desk.chosen_class.name if desk.classes[1:] else "object"
            self._hint.setText(
                f"Places meant: {len(similar.wish.at)}, not meant: "
                f"{len(similar.wish.against)}. Move the outline, then make labels "
                f"of {name}."
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
        chosen = self._desk.similar.chosen
        return "" if chosen is None else f"{chosen.mean():.1%} of the plane"
