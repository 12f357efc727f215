"""The offer to get the models that the session needs and this machine lacks."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from qtpy.QtWidgets import QFrame, QVBoxLayout

from napari_medfm.bridge.asking import Ask
from napari_medfm.bridge.catalogue import Kind, Offer, fetching, needed
from napari_medfm.bridge.desk import Desk
from napari_medfm.widgets.parts import Hint, button


class MissingModels(QFrame):
    """Says which models are missing, how large, from where; gets them when asked.

    Nothing is downloaded before the button is pressed. Progress and Cancel are at the
    bottom of the dock.
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._fetch: Ask[Path] = Ask(desk, "fetch", lambda: None)
        self._text = Hint()
        self._get = button(
            "Get the models",
            "Downloads what is named above, once; it is kept on this machine. Images "
            "never leave it. You can cancel at any time.",
            self.fetch,
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._text)
        layout.addWidget(self._get)
        self.refresh()

    def refresh(self) -> None:
        """Show what is missing now; nothing if nothing is."""
        missing = needed(self._desk.session)
        self.setVisible(bool(missing))
        lines = [f"{offer.title}: {offer.download}" for _, offer in missing]
        self._text.setText(
            "To answer, this machine still needs\n" + "\n".join(lines) + "."
        )
        self._get.setText("Get the models" if len(missing) > 1 else "Get the model")
        self._get.setEnabled(not self._fetch.pending)

    def fetch(self) -> None:
        """Download one after the other; the user has agreed."""
        missing = needed(self._desk.session)
        if missing:
            self._begin(*missing[0])

    def _begin(self, kind: Kind, offer: Offer) -> None:
        desk = self._desk
        self._fetch.begin(
            lambda: fetching(kind, offer, desk.session),
            partial(self._got, offer),
            failed=self._failed,
        )
        self.refresh()

    def _failed(self, error: BaseException) -> None:
        """Say why; the offer stands, to be tried again."""
        self._desk.complain(error)
        self._desk.changed.emit()

    def _got(self, offer: Offer, _: Path) -> None:
        desk = self._desk
        missing = needed(desk.session)
        if missing and missing[0][1].name != offer.name:
            self._begin(*missing[0])
        elif not missing:
            desk.say("The models are ready: begin with step 2")
        desk.changed.emit()
