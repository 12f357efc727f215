"""Drafts on the desk: kept while there is no project, and offered after a crash."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari_medfm.bridge.asking import Ask
from napari_medfm.bridge.dialogs import Question
from napari_medfm.core.errors import MedfmError
from napari_medfm.core.jobs import Progress, Steps, Work
from napari_medfm.project.draft import Draft, keep_draft
from napari_medfm.project.drafts import FoundDraft, drafts

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk

_LANE = "draft"


class Drafts:
    """Keeps the desk's work as a draft, and knows the drafts that others left."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.found: tuple[FoundDraft, ...] = ()
        self.is_put_off = self.is_keeping = False
        self._look: Ask[list[FoundDraft]] = Ask(desk, "drafts", lambda: None)

    def keep(self) -> None:
        """Keep the session's work from its first step on, unless a project does."""
        self.is_keeping = True
        keep_draft(self._desk.session.workspace, self._read)

    def close(self) -> None:
        """Read nothing behind any more; the session's draft is kept without."""
        keeper = self._desk.session.workspace.keeper
        if isinstance(keeper, Draft):
            keeper.later = None

    def _read(self, work: Work[None]) -> None:
        """Read images behind; after a cancel it is tried again with the next step."""
        desk = self._desk
        if not desk.runner.busy(_LANE):
            desk.runner.run(work, _LANE, lambda _: desk.changed.emit(), desk.complain)

    # Those of programs that ended

    def look(self) -> None:
        """Look for work that was never saved."""

        def steps() -> Steps[list[FoundDraft]]:
            yield Progress(0, 1, "looking for work that was not saved")
            return drafts()

        self._look.begin(
            lambda: Work("Looking for drafts", steps, lambda found: found), self._seen
        )

    def _seen(self, found: list[FoundDraft]) -> None:
        self.found = tuple(found)
        self._desk.changed.emit()

    @property
    def offered(self) -> FoundDraft | None:
        """The newest; None if there is none, or the user wants to see it later."""
        return None if self.is_put_off or not self.found else self.found[0]

    def put_off(self) -> None:
        """Offer nothing more in this window; the menu still has all of them."""
        self.is_put_off = True
        self._desk.changed.emit()

    def open(self, one: FoundDraft, *, save: bool = False) -> None:
        """Open a draft in place of what is open, which is asked about if need be.

        Parameters
        ----------
        save
            Ask then where to save it.
        """

        def opened(desk: Desk) -> None:
            desk.drafts.found = tuple(x for x in self.found if x != one)
            desk.drafts.is_put_off = self.is_put_off
            desk.changed.emit()
            if save:
                desk.projects.save_as()

        self._desk.projects.open(one.folder, opened)

    def discard(self, one: FoundDraft) -> None:
        """Throw a draft away, once the user has said so twice."""
        question = Question(
            "Discard a draft",
            f"The work of {one.words} cannot be brought back then.",
            (("discard", "Discard it"),),
            "Keep it",
        )
        if self._desk.projects.dialogs.choose(question) == "discard":
            self._act(one.discard)
            self.look()

    def _act(self, act: Callable[[], Any]) -> None:
        try:
            act()
        except (MedfmError, OSError) as error:
            self._desk.complain(str(error))
