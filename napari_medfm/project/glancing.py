"""What a project is like, before it is opened."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from napari_medfm.core.errors import BadFile
from napari_medfm.project.facts import read_facts
from napari_medfm.project.journal import read_journal
from napari_medfm.project.layout import JOURNAL, LOCK
from napari_medfm.project.lock import Holder, is_alive, is_here, read_holder
from napari_medfm.project.opening import done_since


@dataclass(frozen=True)
class Glance:
    """What to ask the user before a project is opened.

    Parameters
    ----------
    since
        How much was done after the last save.
    damaged
        Why the journal is not whole; None if it is.
    holder
        Who has it open now; None if nobody has.
    """

    since: int
    damaged: str | None
    holder: Holder | None

    @property
    def is_ours(self) -> bool:
        """Whether this very program has it open."""
        found = self.holder
        return found is not None and is_here(found) and found.pid == os.getpid()

    @property
    def is_elsewhere(self) -> bool:
        """Whether a program on another computer seems to have it open."""
        return self.holder is not None and not is_here(self.holder)


def glance(folder: Path) -> Glance:
    """Look at a project without opening it; nothing is written.

    Raises
    ------
    BadFile
        If it is no project.
    """
    if not (folder / JOURNAL).is_file():
        raise BadFile(
            f"{folder.name} is not a project: choose a folder that ends in .medfm"
        )
    found = read_holder(folder / LOCK)
    holder = found if found is not None and is_alive(found) else None
    saved = read_facts(folder, []).entries
    try:
        lines, damaged = read_journal(folder / JOURNAL), None
    except BadFile as error:
        lines, damaged = read_journal(folder / JOURNAL, salvage=True), str(error)
    entries = list(lines.entries)
    if saved is not None and saved > len(entries):
        damaged = damaged or "its journal ends before the last save"
    return Glance(done_since(entries, saved or len(entries)), damaged, holder)
