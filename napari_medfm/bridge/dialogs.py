"""What the desk has to ask a person, and of whom it asks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Question:
    """A question with a few answers.

    Parameters
    ----------
    choices
        (answer, what the button says), the suggested one first.
    cancel
        What the button says that changes nothing; its answer is "cancel".
    """

    title: str
    text: str
    choices: tuple[tuple[str, str], ...]
    cancel: str = "Cancel"


class Dialogs(Protocol):
    """Asks a person; waits for the answer."""

    def choose(self, question: Question) -> str:
        """Return the answer; "cancel" if none was given."""

    def save_where(self, title: str, start: Path, kind: str) -> Path | None:
        """Return a place for a new file or project; None if none was given."""

    def folder_where(self, title: str, start: Path) -> Path | None:
        """Return a folder that is there; None if none was given."""


class NobodyThere:
    """Answers nothing, so that nothing is changed or lost."""

    def choose(self, question: Question) -> str:
        """Cancel."""
        return "cancel"

    def save_where(self, title: str, start: Path, kind: str) -> Path | None:
        """Give no place."""
        return None

    def folder_where(self, title: str, start: Path) -> Path | None:
        """Give no folder."""
        return None
