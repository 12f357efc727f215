"""Whole files or none: temporary file, fsync, rename."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_medfm.core.errors import WriteFailed


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
    suffix = "".join(path.suffixes)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(suffix=suffix, prefix=".writing-", dir=folder)
        os.close(handle)
    except OSError as error:
        raise _failed(path, error) from error
    temporary = Path(name)
    try:
        yield temporary
        _sync(temporary)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
        _sync(folder)
    except OSError as error:
        if isinstance(error, WriteFailed):
            raise
        raise _failed(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


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
        temporary = Path(tempfile.mkdtemp(prefix=".writing-", dir=path.parent))
    except OSError as error:
        raise _failed(path, error) from error
    made, old = temporary / "new", temporary / "old"
    try:
        made.mkdir()
        yield made
        for written in sorted(made.rglob("*")):
            _sync(written)
        if path.exists():
            path.rename(old)
        try:
            made.rename(path)
        except OSError:
            if old.exists():
                old.rename(path)
            raise
        _sync(path.parent)
    except OSError as error:
        if isinstance(error, WriteFailed):
            raise
        raise _failed(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


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
