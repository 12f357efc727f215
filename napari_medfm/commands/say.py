"""What commands print, and the error of a command used wrongly."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from napari_medfm.core.errors import MedfmError
from napari_medfm.core.jobs import Steps

if TYPE_CHECKING:
    from napari_medfm.engine.cacheplace import Holdings
    from napari_medfm.session import Session

R = TypeVar("R")
_UNITS = ("bytes", "kB", "MB", "GB", "TB")


class UsageError(MedfmError):
    """The command was called wrongly: exit code 2."""


def say(text: str = "") -> None:
    """Print a line of the answer."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def warn(text: str) -> None:
    """Print a line about what went wrong, apart from the answer."""
    sys.stdout.flush()
    sys.stderr.write(f"napari-medfm: {text}\n")


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows in columns as wide as they need."""
    lines = [list(header), *([str(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        say("  ".join(cells).rstrip())


def size(count: float) -> str:
    """Write a number of bytes as people do: "39.1 MB"."""
    unit = 0
    while count >= 1000 and unit < len(_UNITS) - 1:
        count, unit = count / 1000, unit + 1
    return f"{count:.{1 if unit > 1 else 0}f} {_UNITS[unit]}"


def counted(things: Sequence[object], name: str) -> str:
    """Say how many there are: "2 clicks", "1 click"."""
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"


def told(held: Holdings) -> str:
    """Say what a cache holds."""
    return (
        f"weights of {held.models} models ({size(held.weights)}) and {held.entries} "
        f"embeddings ({size(held.embeddings)})"
    )


def finish(steps: Steps[R], title: str) -> R:
    """Run steps to their end, with a bar on a terminal, and return their answer."""
    shown = ""
    while True:
        try:
            progress = next(steps)
        except StopIteration as stop:
            if shown:
                sys.stderr.write("\r" + " " * len(shown) + "\r")
            return stop.value  # type: ignore[no-any-return]
        if sys.stderr is not None and sys.stderr.isatty():
            done = f" {progress.done / progress.total:4.0%}" if progress.total else ""
            line = f"{title}{done}  {progress.message}"[:100]
            sys.stderr.write("\r" + line.ljust(len(shown)))
            sys.stderr.flush()
            shown = line


def write_mask(session: Session, image: str, path: Path) -> None:
    """Say what to mind about an image's labels, write them, and say where they are."""
    said = session.before_export(image, path)
    for sentence in said:
        warn(sentence)
    written = session.export_masks(image, path)
    for file in written:
        say(f"wrote {file}")
    for sentence in written.warnings:
        if sentence not in said:
            warn(sentence)


def agreed(question: str, deed: str) -> bool:
    """Ask on the terminal, and return whether the answer is yes.

    Parameters
    ----------
    deed
        What ``--yes`` would be added for: "to download".

    Raises
    ------
    UsageError
        If nobody can answer.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(f"Nobody is there to be asked: add --yes {deed}")
    sys.stdout.write(f"{question} [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def mind(said: Iterable[str], yes: bool) -> None:
    """Say what to mind, each sentence once, and ask whether to write all the same.

    Parameters
    ----------
    yes
        Do not ask.

    Raises
    ------
    UsageError
        If there is something to mind, and nobody can answer.
    MedfmError
        If the user does not want to.
    """
    sentences = list(dict.fromkeys(said))
    for sentence in sentences:
        warn(sentence)
    if sentences and not yes and not agreed("Go on?", "to write all the same"):
        raise MedfmError("Nothing was written")


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Refuse to replace a file unless that is wished.

    Raises
    ------
    UsageError
        If it exists.
    """
    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists: choose another name or add --overwrite")


class Stopwatch:
    """Seconds of the last `timed` block."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def timed(self) -> Iterator[Stopwatch]:
        """Measure a block."""
        start = time.perf_counter()
        try:
            yield self
        finally:
            self.seconds = time.perf_counter() - start
