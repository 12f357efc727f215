"""A session bound to its project: every change is written down as it is made."""

from __future__ import annotations

import contextlib
import time
import uuid
import warnings
import weakref
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from napari_medfm.core.changes import Change, Move
from napari_medfm.core.errors import MedfmError, WriteFailed
from napari_medfm.core.forms import call_form
from napari_medfm.core.labels import LabelClass
from napari_medfm.core.state import Labelling
from napari_medfm.engine.provenance import version
from napari_medfm.project.effects import difference
from napari_medfm.project.journal import Journal
from napari_medfm.project.layout import SCHEMA
from napari_medfm.project.lock import Lock
from napari_medfm.project.shelf import Shelf
from napari_medfm.verbs.workspace import Workspace

KIND = "napari-medfm journal"
# What the user did; other moves follow from it, or can be asked for again.
DONE: frozenset[Move] = frozenset({"step", "back", "forth"})


class ProjectWarning(UserWarning):
    """Something about a project that its user should know."""


def header_of(models: tuple[str, str]) -> dict[str, Any]:
    """Return the first line of a new project's journal."""
    return {
        "kind": KIND,
        "schema": SCHEMA,
        "program": version(),
        "project": uuid.uuid4().hex,
        "encoder": models[0],
        "segmenter": models[1],
        "at": time.time(),
    }


def entry_of(change: Change, shelf: Shelf) -> dict[str, Any]:
    """Return the line of a change; heads and pixels in it go to the shelf.

    Raises
    ------
    OSError
        If those cannot be written.
    """
    entry: dict[str, Any] = {"call": call_form(change.call), "move": change.move}
    if change.move in ("step", "amend", "forget"):
        entry["effect"] = difference(change.before, change.after, shelf.outward)
    if change.answer is not None:
        entry["answer"] = change.answer
    if change.lag:
        entry["lag"] = change.lag
    return entry


class Project:
    """The project that a session is bound to.

    Parameters
    ----------
    shelf
        Its folder.
    notes
        What was found when it was opened, a sentence each.
    missing
        Images whose pixels are not here, by name, with what can be done.

    Attributes
    ----------
    problem
        Why changes cannot be written down now; None if they can. They are then kept in
        memory, and tried again with the next.
    since_save
        How much the user did since the last save; it is in the journal.
    is_draft
        Whether it is only kept until the user saves it somewhere.
    largest_copy
        As `Shelf.largest`: how many bytes of pixels without a file are copied at most.
    """

    is_draft = False
    largest_copy: int | None = None

    def __init__(
        self,
        shelf: Shelf,
        notes: Iterable[str] = (),
        missing: Mapping[str, str] | None = None,
    ) -> None:
        self.shelf = shelf
        self.notes = tuple(notes)
        self.missing = dict(missing or {})
        self.problem: str | None = None
        self.since_save = 0
        self._journal: Journal | None = None
        self._waiting: list[Change] = []
        self._release: weakref.finalize[Any, Any] | None = None

    @property
    def folder(self) -> Path:
        """The folder."""
        return self.shelf.folder

    @property
    def journal(self) -> Journal | None:
        """The journal that is written; None where the project is only read."""
        return self._journal

    @property
    def read_only(self) -> bool:
        """Whether nothing is written into this folder."""
        return self._journal is None

    @property
    def dirty(self) -> bool:
        """Whether there are changes that are in memory only."""
        return bool(self._waiting)

    def bind(self, journal: Journal, lock: Lock) -> None:
        """Write from now on."""
        self._journal = journal
        self._release = weakref.finalize(self, _let_go, journal, lock)

    def close(self) -> None:
        """Write no more, and let other programs in."""
        self._journal = None
        if self._release is not None:
            self._release()

    def keep(self, change: Change) -> None:
        """Write a change down before anybody hears of it. Never raises.

        Where it cannot be written, `problem` says why, a `ProjectWarning` is given, and
        the change waits in memory.
        """
        self._waiting.append(change)
        self.since_save += change.move in DONE
        if self._journal is None:
            return
        try:
            self.flush()
        except (OSError, MedfmError) as error:
            warnings.warn(str(error), ProjectWarning, stacklevel=2)

    def flush(self) -> None:
        """Write down what waits.

        Raises
        ------
        WriteFailed
            If it cannot be written; it then waits on.
        """
        try:
            while self._waiting and self._journal is not None:
                self._journal.append(entry_of(self._waiting[0], self.shelf))
                del self._waiting[0]
        except (OSError, MedfmError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            self.problem = (
                f"{self.folder} cannot be written: {reason}. "
                f"{_count(len(self._waiting))} kept in memory and tried again with the "
                "next; free some space, or save the project elsewhere"
            )
            raise WriteFailed(self.problem) from error
        self.problem = None


def bound_to(ws: Workspace) -> Project | None:
    """Return the project or draft that a session's changes are written into."""
    return ws.keeper if isinstance(ws.keeper, Project) else None


def _count(number: int) -> str:
    return "1 action is" if number == 1 else f"{number} actions are"


def _let_go(journal: Journal, lock: Lock) -> None:
    with contextlib.suppress(OSError):
        journal.close()
    lock.release()


BEGINNING = Labelling(classes=(LabelClass("background", 0, "#000000"),))
