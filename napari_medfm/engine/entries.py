"""One embedding on disk: written whole, and read only if it is what we write.

A folder holds ``header.json`` (key, encoder, grid, shape, digest) and ``layers.zarr``,
a plain float16 zarr v3 array without filters or compression. Sizes are compared with
the files before memory is asked for, and no codec but raw bytes is ever opened.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadFile
from napari_medfm.core.geometry import Grid
from napari_medfm.core.results import Embedding

WRITING = ".writing-"
_FORMAT = 1
_HEADER, _ARRAY = "header.json", "layers.zarr"
_LARGEST_TEXT = 1 << 16
_CHUNK_BYTES = 8 << 20
_RAW = [{"name": "bytes", "configuration": {"endian": "little"}}]


def write_entry(folder: Path, embedding: Embedding) -> None:
    """Write an embedding beside ``folder`` and move it there.

    Where another writer was first, its entry stays: both hold the same.

    Raises
    ------
    OSError
        If it cannot be written; nothing is then left behind.
    """
    import zarr

    layers = np.ascontiguousarray(embedding.layers, "<f2")
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=WRITING, dir=folder.parent))
    try:
        array = zarr.create_array(
            temporary / _ARRAY,
            shape=layers.shape,
            chunks=_chunks(layers.shape),
            dtype="float16",
            compressors=None,
            filters=None,
        )
        array[...] = layers
        header = json.dumps(_header(embedding, layers), indent=1)
        (temporary / _HEADER).write_text(header, encoding="utf-8")
        _sync(temporary)
        if not folder.exists():
            temporary.rename(folder)
    except OSError:
        if not folder.exists():
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read_entry(folder: Path, key: str) -> Embedding:
    """Read an embedding after checking everything about it.

    Raises
    ------
    BadFile
        If anything differs from what `write_entry` makes.
    OSError
        If it cannot be read, or is not there.
    """
    import zarr

    on_disk = sum(entry.st_size for entry in _plain_files(folder))
    header = _json(folder / _HEADER)
    shape, grid, encoder = _facts(folder, header, key)
    if math.prod(shape) * 2 > on_disk:
        raise BadFile(f"{folder} is truncated")
    _check_array(folder, shape)
    try:
        array = zarr.open_array(folder / _ARRAY, mode="r", zarr_format=3)
        layers: NDArray[np.float16] = np.ascontiguousarray(array[...], np.float16)
    except (ValueError, TypeError, KeyError, RuntimeError) as error:
        raise BadFile(f"{folder} is damaged: {error}") from error
    if hashlib.sha256(layers.data).hexdigest() != header.get("sha256"):
        raise BadFile(f"{folder} does not hold what was written")
    return Embedding(layers, grid, key, encoder)


def remove_entry(folder: Path) -> None:
    """Remove an entry, or whatever lies in its place; links are not followed."""
    if folder.is_symlink() or folder.is_file():
        folder.unlink(missing_ok=True)
    else:
        shutil.rmtree(folder, ignore_errors=True)


def size_of(folder: Path) -> int:
    """Bytes of an entry's files; 0 if it is gone or is not an entry."""
    try:
        return sum(entry.st_size for entry in _plain_files(folder))
    except (OSError, BadFile):
        return 0


def _header(embedding: Embedding, layers: NDArray[np.float16]) -> dict[str, Any]:
    grid = embedding.grid
    return {
        "format": _FORMAT,
        "key": embedding.key,
        "encoder": embedding.encoder,
        "shape": list(layers.shape),
        "stride": [float(step) for step in grid.stride],
        "offset": [float(start) for start in grid.offset],
        "sha256": hashlib.sha256(layers.data).hexdigest(),
    }


def _chunks(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Whole rows of tokens, about 8 MiB a chunk."""
    row = max(1, math.prod(shape[1:]) * 2)
    return (max(1, min(shape[0], _CHUNK_BYTES // row)), *shape[1:])


def _facts(
    folder: Path, header: dict[str, Any], key: str
) -> tuple[tuple[int, ...], Grid, str]:
    encoder = header.get("encoder")
    shape = _numbers(header.get("shape"), int, 4)
    stride = _numbers(header.get("stride"), float, 2)
    offset = _numbers(header.get("offset"), float, 2)
    told = (header.get("format"), header.get("key"))
    if told != (_FORMAT, key) or not isinstance(encoder, str):
        raise BadFile(f"{folder} is not the embedding it is filed as")
    if shape is None or stride is None or offset is None:
        raise BadFile(f"{folder} has a damaged header")
    if min(shape) < 1 or min(stride) <= 0:
        raise BadFile(f"{folder} has a damaged header")
    grid = Grid(shape[0], shape[1], (stride[0], stride[1]), (offset[0], offset[1]))
    return shape, grid, encoder


def _numbers(
    value: Any, kind: type[int] | type[float], count: int
) -> tuple[Any, ...] | None:
    """Return finite numbers of one type, or None."""
    if not isinstance(value, list) or len(value) != count:
        return None
    right = all(isinstance(n, kind) and math.isfinite(n) for n in value)
    return tuple(value) if right else None


def _check_array(folder: Path, shape: tuple[int, ...]) -> None:
    """Refuse array metadata that would make zarr do anything but copy bytes."""
    told = _json(folder / _ARRAY / "zarr.json")
    chunk_grid = {
        "name": "regular",
        "configuration": {"chunk_shape": list(_chunks(shape))},
    }
    expected = {
        "zarr_format": 3,
        "node_type": "array",
        "data_type": "float16",
        "shape": list(shape),
        "chunk_grid": chunk_grid,
        "codecs": _RAW,
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
    }
    wrong = [name for name, value in expected.items() if told.get(name) != value]
    if wrong or told.get("storage_transformers"):
        raise BadFile(f"{folder} is not stored as raw tokens ({', '.join(wrong)})")


def _json(path: Path) -> dict[str, Any]:
    if path.stat().st_size > _LARGEST_TEXT:
        raise BadFile(f"{path} is too large to be a header")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadFile(f"{path} is not JSON") from error
    if not isinstance(content, dict):
        raise BadFile(f"{path} is not a header")
    return content


def _plain_files(folder: Path) -> Iterator[os.stat_result]:
    """Every file of an entry; anything that is not a plain file is refused."""
    with os.scandir(folder) as listing:
        items = list(listing)
    for item in items:
        if item.is_dir(follow_symlinks=False):
            yield from _plain_files(Path(item.path))
            continue
        facts = item.stat(follow_symlinks=False)
        if not stat.S_ISREG(facts.st_mode):
            raise BadFile(f"{item.path} is a link or a device")
        yield facts


def _sync(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb+") as file:
                os.fsync(file.fileno())
