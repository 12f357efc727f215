"""Drafts of programs that ended before their work was saved."""

from __future__ import annotations

import contextlib
import shutil
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from napari_medfm.core.errors import BadFile
from napari_medfm.project.draft import GONE, drafts_folder, remove_draft
from napari_medfm.project.journal import read_journal
from napari_medfm.project.layout import JOURNAL, LOCK, SUFFIX
from napari_medfm.project.lock import InUse, Lock, is_alive, is_here, read_holder
from napari_medfm.project.opening import done_since

if TYPE_CHECKING:
    from napari_medfm.session import Session

_A_WHILE = 600.0
_END = 2.0**36


@dataclass(frozen=True)
class FoundDraft:
    """Work that was never saved, by a program that ended.

    Parameters
    ----------
    folder
        Where it lies.
    last
        When something was done last, in seconds as `time.time` counts.
    images
        Names of its images' files, or of the images that came without one.
    changes
        How much was done.
    damaged
        Why not all of it can be read; None if it can.
    elsewhere
        The other computer on which it was made, and may still be open.
    """

    folder: Path
    last: float
    images: tuple[str, ...]
    changes: int
    damaged: str | None = None
    elsewhere: str | None = None

    @property
    def words(self) -> str:
        """What it is, in a few words: "yesterday 14:02 on ct.nii.gz (12 changes)"."""
        changes = "1 change" if self.changes == 1 else f"{self.changes} changes"
        on = f" on {_few(self.images)}" if self.images else ""
        where = f", on the computer {self.elsewhere}" if self.elsewhere else ""
        return f"{when(self.last)}{on} ({changes}{where})"

    def __str__(self) -> str:
        """Return the folder and what it is."""
        return f"{self.folder.name}: {self.words}"

    def open(self, **options: Any) -> Session:
        """Return a session with all of it; `save` makes it a project.

        Parameters
        ----------
        options
            As for `load_project`.

        Raises
        ------
        BadFile
            If it is damaged, and ``salvage=True`` was not given.
        InUse
            If another program has it open by now.
        """
        from napari_medfm.project.opening import load_project

        return load_project(self.folder, **options)

    def discard(self) -> None:
        """Throw it away for good.

        Raises
        ------
        InUse
            If another program has it open by now.
        """
        if self.folder.exists():
            Lock(self.folder, take_over=self.elsewhere is not None)
            remove_draft(self.folder)


def drafts() -> list[FoundDraft]:
    """Return the work that was never saved, by programs that ended; the newest first.

    Those that a program on this computer has open now are left out.
    """
    home = drafts_folder()
    try:
        folders = [path for path in home.iterdir() if not path.is_symlink()]
    except OSError:
        return []
    for path in folders:
        if path.name.startswith(GONE):
            shutil.rmtree(path, ignore_errors=True)
    kept = [path for path in folders if path.suffix == SUFFIX and path.is_dir()]
    found = [_looked_at(path) for path in kept]
    known = [one for one in found if one is not None]
    return sorted(known, key=lambda one: -one.last)


def _looked_at(folder: Path) -> FoundDraft | None:
    """Return a draft; None if it is open here, or nothing was done in it."""
    holder = read_holder(folder / LOCK)
    alive = holder is not None and is_alive(holder)
    if holder is not None and alive and is_here(holder):
        return None
    elsewhere = holder.host if holder is not None and alive else None
    entries: list[Any] = []
    damaged = None
    if (folder / JOURNAL).is_file():
        try:
            entries += read_journal(folder / JOURNAL).entries
        except BadFile as error:
            entries, damaged = _what_is_left(folder), str(error)
    changes = done_since(entries, 1)
    if not changes and damaged is None:
        _clear(folder)
        return None
    last, images = _last(folder, entries), _images(entries)
    return FoundDraft(folder, last, images, changes, damaged, elsewhere)


def _what_is_left(folder: Path) -> list[Any]:
    try:
        return list(read_journal(folder / JOURNAL, salvage=True).entries)
    except BadFile:
        return []


def _clear(folder: Path) -> None:
    """Remove what was made ready and never written into, once nobody is about to."""
    with contextlib.suppress(OSError, InUse):
        if time.time() - folder.stat().st_mtime > _A_WHILE:
            Lock(folder)
            remove_draft(folder)


def _last(folder: Path, entries: list[Any]) -> float:
    """Return when the last call was made; trusting nothing, when the file was."""
    for entry in reversed(entries):
        at = _called_at(entry)
        if isinstance(at, (int, float)) and 0 < at < _END:
            return float(at)
    try:
        return (folder / JOURNAL).stat().st_mtime
    except OSError:
        return 0.0


def _called_at(entry: Any) -> Any:
    call = entry.get("call") if isinstance(entry, dict) else None
    return call.get("at") if isinstance(call, dict) else None


def _images(entries: list[Any]) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for entry in entries:
        try:
            added = entry["effect"]["images"]["set"]
            for name, form in added:
                path = form["absolute"]
                names[name if path is None else PurePath(path).name] = None
        except (KeyError, TypeError, ValueError):
            continue
    return tuple(str(name) for name in names)


def when(moment: float) -> str:
    """Say when something was: "today 14:02", "yesterday 9:30", "3 May 2026 9:30"."""
    then = datetime.fromtimestamp(moment)
    days = (datetime.now().date() - then.date()).days
    day = {0: "today", 1: "yesterday"}.get(days, f"{then.day} {then:%b %Y}")
    return f"{day} {then.hour}:{then:%M}"


def _few(names: tuple[str, ...]) -> str:
    more = len(names) - 2
    shown = ", ".join(names[:2])
    return f"{shown} and {more} more" if more > 0 else shown
