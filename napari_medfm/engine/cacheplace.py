"""What lies in the cache folder: counted, cleared of embeddings, moved elsewhere.

Only what this program put there is touched: weights by model, notes of models that the
user added, and embeddings under names of 64 hexadecimal digits.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from napari_medfm.core.errors import BadInput, WriteFailed
from napari_medfm.core.jobs import Progress, Steps
from napari_medfm.engine.entries import NAME, WRITING, is_entry, remove_entry
from napari_medfm.engine.fetching import need_room
from napari_medfm.engine.rawzarr import sync_files

WEIGHTS, EMBEDDINGS, OWN = "weights", "embeddings", "own-models"
_LABELS = "labels.zarr"
_CHUNK = 8 << 20


@dataclass(frozen=True)
class Holdings:
    """What a cache folder holds.

    Parameters
    ----------
    models, entries
        How many have weights there, and how many embeddings (and predictions of
        slides) are kept.
    weights, embeddings
        Bytes of both.
    free
        Bytes free on its disk; None if that cannot be told.
    """

    models: int
    weights: int
    entries: int
    embeddings: int
    free: int | None


@dataclass(frozen=True)
class Moved:
    """What went to the new place, in bytes, and what could not, by name."""

    nbytes: int
    left: tuple[str, ...]


def holdings(cache: Path) -> Steps[Holdings]:
    """Count what a cache holds; links are not followed."""
    counts = dict.fromkeys((WEIGHTS, EMBEDDINGS), 0)
    sizes = dict.fromkeys((WEIGHTS, EMBEDDINGS), 0)
    for kind in counts:
        for path in _listed(cache / kind):
            if kind == EMBEDDINGS and not is_entry(path):
                continue
            counts[kind] += 1
            sizes[kind] += _size(path)
            yield Progress(0, 0, f"counting {cache.name}")
    return Holdings(
        counts[WEIGHTS],
        sizes[WEIGHTS],
        counts[EMBEDDINGS],
        sizes[EMBEDDINGS],
        _free(cache),
    )


def clear_embeddings(cache: Path) -> Steps[int]:
    """Remove embeddings, which are computed again when needed; return the bytes.

    Predictions of slides stay: a window may be showing them. They go, like all that is
    not used for long, when the cache is full.
    """
    gone = 0
    paths = [path for path in _listed(cache / EMBEDDINGS) if NAME.fullmatch(path.name)]
    for done, path in enumerate(paths):
        yield Progress(done, len(paths), "removing embeddings")
        if not (path / _LABELS).exists():
            nbytes = _size(path)
            remove_entry(path)
            gone += 0 if os.path.lexists(path) else nbytes
    return gone


def check_writable(folder: Path) -> None:
    """Make a folder where need be, and write a file there that goes again.

    Raises
    ------
    WriteFailed
        If that cannot be done.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise WriteFailed(
            f"Nothing can be written in {folder}: {error.strerror or error}. Choose "
            "another folder; nothing was changed"
        ) from error


def move_cache(old: Path, new: Path) -> Steps[Moved]:
    """Bring all that a cache holds to another place, one thing after the other.

    Each thing is whole at one of the two places at any time, also when this is stopped.
    What the new place has already stays as it is there, and at the old place.

    Raises
    ------
    BadInput
        If one place is inside the other.
    WriteFailed
        If the new place cannot be written, or is too small.
    """
    check_apart(old, new)
    check_writable(new)
    things = [(path, new / kind / path.name) for kind, path in _things(old)]
    sizes = [_size(path) for path, _ in things]
    total = sum(sizes)
    if old.exists() and old.stat().st_dev != new.stat().st_dev:
        need_room(new, total)
    done, left = 0, []
    for (source, target), nbytes in zip(things, sizes, strict=True):
        yield Progress(done, max(1, total), f"moving {source.name[:40]}")
        if os.path.lexists(target) or source.is_symlink():
            left.append(str(source.relative_to(old)))
            continue
        try:
            yield from _moved(source, target, done, total)
        except OSError as error:
            raise WriteFailed(
                f"Could not move {source} to {target.parent}: "
                f"{error.strerror or error}. It is still at the old place, with what "
                "had not been moved yet"
            ) from error
        done += nbytes
    return Moved(done, tuple(left))


def check_apart(old: Path, new: Path) -> None:
    """Refuse a place inside the other.

    Raises
    ------
    BadInput
        If it is, or both are one.
    """
    one, other = old.resolve(), new.resolve()
    if one == other or one in other.parents or other in one.parents:
        raise BadInput(f"{new} and {old} lie in one another: choose a folder apart")


def _things(cache: Path) -> Iterator[tuple[str, Path]]:
    for kind in (WEIGHTS, OWN, EMBEDDINGS):
        if (cache / kind).is_symlink():
            continue
        for path in _listed(cache / kind):
            if kind != EMBEDDINGS or NAME.fullmatch(path.name):
                yield kind, path


def _moved(source: Path, target: Path, done: int, total: int) -> Steps[None]:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        source.rename(target)
    except OSError:  # another disk, or open in another program
        pass
    else:
        return
    holder = Path(tempfile.mkdtemp(prefix=WRITING, dir=target.parent))
    try:
        copy = holder / source.name
        for nbytes in _copied(source, copy):
            yield Progress(done + nbytes, max(1, total), f"moving {source.name[:40]}")
        sync_files(holder)
        copy.rename(target)
    finally:
        shutil.rmtree(holder, ignore_errors=True)
    remove_entry(source)


def _copied(source: Path, target: Path) -> Iterator[int]:
    """Copy a file, or a folder of plain files; yields how many bytes are there."""
    done = 0
    for path in [source, *(sorted(source.rglob("*")) if source.is_dir() else ())]:
        place = target / path.relative_to(source)
        if path.is_symlink():
            place.symlink_to(path.readlink())
        elif path.is_dir():
            place.mkdir()
        else:
            with path.open("rb") as reading, place.open("wb") as writing:
                while part := reading.read(_CHUNK):
                    writing.write(part)
                    done += len(part)
                    yield done
            shutil.copystat(path, place)


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _size(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; what cannot be read is 0."""
    nbytes = 0
    with contextlib.suppress(OSError):
        if not path.is_dir() or path.is_symlink():
            return path.lstat().st_size
        with os.scandir(path) as found:
            nbytes = sum(_size(Path(item.path)) for item in found)
    return nbytes


def _free(cache: Path) -> int | None:
    with contextlib.suppress(OSError, StopIteration):
        here = next(p for p in (cache, *cache.absolute().parents) if p.exists())
        return shutil.disk_usage(here).free
    return None
