"""Sets of weights for a machine without a network: an uncompressed tar, checked.

A bundle holds ``bundle.json`` (each file's name, size and SHA-256) and
``weights/MODEL/FILE``. It is read by one function that writes nothing but plain files
of such names, of the size and digest that are told.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from napari_medfm.core.errors import BadFile, BadInput, MissingWeights, WriteFailed
from napari_medfm.core.jobs import Progress, Steps
from napari_medfm.engine.atomic import atomic_path
from napari_medfm.engine.fetching import need_room
from napari_medfm.engine.weightfiles import sha256_of

INDEX = "bundle.json"
_FORMAT = "napari-medfm bundle 1"
_PART = r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}"
_NAME = re.compile(rf"weights/{_PART}/{_PART}")
_CHUNK = 1 << 20
_LARGEST_INDEX = 1 << 22
_DIGEST = re.compile(r"[0-9a-f]{64}")


def write_bundle(cache: Path, models: Sequence[str], path: Path) -> Steps[Path]:
    """Put the weights of models from a cache into one file.

    Raises
    ------
    MissingWeights
        If a model's weights are not in the cache.
    WriteFailed
        If the file cannot be written.
    """
    files = [file for model in models for file in _files_of(cache, model)]
    total = sum(file.stat().st_size for file in files)
    need_room(path.parent, total)
    told: list[dict[str, Any]] = []
    done = 0
    with atomic_path(path) as temporary, tarfile.open(temporary, "w") as bundle:
        for file in files:
            yield Progress(done, total, f"packing {file.parent.name}")
            name = f"weights/{file.parent.name}/{file.name}"
            size = file.stat().st_size
            told.append({"name": name, "size": size, "sha256": sha256_of(file)})
            item = tarfile.TarInfo(name)
            item.size = size
            with file.open("rb") as source:
                bundle.addfile(item, source)
            done += size
        index = json.dumps({"format": _FORMAT, "files": told}, indent=1).encode()
        item = tarfile.TarInfo(INDEX)
        item.size = len(index)
        bundle.addfile(item, io.BytesIO(index))
    return path


def read_bundle(path: Path, cache: Path) -> Steps[list[str]]:
    """Take all weights of a bundle into a cache; return the models they are of.

    Nothing is written before the whole list was checked, and no file appears before its
    bytes were.

    Raises
    ------
    BadFile
        If it is no bundle, is damaged, or names a file that does not belong in one.
    WriteFailed
        If the cache cannot be written.
    """
    try:
        with tarfile.open(path, "r:") as bundle:
            members = _checked(path, bundle)
            total = sum(item.size for item, _ in members)
            need_room(cache, total)
            done = 0
            for item, digest in members:
                yield Progress(done, total, f"unpacking {item.name}")
                _extract(bundle, item, digest, cache)
                done += item.size
    except (tarfile.TarError, EOFError) as error:
        raise BadFile(f"{path} is no bundle, or is damaged ({error})") from error
    except FileNotFoundError as error:
        raise BadInput(f"{path} does not exist: name the bundle") from error
    return sorted({item.name.split("/")[1] for item, _ in members})


def _files_of(cache: Path, model: str) -> list[Path]:
    folder = cache / "weights" / model
    files = sorted(p for p in folder.glob("*") if p.is_file() and not p.is_symlink())
    kept = [file for file in files if _NAME.fullmatch(f"weights/{model}/{file.name}")]
    if not any(file.name == "model.safetensors" for file in kept):
        raise MissingWeights(
            f"{model}: no weights in {cache}. Run `napari-medfm models fetch {model}` "
            "first"
        )
    return kept


def _checked(path: Path, bundle: tarfile.TarFile) -> list[tuple[tarfile.TarInfo, str]]:
    """Return the bundle's files with their digests, after every name was checked."""
    items = {item.name: item for item in bundle.getmembers()}
    index = _index(path, bundle, items.pop(INDEX, None))
    if len(bundle.getmembers()) != len(items) + 1 or set(items) != set(index):
        raise BadFile(f"{path} does not hold the files that it lists")
    for name, item in items.items():
        if not item.isreg() or not _NAME.fullmatch(name):
            raise BadFile(f"{path} holds {name!r}, which does not belong in a bundle")
        if item.size != index[name][0]:
            raise BadFile(f"{path}: {name} has another size than is listed")
    return [(item, index[name][1]) for name, item in items.items()]


def _index(
    path: Path, bundle: tarfile.TarFile, item: tarfile.TarInfo | None
) -> dict[str, tuple[int, str]]:
    if item is None or not item.isreg() or item.size > _LARGEST_INDEX:
        raise BadFile(f"{path} has no list of its files: it is no bundle")
    try:
        told = json.loads(_stream(bundle, item).read())
        if told["format"] != _FORMAT:
            raise BadFile(f"{path} was made by another version: {told['format']!r}")
        found = {f["name"]: (f["size"], f["sha256"]) for f in told["files"]}
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise BadFile(f"{path} has a damaged list of its files") from error
    if not all(
        isinstance(size, int) and _DIGEST.fullmatch(str(digest))
        for size, digest in found.values()
    ):
        raise BadFile(f"{path} has a damaged list of its files")
    return found


def _stream(bundle: tarfile.TarFile, item: tarfile.TarInfo) -> IO[bytes]:
    stream = bundle.extractfile(item)
    if stream is None:
        raise BadFile(f"{item.name} is no file")
    return stream


def _extract(
    bundle: tarfile.TarFile, item: tarfile.TarInfo, digest: str, cache: Path
) -> None:
    """Write one file whose name was checked; it appears only if its bytes are right."""
    folder = cache.resolve() / "weights" / item.name.split("/")[1]
    if folder.is_symlink():
        raise WriteFailed(f"{folder} is a link: remove it")
    seen = hashlib.sha256()
    with (
        atomic_path(folder / item.name.split("/")[2]) as temporary,
        temporary.open("wb") as out,
        _stream(bundle, item) as stream,
    ):
        while chunk := stream.read(_CHUNK):
            seen.update(chunk)
            out.write(chunk)
        if seen.hexdigest() != digest:
            raise BadFile(f"{item.name} in the bundle is damaged: make it again")
