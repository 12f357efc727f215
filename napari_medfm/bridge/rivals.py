"""Encoders compared on the labels in hand, when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medfm.bridge.asking import Ask
from napari_medfm.bridge.catalogue import Offer, offers
from napari_medfm.engine.sidebyside import Comparison

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk


class Rivals:
    """Compares the encoder in use with another; holds as long as the labels do."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ask: Ask[Comparison] = Ask(desk, "compare encoders", self._question)

    def _question(self) -> object:
        session = self._desk.session
        own = [a.id for a in session.annotations if a.level == "pixel"]
        return tuple(own), session.classes, session.encoder

    @property
    def offers(self) -> list[Offer]:
        """The other encoders on this machine."""
        session = self._desk.session
        found = offers("encoder", session)
        return [o for o in found if o.here and o.name != session.encoder]

    @property
    def comparison(self) -> Comparison | None:
        """The newest, if it is of today's labels."""
        return self._ask.answer

    @property
    def pending(self) -> bool:
        """Whether a comparison is under way."""
        return self._ask.pending

    def begin(self, other: str) -> None:
        """Compare the encoder in use with another."""
        desk, session = self._desk, self._desk.session
        self._ask.begin(
            lambda: session.compare.work([session.encoder, other]),
            lambda found: self._say(found.verdict),
            late=lambda: self._say("The labels changed meanwhile: compare once more"),
        )
        desk.changed.emit()

    def _say(self, words: str) -> None:
        self._desk.say(words)
        self._desk.changed.emit()
