"""Undo over both: what the session keeps, and the clicks that only ask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from napari_medfm.session import Session


@dataclass(frozen=True)
class _Step:
    """A change that the session does not keep, after ``depth`` changes that it does."""

    depth: int
    back: Callable[[], None]
    again: Callable[[], None]


class Timeline:
    """One order of undo over session changes and changes of wishes.

    Changes made to the session by others, from the console for instance, take their
    place in the order by themselves.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._past: list[_Step] = []
        self._future: list[_Step] = []

    @property
    def _depth(self) -> int:
        return self._session.workspace.depth

    def push(self, back: Callable[[], None], again: Callable[[], None]) -> None:
        """Remember a change of a wish that was just made."""
        self._past.append(_Step(self._depth, back, again))
        self._future.clear()

    def branch(self) -> None:
        """Forget what could be done again: something new happened."""
        self._future.clear()

    @property
    def can_undo(self) -> bool:
        """Whether there is something to take back."""
        return bool(self._past) or self._session.workspace.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether there is something to do again."""
        return bool(self._future) or self._session.workspace.can_redo

    def undo(self) -> bool:
        """Take back the last change; False if there is none."""
        if self._past and self._past[-1].depth >= self._depth:
            step = self._past.pop()
            self._future.append(step)
            step.back()
            return True
        return self._session.undo()

    def redo(self) -> bool:
        """Do the last change taken back again; False if there is none."""
        if self._future and self._future[-1].depth <= self._depth:
            step = self._future.pop()
            self._past.append(step)
            step.again()
            return True
        return self._session.redo()
