"""Honest numbers of one level, made when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medfm.bridge.asking import Ask
from napari_medfm.core.labels import Level
from napari_medfm.engine.plots import Ink
from napari_medfm.engine.sentences import figures, sentences
from napari_medfm.engine.validate import Report

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk


class Testing:
    """Tests the heads of a level; a report counts as long as the labels are the same.

    Parameters
    ----------
    level
        What the heads classify.
    """

    def __init__(self, desk: Desk, level: Level) -> None:
        self._desk, self.level = desk, level
        self._ask: Ask[Report] = Ask(desk, f"report {level}", self._question)

    def _question(self) -> object:
        session = self._desk.session
        own = [a for a in session.annotations if a.level == self.level]
        return tuple(a.id for a in own), session.classes, session.workspace.encoder

    @property
    def report(self) -> Report | None:
        """The report on today's labels, if one was made."""
        return self._ask.answer

    @property
    def pending(self) -> bool:
        """Whether a test is under way."""
        return self._ask.pending

    def begin(self) -> None:
        """Test the recipe of the head in hand on what is labelled, group by group."""
        desk = self._desk
        self._ask.begin(
            lambda: desk.session.report.work(self._recipe(), self.level),
            lambda _: self._done(),
            late=lambda: self._say("The labels changed meanwhile: test once more"),
        )
        desk.changed.emit()

    def _recipe(self) -> str:
        state = self._desk.session.labelling
        head = {"pixel": state.head, **state.heads}.get(self.level)
        weighed = head is not None and head.card.get("validation", {}).get("losses")
        return head.recipe if head is not None and weighed else "auto"

    def _done(self) -> None:
        self._say("Tested. The head takes these numbers along when it is exported")

    def _say(self, words: str) -> None:
        self._desk.say(words)
        self._desk.changed.emit()

    @property
    def words(self) -> tuple[str, ...]:
        """The report in sentences; empty without one."""
        return () if self.report is None else sentences(self.report)

    def figures(self, text: str) -> tuple[tuple[str, str], ...]:
        """Return (what it shows, SVG) of each plot.

        Parameters
        ----------
        text
            Colour of text and axes, #rrggbb.
        """
        if self.report is None:
            return ()
        colours = {c.name: c.colour for c in self._desk.classes if c.value}
        return figures(self.report, colours, Ink(text))
