"""Whole files or none: temporary file, fsync, rename."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_medfm.core.errors import WriteFailed
from napari_medfm.engine.underway import NEW, OLD, file_underway, folder_underway


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; move it there when the block ends well.

    The temporary name keeps every suffix of ``path``, so that writers which choose a
    format by suffix choose the same one.

    Raises
    ------
    WriteFailed
        If the folder is missing, read-only or full; ``path`` is then as it was.
    """
    path = Path(path)
    folder = path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with file_underway(folder, "".join(path.suffixes)) as temporary:
            yield temporary
            _sync(temporary)
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
            _sync(folder)
    except WriteFailed:
        raise
    except OSError as error:
        raise _failed(path, error) from error


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Give an empty folder beside ``path``; it gets that name when all ends well.

    A folder that was there is taken away last, after the new one is in its place.

    Raises
    ------
    WriteFailed
        As `atomic_path`.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with folder_underway(path.parent) as temporary:
            made, old = temporary / NEW, temporary / OLD / path.name
            made.mkdir()
            yield made
            for written in sorted(made.rglob("*")):
                _sync(written)
            _exchange(path, made, old)
            _sync(path.parent)
    except WriteFailed:
        raise
    except OSError as error:
        raise _failed(path, error) from error


def _exchange(path: Path, made: Path, old: Path) -> None:
    """Move a folder to its place; what was there goes aside, or back if that fails.

    Killed between the two, the next program to write there finds it and puts it back.
    """
    if path.exists():
        old.parent.mkdir()
        path.rename(old)
    try:
        made.rename(path)
    except OSError:
        if old.exists():
            old.rename(path)
        raise


def atomic_bytes(path: str | Path, content: bytes) -> None:
    """Write a whole small file, or leave what was there.

    Raises
    ------
    WriteFailed
        As `atomic_path`.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _failed(path: Path, error: OSError) -> WriteFailed:
    reason = error.strerror or str(error)
    return WriteFailed(
        f"Could not write {path}: {reason}. Nothing was changed; choose another folder "
        "or free some space"
    )
