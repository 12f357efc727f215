"""A label map too large to be held: a zarr array on disk, written square by square."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadFile
from napari_medfm.core.geometry import Box
from napari_medfm.engine.rawzarr import read_header

_LARGEST_TEXT = 1 << 16
_HEADER, _ARRAY = "header.json", "labels.zarr"


class LabelStore:
    """Squares of a label map; those that are there are not made again.

    Parameters
    ----------
    folder
        Where it is kept, made if need be.
    shape, side
        (planes, rows, cols), and of a square; a square at the border is smaller.
    dtype
        uint8 or uint16.
    key
        What the labels are of; what another key made is thrown away.
    """

    def __init__(
        self, folder: Path, shape: tuple[int, int, int], side: int, dtype: str, key: str
    ) -> None:
        import zarr

        self._side, self._folder = side, folder
        header = json.dumps({"key": key, "shape": list(shape), "side": side})
        told = folder / _HEADER
        wanted = {"shape": shape, "chunks": (1, side, side), "dtype": dtype}
        if not _is_kept(told, header) or not _is_ours(folder / _ARRAY, wanted):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            _create(folder / _ARRAY, wanted)
            told.write_text(header, encoding="utf-8")
        self.array: Any = zarr.open_array(folder / _ARRAY, mode="r+", zarr_format=3)

    def has(self, plane: int, box: Box) -> bool:
        """Whether this square was written."""
        row, col = int(box.row0) // self._side, int(box.col0) // self._side
        return (self._folder / _ARRAY / "c" / str(plane) / str(row) / str(col)).exists()

    def write(
        self, plane: int, box: Box, labels: NDArray[np.unsignedinteger[Any]]
    ) -> None:
        """Write one square."""
        self.array[(plane, *box.slices)] = labels


def _is_kept(told: Path, header: str) -> bool:
    """Whether a header is there and says this, compared without reading a giant."""
    try:
        small = told.stat().st_size <= _LARGEST_TEXT
        return small and told.read_text("utf-8") == header
    except (OSError, ValueError):
        return False


def _is_ours(path: Path, wanted: dict[str, Any]) -> bool:
    """Whether an array is stored as `_create` stores it, with no codec but ours."""
    import zarr

    try:
        here = read_header(path / "zarr.json")
    except (OSError, BadFile):
        return False
    store = zarr.storage.MemoryStore()
    ours: dict[str, Any] = json.loads(json.dumps(_create(store, wanted)))
    return here == ours


def _create(store: Any, wanted: dict[str, Any]) -> dict[str, Any]:
    """Create the array, and return what its metadata say."""
    import zarr

    array = zarr.create_array(store, **wanted, config={"write_empty_chunks": True})
    found: dict[str, Any] = array.metadata.to_dict()
    return found
