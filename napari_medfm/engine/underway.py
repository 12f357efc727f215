"""Files under way: named and locked, so that what a killed program left can go.

A name says who writes: ``.writing-COMPUTER-PROCESS-BEGINNING-RANDOM``. What is left of
a program of this computer that has ended, and that nobody holds, is removed when next
something is written beside it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_medfm.engine.processes import began, is_running

OLD, NEW = "old", "new"
_START = ".writing-"
_NAME = re.compile(r"\.writing-([0-9a-f]{8})-(\d{1,10})-(\d{0,20})-.+")


@contextmanager
def file_underway(folder: Path, suffix: str) -> Iterator[Path]:
    """Give an empty file in a folder, held until the block ends; then it is removed.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    sweep(folder)
    handle, name = tempfile.mkstemp(suffix, _prefix(), folder)
    path = Path(name)
    try:
        with _held(handle):
            yield path
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def folder_underway(folder: Path) -> Iterator[Path]:
    """Give an empty folder in a folder, held until the block ends; then it is removed.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    sweep(folder)
    path = Path(tempfile.mkdtemp(prefix=_prefix(), dir=folder))
    try:
        with _held(_opened(path)):
            yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Remove what programs that ended were writing into a folder.

    What such a program had moved aside to replace it, and did not replace, is put back.
    """
    try:
        with os.scandir(folder) as listing:
            left = [Path(item.path) for item in listing if _is_left(item.name)]
    except OSError:
        return
    for path in left:
        with contextlib.suppress(OSError):
            _clear(path)


def _clear(path: Path) -> None:
    if path.is_symlink() or _is_held(path):
        return
    if path.is_file():
        path.unlink(missing_ok=True)
        return
    for kept in (path / OLD).iterdir() if (path / OLD).is_dir() else ():
        if not (path.parent / kept.name).exists():
            kept.rename(path.parent / kept.name)
    shutil.rmtree(path, ignore_errors=True)


def _prefix() -> str:
    pid = os.getpid()
    return f"{_START}{_computer()}-{pid}-{began(pid)}-"


def _computer() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def _is_left(name: str) -> bool:
    """Whether a name is ours, of a program of this computer that has ended."""
    found = _NAME.fullmatch(name)
    if found is None or found[1] != _computer():
        return False
    return not is_running(int(found[2]), found[3])


def _opened(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDONLY)
    except OSError:  # folders cannot be opened on Windows
        return None


@contextmanager
def _held(handle: int | None) -> Iterator[None]:
    """Lock what is open, so that programs in other containers leave it alone."""
    if handle is not None and os.name == "nt":
        os.close(handle)  # what is open could not be renamed there
        handle = None
    try:
        if handle is not None:
            _lock(handle)
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _is_held(path: Path) -> bool:
    handle = _opened(path)
    if handle is None:
        return False
    try:
        _lock(handle)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _lock(handle: int) -> None:
    """Lock what is open, where that can be done.

    Raises
    ------
    BlockingIOError
        If another holds it.
    """
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:
        return
