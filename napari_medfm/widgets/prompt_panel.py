"""Step 3: one object, from a box or clicks, and many at once."""

from __future__ import annotations

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_medfm.bridge.desk import Desk
from napari_medfm.widgets.many_view import ManyView
from napari_medfm.widgets.parts import Hint, button, row


class PromptPanel(QWidget):
    """Arms box and clicks; accepts, varies and follows the mask in hand."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._hint = Hint()
        self._box = button(
            "Box  (B)",
            "Drag a box closely around one object: its outline appears. A new box "
            "begins a new object. Key: B; Esc puts the tool down.",
            lambda: desk.tools.toggle("box"),
            checkable=True,
        )
        self._points = button(
            "Clicks  (P)",
            "Click on the object; Alt-click or right-click what does not belong to it. "
            "Clicks refine the outline in hand. Key: P",
            lambda: desk.tools.toggle("points"),
            checkable=True,
        )
        self._minus = button(
            "Not this  (M)",
            "While on, clicks mark what does not belong. Alt-click does the same.",
            self._toggle_minus,
            checkable=True,
        )
        self._accept = button(
            "Accept  (Enter)",
            "Takes the outline into the labels. The tool stays ready for the next.",
            desk.prompt.accept,
        )
        self._other = button(
            "Other answer  (T)",
            "Shows the model's next answer to the same prompt. Key: T",
            desk.prompt.next_alternative,
        )
        self._next = button(
            "Next object  (N)",
            "Puts this outline aside without accepting it. Key: N",
            desk.prompt.next_object,
        )
        self._through = button(
            "Through the volume",
            "Follows the object to the planes before and after, as far as it goes.",
            desk.prompt.through_volume,
        )
        self._many = ManyView(desk)
        layout = QVBoxLayout(self)
        layout.setSpacing(8)
        for part in (
            self._hint,
            row(self._box, self._points, self._minus),
            row(self._accept, self._next),
            row(self._other, self._through),
            self._many,
        ):
            layout.addWidget(part)

    def refresh(self) -> None:
        """Show the mask in hand."""
        desk, mask = self._desk, self._desk.prompt.mask
        armed = desk.tools.armed
        self._box.setChecked(armed == "box")
        self._points.setChecked(armed == "points")
        self._minus.setEnabled(armed == "points")
        self._minus.setChecked(armed == "points" and desk.tools.negative)
        some = mask is not None and bool(mask.data.any())
        for part in (self._accept, self._next):
            part.setVisible(some)
        self._other.setVisible(some and bool(mask and mask.has_alternatives))
        source = desk.source
        volume = source is not None and source.ndim == 3
        flat = mask is not None and mask.data.ndim == 2
        self._through.setVisible(volume and some and flat)
        self._hint.setText(self._words(some))
        self._many.refresh()

    def _words(self, some: bool) -> str:
        desk, mask = self._desk, self._desk.prompt.mask
        if some and mask is not None:
            name = desk.chosen_class.name if desk.classes[1:] else "object"
            turn = ""
            if mask.has_alternatives:
                turn = (
                    f" Answer {desk.prompt.turn + 1} of {len(mask.alternatives) + 1}."
                )
            verdict = desk.prompt.verdict(mask)
            sure = f"score {mask.score:.2f}, stability {mask.stability:.2f}"
            return f"{verdict} ({sure}). Enter accepts it as {name}.{turn}"
        if desk.tools.armed == "box":
            return "Drag a box closely around one object."
        if desk.tools.armed == "points":
            return "Click on one object; Alt-click what does not belong to it."
        return "Outline one object at a time: draw a box around it, or click it."

    def _toggle_minus(self) -> None:
        self._desk.tools.negative = not self._desk.tools.negative
        self._desk.changed.emit()
