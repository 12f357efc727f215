"""The journal: a line for every change, on the disk before anybody hears of it.

Each line carries a digest that continues the one before, so that a line that is
missing, changed or from elsewhere is noticed. A torn last line, as a killed program
leaves it, is no damage: it is dropped.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_medfm.core.errors import BadFile
from napari_medfm.core.forms import dumps, loads

_START, _MIDDLE, _END = b'{"chain":"', b'","entry":', b"}\n"
_DIGITS = 32
_LONGEST = 2**28
_SEED = "napari-medfm journal"


@dataclass(frozen=True)
class Lines:
    """What a journal says.

    Parameters
    ----------
    entries
        The entries of its whole lines; the first is the header.
    chain
        Digest of the last of them.
    size
        Bytes that these lines take.
    torn
        Bytes after them: of a line that was never finished.
    """

    entries: tuple[Any, ...]
    chain: str
    size: int
    torn: int


def line_of(entry: Any, chain: str) -> tuple[bytes, str]:
    """Return a line, and the digest that the next continues."""
    payload = dumps(entry).encode()
    digest = _next(chain, payload)
    return b"".join((_START, digest.encode(), _MIDDLE, payload, _END)), digest


def first_chain() -> str:
    """Return the digest that the first line continues."""
    return _next("", _SEED.encode())


def _next(chain: str, payload: bytes) -> str:
    return hashlib.sha256(chain.encode() + payload).hexdigest()[:_DIGITS]


def read_journal(path: Path, *, salvage: bool = False) -> Lines:
    """Read all whole lines.

    Parameters
    ----------
    salvage
        Stop before the first damaged line, wherever it is.

    Raises
    ------
    BadFile
        If it is no journal, or a line that is not the last is damaged.
    """
    entries: list[Any] = []
    chain, size = first_chain(), 0
    try:
        if path.is_symlink() or not path.is_file():
            raise BadFile(f"{path} is missing, or no plain file: this is no project")
        with path.open("rb") as stream:
            total = os.fstat(stream.fileno()).st_size
            while line := stream.readline(_LONGEST):
                try:
                    entry, chain = _entry(line, chain)
                except BadFile as error:
                    if entries and (salvage or size + len(line) >= total):
                        break
                    raise _damaged(path, len(entries) + 1, error) from error
                entries.append(entry)
                size += len(line)
    except OSError as error:
        raise BadFile(f"{path} cannot be read: {error.strerror or error}") from error
    if not entries:
        raise BadFile(f"{path} is empty: it is not the journal of a project")
    return Lines(tuple(entries), chain, size, total - size)


def _damaged(path: Path, number: int, error: BadFile) -> BadFile:
    if number == 1:
        return BadFile(f"{path} is not the journal of a project: {error}")
    return BadFile(
        f"{path}: line {number} is damaged: {error}. What comes before it can be "
        "opened, with the label maps of the last save: open it in the window, which "
        "asks, or with salvage=True"
    )


def _entry(line: bytes, chain: str) -> tuple[Any, str]:
    start = len(_START) + _DIGITS
    if len(line) >= _LONGEST:
        raise BadFile("it is too long")
    if not (
        line.startswith(_START)
        and line.endswith(_END)
        and line[start : start + len(_MIDDLE)] == _MIDDLE
    ):
        raise BadFile("a part of it is missing")
    payload = line[start + len(_MIDDLE) : -len(_END)]
    digest = _next(chain, payload)
    if line[len(_START) : start] != digest.encode():
        raise BadFile("it was changed since it was written, or is from elsewhere")
    return loads(payload), digest


class Journal:
    """A journal that is being written.

    Parameters
    ----------
    path
        The file; it holds the lines told of, and is made where there are none.
    lines
        What it holds.
    """

    def __init__(self, path: Path, lines: Lines) -> None:
        self.path = path
        self._chain, self._size = lines.chain, lines.size
        self.count = len(lines.entries)
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0))
        self._cut()

    def append(self, entry: Any) -> None:
        """Write an entry down: when this returns, it is on the disk.

        Raises
        ------
        OSError
            If it cannot be; the journal then ends with the entry before.
        """
        self._check()
        line, chain = line_of(entry, self._chain)
        try:
            _write(self._file, line)
            os.fsync(self._file)
        except OSError:
            self._cut()
            raise
        self._chain, self._size = chain, self._size + len(line)
        self.count += 1

    @property
    def chain(self) -> str:
        """Digest of the last line."""
        return self._chain

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _check(self) -> None:
        """Refuse to write into a file that is no longer the project's."""
        try:
            here, ours = os.stat(self.path), os.fstat(self._file)  # noqa: PTH116
        except FileNotFoundError:
            raise OSError(f"{self.path} was removed") from None
        if (here.st_ino, here.st_dev) != (ours.st_ino, ours.st_dev):
            raise OSError(f"{self.path} was replaced by another file")
        if ours.st_size < self._size:
            raise OSError(f"{self.path} was cut off by another program")
        if ours.st_size > self._size:
            self._cut()

    def _cut(self) -> None:
        """Drop an unfinished line."""
        if os.fstat(self._file).st_size > self._size:
            os.ftruncate(self._file, self._size)


def new_journal(path: Path, entries: list[Any]) -> Lines:
    """Write a journal of these entries into a new file, and bring it to the disk.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    chain, size = first_chain(), 0
    with path.open("xb") as stream:
        for entry in entries:
            line, chain = line_of(entry, chain)
            stream.write(line)
            size += len(line)
        stream.flush()
        os.fsync(stream.fileno())
    return Lines(tuple(entries), chain, size, 0)


def _write(file: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(file, left) :]
