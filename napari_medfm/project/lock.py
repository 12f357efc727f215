"""One program at a time writes into a project."""

from __future__ import annotations

import json
import os
import platform
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from napari_medfm.core.errors import MedfmError
from napari_medfm.engine.processes import began, is_running
from napari_medfm.project.layout import LOCK

_LARGEST = 4096


class InUse(MedfmError):
    """Another program has the project open."""


@dataclass(frozen=True)
class Holder:
    """Who has a project open."""

    pid: int
    host: str
    since: str
    started: str
    token: str


class Lock:
    """The lock of a project, held until `release` or the end of the program.

    Parameters
    ----------
    folder
        The project.
    take_over
        Take it even if a program on another computer seems to hold it.

    Raises
    ------
    InUse
        If another program holds it. A lock whose program has ended is taken over.
    OSError
        If the folder cannot be written.
    """

    def __init__(self, folder: Path, take_over: bool = False) -> None:
        self._path = folder / LOCK
        self._mine = Holder(
            os.getpid(),
            platform.node(),
            datetime.now().astimezone().isoformat(timespec="minutes"),
            began(os.getpid()),
            secrets.token_hex(8),
        )
        with _alone_in(folder):
            for _ in range(3):
                if self._create():
                    return
                holder = read_holder(self._path)
                if holder is not None and not take_over and is_alive(holder):
                    raise InUse(_message(folder, holder))
                self._path.unlink(missing_ok=True)
        raise InUse(f"{folder} is being opened by another program at this moment")

    def _create(self) -> bool:
        try:
            file = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            return False
        try:
            os.write(file, json.dumps(asdict(self._mine)).encode())
        finally:
            os.close(file)
        return True

    def release(self) -> None:
        """Let others in; where the lock is another's by now, leave it."""
        try:
            holder = read_holder(self._path)
            if holder is not None and holder.token == self._mine.token:
                self._path.unlink(missing_ok=True)
        except OSError:
            return


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep other programs out while a lock is looked at, broken and made.

    Else one could break the lock of another that has made but not written it yet, or
    has just taken the place of a dead one. Where folders cannot be locked (Windows,
    some network disks) that rare chance stays.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    place = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(place, fcntl.LOCK_EX)
        yield
    finally:
        os.close(place)


def read_holder(path: Path) -> Holder | None:
    """Read who holds a lock; None where that cannot be read."""
    try:
        if path.is_symlink() or path.stat().st_size > _LARGEST:
            return None
        told: Any = json.loads(path.read_text("utf-8"))
        holder = Holder(**told)
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    texts = (holder.host, holder.since, holder.started, holder.token)
    right = type(holder.pid) is int and all(isinstance(t, str) for t in texts)
    return holder if right else None


def is_alive(holder: Holder) -> bool:
    """Whether the program that holds a lock still runs, as far as can be told.

    Of another computer it cannot be told: it is taken to run.
    """
    if not is_here(holder):
        return True
    return is_running(holder.pid, holder.started)


def is_here(holder: Holder) -> bool:
    """Whether a lock is of a program on this computer."""
    return holder.host == platform.node()


def _message(folder: Path, holder: Holder) -> str:
    where = "this computer" if is_here(holder) else holder.host
    text = (
        f"{folder} is open in another program (process {holder.pid} on {where}, since "
        f"{holder.since}): close it there, or open this one with read_only=True"
    )
    if where != "this computer":
        text += "; if that program has ended, take_over=True opens it"
    elif holder.pid == os.getpid():
        text = (
            f"{folder} is already open in this program: use that session, or call "
            "close() on it first"
        )
    return text
