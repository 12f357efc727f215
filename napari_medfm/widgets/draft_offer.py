"""The offer to bring back work that was never saved."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtWidgets import QFrame, QVBoxLayout

from napari_medfm.bridge.desk import Desk
from napari_medfm.project.drafts import FoundDraft
from napari_medfm.widgets.parts import Hint, button, row


class DraftOffer(QFrame):
    """Says what a program that ended left unsaved; opens, saves or discards it."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        drafts = desk.drafts
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self._text = Hint()
        self._text.setAccessibleName("Work that was not saved")
        layout = QVBoxLayout(self)
        layout.addWidget(self._text)
        layout.addWidget(
            row(
                button(
                    "Open it",
                    "Brings it back as it was, with undo to its beginning.",
                    self._with(drafts.open),
                ),
                button(
                    "Save as a project…",
                    "Brings it back, and asks where to save it.",
                    self._with(lambda one: drafts.open(one, save=True)),
                ),
            )
        )
        layout.addWidget(
            row(
                button(
                    "Later",
                    "Leaves it where it is; it stays in the menu Project.",
                    drafts.put_off,
                ),
                button(
                    "Discard…", "Throws it away for good.", self._with(drafts.discard)
                ),
            )
        )
        self.refresh()

    def _with(self, act: Callable[[FoundDraft], object]) -> Callable[[], None]:
        def perform() -> None:
            one = self._desk.drafts.offered
            if one is not None:
                act(one)

        return perform

    def refresh(self) -> None:
        """Show the newest; nothing if there is none."""
        drafts = self._desk.drafts
        one = drafts.offered
        self.setVisible(one is not None)
        if one is None:
            return
        more = len(drafts.found) - 1
        self._text.setText(
            f"Your work of {one.words} was not saved as a project."
            + (f" There {'is' if more == 1 else 'are'} {more} more." if more else "")
        )
