"""What to mind before something is written, and the choice to write it or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from qtpy.QtWidgets import QFrame, QVBoxLayout

from napari_medfm.widgets.parts import Hint, bring_into_view, button, row


class Held(Protocol):
    """What waits to be written."""

    @property
    def sentences(self) -> Sequence[str]:
        """What to mind about it."""


class Mind(QFrame):
    """Sentences with two buttons; hidden while there is nothing to mind.

    Parameters
    ----------
    go, stay
        Called when the user wants to write all the same, or not to.
    """

    def __init__(self, go: Callable[[], None], stay: Callable[[], None]) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self._text = Hint()
        self._text.setAccessibleName("What to mind before anything is written")
        self._seen: object = None
        layout = QVBoxLayout(self)
        layout.addWidget(self._text)
        layout.addWidget(
            row(
                button("Write anyway", "Writes, knowing what is said above.", go),
                button("Cancel", "Writes nothing.", stay),
            )
        )
        self.hide()

    def show_what(self, held: Held | None, what: str) -> None:
        """Show what to mind before something is written; nothing if none waits."""
        self.setVisible(held is not None)
        if held is not None:
            lines = "\n".join(f"• {sentence}" for sentence in held.sentences)
            self._text.setText(f"Before {what} written:\n{lines}")
            if held is not self._seen:
                bring_into_view(self)
        self._seen = held
