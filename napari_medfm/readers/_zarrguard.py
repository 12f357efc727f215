"""What a zarr folder may declare, and what may be read of it.

Zarr names its codecs in JSON, one of them unpickles: only codecs that compress or
reorder numbers are let through.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from napari_medfm.core.errors import BadFile
from napari_medfm.readers._guard import check_size

_MAX_JSON = 16 * 2**20
_MAX_CHUNK = 2**30
_KINDS = "buif"
_V2_CODECS = {
    *("blosc", "gzip", "zlib", "zstd", "lz4"),
    *("shuffle", "delta", "bitround", "packbits", "crc32", "crc32c", "adler32"),
}
_V3_CODECS = {"bytes", "blosc", "gzip", "zstd", "crc32c", "transpose"} | {
    f"numcodecs.{name}" for name in _V2_CODECS
}
# In a shard only zarr's own blosc is looked at before it unpacks.
_IN_SHARDS = _V3_CODECS - {"numcodecs.blosc"}
SHARDED = "sharding_indexed"
_V3_TYPES = {
    "bool": "?",
    **{
        f"{k}int{8 * n}": f"{c}{n}"
        for k, c in (("", "i"), ("u", "u"))
        for n in (1, 2, 4, 8)
    },
    **{f"float{8 * n}": f"f{n}" for n in (2, 4, 8)},
}


@dataclass(frozen=True)
class ArrayFacts:
    """An array as its metadata declare it; ``packers`` are its codecs' names."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunk_bytes: int
    packers: frozenset[str]


def read_json(path: Path) -> dict[str, Any]:
    """Read a small JSON object.

    Raises
    ------
    BadFile
        If it is missing, a link, too large or not an object.
    """
    if path.is_symlink() or not path.is_file():
        raise BadFile(f"{path.parent.name} has no {path.name}: it is not whole")
    if path.stat().st_size > _MAX_JSON:
        raise BadFile(f"{path.name} of {path.parent.name} is too large")
    found = json.loads(path.read_bytes())
    if not isinstance(found, dict):
        raise BadFile(f"{path.name} of {path.parent.name} is damaged")
    return found


def inside(root: Path, relative: Any) -> str:
    """Check the path of an array within its group, and return it.

    Raises
    ------
    BadFile
        If it leaves the group, by its name or by a link.
    """
    parts = PurePosixPath(str(relative)).parts
    wrong = not parts or ":" in str(relative) or "\\" in str(relative)
    if wrong or str(relative).startswith("/") or ".." in parts or "." in parts:
        raise BadFile(
            f"{root.name} wants pixels from {str(relative)[:80]!r}: only its own "
            "folders are read, never links or addresses elsewhere"
        )
    if not (root / Path(*parts)).resolve().is_relative_to(root.resolve()):
        raise BadFile(f"{root.name} leads out of its folder by a link at {relative}")
    return "/".join(parts)


def facts_of(root: Path, relative: str) -> ArrayFacts:
    """Return what an array declares, if it is harmless.

    Raises
    ------
    BadFile
        If a codec is not known to be harmless, or sizes are absurd.
    """
    folder = root / relative
    if (folder / "zarr.json").exists():
        found = _v3(root, read_json(folder / "zarr.json"))
    else:
        found = _v2(root, read_json(folder / ".zarray"))
    if not found.shape or min(found.shape) < 1 or len(found.shape) > 8:
        raise BadFile(f"{root.name} is empty or damaged: shape {found.shape}")
    if found.dtype.kind not in _KINDS:
        raise BadFile(f"{root.name} holds {found.dtype}, not numbers")
    if not 0 < found.chunk_bytes <= _MAX_CHUNK:
        raise BadFile(
            f"{root.name} has chunks of {found.chunk_bytes} bytes: save it with chunks "
            "under 1 GiB"
        )
    check_size(root, found.chunk_bytes)
    return found


def _v2(root: Path, facts: dict[str, Any]) -> ArrayFacts:
    codecs = [facts.get("compressor"), *(facts.get("filters") or ())]
    names = {_harmless(root, codec["id"], _V2_CODECS) for codec in codecs if codec}
    dtype = np.dtype(str(facts["dtype"]))
    size = _bytes(facts["chunks"], dtype)
    return ArrayFacts(_sizes(facts["shape"]), dtype, size, frozenset(names))


def _v3(root: Path, facts: dict[str, Any]) -> ArrayFacts:
    if facts.get("node_type") != "array" or facts.get("storage_transformers"):
        raise BadFile(f"{root.name} does not hold an array where it says so")
    name = facts["data_type"]
    if name not in _V3_TYPES:
        raise BadFile(f"{root.name} holds {str(name)[:40]!r}, not numbers")
    dtype = np.dtype(_V3_TYPES[name])
    grid = facts["chunk_grid"]
    if grid.get("name") != "regular":
        raise BadFile(f"{root.name} has chunks of uneven sizes")
    chunks = grid["configuration"]["chunk_shape"]
    names = frozenset(_v3_names(root, facts["codecs"]))
    return ArrayFacts(_sizes(facts["shape"]), dtype, _bytes(chunks, dtype), names)


def _v3_names(root: Path, codecs: list[Any], *, depth: int = 0) -> Iterator[str]:
    for codec in codecs:
        name = codec["name"] if isinstance(codec, dict) else codec
        if name == SHARDED and depth == 0:
            inner = codec["configuration"]
            yield name
            yield from _v3_names(root, inner["codecs"], depth=1)
            yield from _v3_names(root, inner.get("index_codecs", []), depth=1)
            continue
        yield _harmless(root, name, _IN_SHARDS if depth else _V3_CODECS)


def _harmless(root: Path, name: Any, known: set[str]) -> str:
    if name not in known:
        raise BadFile(
            f"{root.name} is packed by {str(name)[:40]!r}, which is not read here: "
            "save it with blosc, zstd or gzip"
        )
    return str(name).removeprefix("numcodecs.")


def _sizes(numbers: Any) -> tuple[int, ...]:
    return tuple(int(n) for n in numbers)


def _bytes(chunks: Any, dtype: np.dtype[Any]) -> int:
    return int(np.prod(_sizes(chunks), dtype=object)) * dtype.itemsize
