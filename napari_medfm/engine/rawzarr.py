"""Plain zarr arrays on disk: no filters, no compression, nothing else is ever opened.

Sizes are compared with the files before memory is asked for; links and devices are
refused, and so is metadata that would make zarr do anything but copy bytes.
"""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadFile

_LARGEST_TEXT = 1 << 16
_CHUNK_BYTES = 8 << 20
_BYTES = [{"name": "bytes"}]
_LITTLE = [{"name": "bytes", "configuration": {"endian": "little"}}]


def blocks_of(shape: Sequence[int], dtype: str) -> Iterator[slice]:
    """Yield parts of the first axis, each of about 8 MiB."""
    step = chunks_of(shape, dtype)[0]
    for start in range(0, shape[0], step):
        yield slice(start, min(start + step, shape[0]))


def write_blocks(
    path: Path, shape: Sequence[int], dtype: str, blocks: Iterable[NDArray[Any]]
) -> None:
    """Write a new array from the parts that `blocks_of` names, in order.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    import zarr

    array = zarr.create_array(
        path,
        shape=tuple(shape),
        chunks=chunks_of(shape, dtype),
        dtype=dtype,
        compressors=None,
        filters=None,
        config={"write_empty_chunks": True},
    )
    for place, block in zip(blocks_of(shape, dtype), blocks, strict=True):
        array[place] = block


def open_array(path: Path, shape: Sequence[int], dtype: str) -> Any:
    """Return the zarr array of that shape, without reading its pixels.

    Raises
    ------
    BadFile
        If it is not stored as `write_blocks` does, or its files are too small for it.
    OSError
        If it is not there.
    """
    import zarr

    on_disk = sum(entry.st_size for entry in plain_files(path))
    if math.prod(shape) * np.dtype(dtype).itemsize > on_disk:
        raise BadFile(f"{path} is truncated")
    _check(path, shape, dtype)
    try:
        return zarr.open_array(path, mode="r", zarr_format=3)
    except (ValueError, TypeError, KeyError, RuntimeError) as error:
        raise BadFile(f"{path} is damaged: {error}") from error


def chunks_of(shape: Sequence[int], dtype: str) -> tuple[int, ...]:
    """Whole parts of the first axis, about 8 MiB a chunk."""
    row = max(1, math.prod(shape[1:]) * np.dtype(dtype).itemsize)
    return (max(1, min(shape[0], _CHUNK_BYTES // row)), *shape[1:])


def plain_files(folder: Path) -> Iterator[os.stat_result]:
    """Every file below a folder; anything that is not a plain file is refused.

    Raises
    ------
    BadFile
        If there is a link or a device.
    """
    with os.scandir(folder) as listing:
        items = list(listing)
    for item in items:
        if item.is_dir(follow_symlinks=False):
            yield from plain_files(Path(item.path))
            continue
        facts = item.stat(follow_symlinks=False)
        if not stat.S_ISREG(facts.st_mode):
            raise BadFile(f"{item.path} is a link or a device")
        yield facts


def sync_files(folder: Path) -> None:
    """Bring every file below a folder to the disk."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb+") as file:
                os.fsync(file.fileno())


def read_header(path: Path) -> dict[str, Any]:
    """Read a small JSON object.

    Raises
    ------
    BadFile
        If it is large, or anything else.
    """
    if path.stat().st_size > _LARGEST_TEXT:
        raise BadFile(f"{path} is too large to be a header")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadFile(f"{path} is not JSON") from error
    if not isinstance(content, dict):
        raise BadFile(f"{path} is not a header")
    return content


def _check(path: Path, shape: Sequence[int], dtype: str) -> None:
    told = read_header(path / "zarr.json")
    chunk_grid = {
        "name": "regular",
        "configuration": {"chunk_shape": list(chunks_of(shape, dtype))},
    }
    expected = {
        "zarr_format": 3,
        "node_type": "array",
        "data_type": dtype,
        "shape": list(shape),
        "chunk_grid": chunk_grid,
        "codecs": _BYTES if np.dtype(dtype).itemsize == 1 else _LITTLE,
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
    }
    wrong = [name for name, value in expected.items() if told.get(name) != value]
    if wrong or told.get("storage_transformers"):
        raise BadFile(f"{path} is not stored as plain bytes ({', '.join(wrong)})")
