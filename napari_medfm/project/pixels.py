"""Arrays kept inside a project: images that came without a file, and label maps.

A folder is named by the digest of what it holds, so that writing it again is nothing
to do, and reading it can be checked.
"""

from __future__ import annotations

import hashlib
import math
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadFile
from napari_medfm.core.image import Pixels
from napari_medfm.core.jobs import Progress, Steps
from napari_medfm.engine.rawzarr import blocks_of, open_array, sync_files, write_blocks
from napari_medfm.engine.underway import folder_underway
from napari_medfm.project.layout import no_links

_IN_MEMORY = 2**30


def digest_of(data: Pixels) -> str:
    """Return the SHA-256 of an array's type, shape and pixels, read block by block."""
    digest = _start(data.shape, data.dtype.name)
    for place in blocks_of(data.shape, data.dtype.name):
        digest.update(_block(data, place).data)
    found: str = digest.hexdigest()
    return found


def keep_pixels(data: Pixels, place: Callable[[str], Path]) -> Steps[str]:
    """Write an array under its digest, whole or not at all, and return the digest.

    Parameters
    ----------
    place
        From the digest to the folder.

    Raises
    ------
    OSError
        If it cannot be written; nothing is then left behind.
    """
    parent = place("0" * 64).parent
    parent.mkdir(parents=True, exist_ok=True)
    dtype, count = data.dtype.name, len(list(blocks_of(data.shape, data.dtype.name)))
    digest = _start(data.shape, dtype)

    def reading(part: slice) -> NDArray[Any]:
        block = _block(data, part)
        digest.update(block.data)
        return block

    with folder_underway(parent) as temporary:
        array = temporary / "array"
        yield Progress(0, count, "keeping the pixels")
        blocks = (reading(part) for part in blocks_of(data.shape, dtype))
        write_blocks(array, data.shape, dtype, blocks)
        sync_files(array)
        target = place(digest.hexdigest())
        if not target.exists():
            array.rename(target)
    found: str = digest.hexdigest()
    return found


def kept_pixels(
    folder: Path, path: Path, digest: str, shape: Sequence[int], dtype: str
) -> Pixels:
    """Return kept pixels after checking that they are what was written.

    Large ones stay on the disk.

    Raises
    ------
    BadFile
        If they are not.
    """
    no_links(folder, path)
    try:
        array: Any = open_array(path, shape, dtype)
        if math.prod(shape) * np.dtype(dtype).itemsize <= _IN_MEMORY:
            array = np.ascontiguousarray(array[...], dtype)
        found = digest_of(array)
    except OSError as error:
        raise BadFile(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, TypeError, KeyError, RuntimeError) as error:
        raise BadFile(f"{path} is damaged: {error}") from error
    if found != digest:
        raise BadFile(f"{path} does not hold what was written")
    kept: Pixels = array
    return kept


def copy_pixels(source: Path, target: Path) -> None:
    """Copy a folder of kept pixels, whole or not at all.

    Raises
    ------
    OSError
        If it cannot be read or written.
    """
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with folder_underway(target.parent) as temporary:
        shutil.copytree(source, temporary / "array")
        sync_files(temporary)
        os.replace(temporary / "array", target)  # noqa: PTH105  a folder


def _start(shape: Sequence[int], dtype: str) -> Any:
    return hashlib.sha256(f"{dtype}{tuple(int(n) for n in shape)}".encode())


def _block(data: Pixels, place: slice) -> NDArray[Any]:
    dtype = data.dtype
    little = dtype if dtype.itemsize == 1 else dtype.newbyteorder("<")
    return np.ascontiguousarray(np.asarray(data[place]), little)
