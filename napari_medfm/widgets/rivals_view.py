"""Another encoder beside the one in use, on the user's own labels."""

from __future__ import annotations

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_medfm.bridge.catalogue import Offer
from napari_medfm.bridge.rivals import Rivals
from napari_medfm.engine.sidebyside import Comparison, Contender
from napari_medfm.widgets.parts import Hint, button, combo


class RivalsView(QWidget):
    """Chooses the other encoder, starts the comparison, and shows what came of it."""

    def __init__(self, rivals: Rivals) -> None:
        super().__init__()
        self._rivals = rivals
        self._offered: list[Offer] = []
        self._other = combo(
            "Encoder to compare with", "Another encoder that is on this machine."
        )
        self._begin = button(
            "Compare on my labels",
            "Trains the same linear head with the encoder in use and with this one, on "
            "some images (or parts of the one there is), and tests both on the others. "
            "What the other encoder reads is kept. It runs in the background; Cancel "
            "at the bottom stops it.",
            self._start,
        )
        self._words = Hint()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for part in (self._other, self._begin, self._words):
            layout.addWidget(part)

    def refresh(self) -> None:
        """Show what there is to compare with, and the newest answer."""
        rivals = self._rivals
        if rivals.offers != self._offered:
            self._offered = rivals.offers
            self._other.clear()
            for offer in self._offered:
                self._other.addItem(offer.title, offer.name)
        there = bool(self._offered)
        self._other.setVisible(there)
        self._begin.setVisible(there)
        self._begin.setEnabled(not rivals.pending)
        self._begin.setText("Comparing…" if rivals.pending else "Compare on my labels")
        found = rivals.comparison
        self._words.setText(
            _sentences(found)
            if found is not None
            else "Which encoder suits your images? Another one can be tried on the "
            "same labels."
            if there
            else "To try another encoder on the same labels, get one in step 1, Models."
        )

    def _start(self) -> None:
        self._rivals.begin(str(self._other.currentData()))


def _sentences(found: Comparison) -> str:
    lines = [_line(one) for one in found.contenders]
    warnings = [f"Careful: {warning}." for warning in found.warnings]
    return "\n".join([*lines, f"{found.verdict}.", *warnings])


def _line(one: Contender) -> str:
    low, high = one.likely
    overlap = ", ".join(f"{name} {value:.2f}" for name, value in one.dice.items())
    use = "" if one.commercial else ", not for commercial use"
    return (
        f"{one.title}: {one.balanced_accuracy:.0%} right (likely {low:.0%} to "
        f"{high:.0%}). Dice {overlap}. Log-loss {one.log_loss:.2f}. Licence: "
        f"{one.licence}{use}."
    )
