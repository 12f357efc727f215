"""Work that is in no project yet: a journal of its own, in a folder of the user's own.

A draft is a project without a name. It begins with the first step that the user takes,
not before, and ends when the work is saved as a project or thrown away.
"""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import shutil
import warnings
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from typing_extensions import override

from napari_medfm.core.changes import Change
from napari_medfm.core.errors import MedfmError
from napari_medfm.core.image import Image
from napari_medfm.core.jobs import Progress, Steps, Work
from napari_medfm.project.journal import Journal, new_journal
from napari_medfm.project.keeping import DONE, Project, ProjectWarning, header_of
from napari_medfm.project.layout import JOURNAL, SUFFIX
from napari_medfm.project.lock import Lock
from napari_medfm.project.shelf import Shelf
from napari_medfm.verbs.workspace import Workspace

GONE = ".gone-"
_AT_ONCE = 8 * 2**20

Later = Callable[[Work[None]], None]


def drafts_folder() -> Path:
    """Return where drafts lie: ``$NAPARI_MEDFM_DRAFTS``, else among the user's data."""
    from platformdirs import user_state_dir

    named = os.environ.get("NAPARI_MEDFM_DRAFTS")
    if named:
        return Path(named).expanduser().absolute()
    return Path(user_state_dir("napari-medfm", False)) / "drafts"


def is_among_drafts(folder: Path) -> bool:
    """Whether a folder is a draft's."""
    return folder.parent.resolve() == drafts_folder().resolve()


def keep_draft(ws: Workspace, later: Later | None = None) -> None:
    """Keep a session's work as a draft from now on, unless a project keeps it.

    Parameters
    ----------
    later
        Runs work in the background. Large images are then read there once, and what is
        done meanwhile is written down afterwards; else all is done at once.
    """
    if ws.keeper is None:
        ws.keeper = Draft(_fresh_shelf()).of(ws)
    if isinstance(ws.keeper, Draft):
        ws.keeper.later = later
        ws.keeper.catch_up()


class Draft(Project):
    """What a session that was never saved is bound to.

    Attributes
    ----------
    later
        Runs work in the background; None where there is nobody to do so.
    """

    is_draft = True
    largest_copy: int | None = 2 * 2**30

    def __init__(
        self,
        shelf: Shelf,
        notes: tuple[str, ...] = (),
        missing: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(shelf, notes, missing)
        self.later: Later | None = None
        self._ws: Workspace | None = None

    def of(self, ws: Workspace) -> Draft:
        """Be the draft of a session that has none on the disk yet."""
        self._ws = ws
        return self

    @property
    def begun(self) -> bool:
        """Whether there is something to keep."""
        return self._journal is not None or bool(self._waiting)

    @override
    def keep(self, change: Change) -> None:
        """Write a change down before anybody hears of it. Never raises."""
        if not self.begun:
            self.catch_up()
            return
        self._waiting.append(change)
        self.since_save += change.move in DONE
        self._write()

    def catch_up(self) -> None:
        """Begin, if the user has taken a step already."""
        record = () if self._ws is None else tuple(self._ws.record)
        done = sum(change.move in DONE for change in record)
        if done and not self.begun:
            self._waiting, self.since_save = list(record), done
            self._write()

    def _write(self) -> None:
        known, self.problem = self.problem, None
        try:
            if self._journal is None:
                self._begin()
            large = self._large()
            if large and self.later is not None:
                self.later(self._reading(large))
            else:
                self.flush()
        except (OSError, MedfmError) as error:
            cause = error.__cause__ or error
            reason = getattr(cause, "strerror", None) or str(cause)
            self.problem = f"no draft can be kept in {self.folder.parent}: {reason}"
            if known is None:
                warnings.warn(f"Not saved, and {self.problem}", ProjectWarning, 2)

    def _begin(self) -> None:
        ws, folder = self._ws, self.folder
        if ws is None:
            return
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        lock = Lock(folder)
        try:
            path = folder / JOURNAL
            path.unlink(missing_ok=True)
            lines = new_journal(path, [header_of(ws.first_models)])
            self.bind(Journal(path, lines), lock)
        except OSError:
            lock.release()
            raise

    def _large(self) -> dict[int, Image]:
        """Return the images that wait to be written down and take time to be read."""
        waiting = (image for c in self._waiting for image in c.after.images.values())
        return {
            image.uid: image
            for image in waiting
            if image.uid not in self.shelf.references and _bytes(image) > _AT_ONCE
        }

    def _reading(self, images: Mapping[int, Image]) -> Work[None]:
        """Read images once, so that they are known by their content."""
        names = ", ".join(image.name for image in images.values())

        def steps() -> Steps[None]:
            for done, image in enumerate(images.values()):
                yield Progress(done, len(images), f"reading {image.name} once")
                self.shelf.reference(image)

        def commit(_: None) -> None:
            if self._journal is not None:
                self._write()

        return Work(f"Keeping a draft of the work on {names}", steps, commit)

    def discard(self) -> None:
        """Throw away what is on the disk; the session itself is as it was."""
        folder = self.folder
        self.close()
        self._waiting.clear()
        self.problem, self.since_save = None, 0
        self.shelf = _fresh_shelf()
        remove_draft(folder)


def remove_draft(folder: Path) -> None:
    """Take a draft's folder away: at once for all who look, then bit by bit."""
    gone = folder.with_name(f"{GONE}{folder.name}")
    with contextlib.suppress(FileNotFoundError):
        folder.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def _fresh_shelf() -> Shelf:
    home = drafts_folder()
    name = f"{datetime.now():%Y-%m-%d-%H%M%S}-{secrets.token_hex(4)}{SUFFIX}"
    return Shelf(home / name, home, Draft.largest_copy)


def _bytes(image: Image) -> int:
    return math.prod(image.data.shape) * int(image.data.dtype.itemsize)
