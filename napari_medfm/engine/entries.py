"""One embedding on disk: written whole, and read only if it is what we write.

A folder holds ``header.json`` (key, encoder, grid, shape, digest) and ``layers.zarr``,
a plain float16 zarr v3 array without filters or compression. Sizes are compared with
the files before memory is asked for, and no codec but raw bytes is ever opened.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadFile
from napari_medfm.core.geometry import Grid
from napari_medfm.core.results import Embedding
from napari_medfm.engine.rawzarr import (
    blocks_of,
    open_array,
    plain_files,
    read_header,
    sync_files,
    write_blocks,
)

WRITING = ".writing-"
NAME = re.compile(r"[0-9a-f]{64}")
_FORMAT = 1
_HEADER, _ARRAY = "header.json", "layers.zarr"


def write_entry(folder: Path, embedding: Embedding) -> None:
    """Write an embedding beside ``folder`` and move it there.

    Where another writer was first, its entry stays: both hold the same.

    Raises
    ------
    OSError
        If it cannot be written; nothing is then left behind.
    """
    layers = np.ascontiguousarray(embedding.layers, "<f2")
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=WRITING, dir=folder.parent))
    try:
        blocks = (layers[place] for place in blocks_of(layers.shape, "float16"))
        write_blocks(temporary / _ARRAY, layers.shape, "float16", blocks)
        header = json.dumps(_header(embedding, layers), indent=1)
        (temporary / _HEADER).write_text(header, encoding="utf-8")
        sync_files(temporary)
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
    for _ in plain_files(folder):
        pass
    header = read_header(folder / _HEADER)
    shape, grid, encoder = _facts(folder, header, key)
    array = open_array(folder / _ARRAY, shape, "float16")
    try:
        layers: NDArray[np.float16] = np.ascontiguousarray(array[...], np.float16)
    except (ValueError, TypeError, KeyError, RuntimeError) as error:
        raise BadFile(f"{folder} is damaged: {error}") from error
    if hashlib.sha256(layers.data).hexdigest() != header.get("sha256"):
        raise BadFile(f"{folder} does not hold what was written")
    return Embedding(layers, grid, key, encoder)


def is_entry(path: Path) -> bool:
    """Whether a name in the folder of embeddings is one that this program gives."""
    return bool(NAME.fullmatch(path.name)) or path.name.startswith(WRITING)


def remove_entry(folder: Path) -> None:
    """Remove an entry, or whatever lies in its place; links are not followed."""
    if folder.is_symlink() or folder.is_file():
        folder.unlink(missing_ok=True)
    else:
        shutil.rmtree(folder, ignore_errors=True)


def size_of(folder: Path) -> int:
    """Bytes of an entry's files; 0 if it is gone or is not an entry."""
    try:
        return sum(entry.st_size for entry in plain_files(folder))
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
