"""A label map too large to be held: a zarr array on disk, written square by square."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import Box

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
        if not told.is_file() or told.read_text("utf-8") != header:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            zarr.create_array(
                folder / _ARRAY,
                shape=shape,
                chunks=(1, side, side),
                dtype=dtype,
                config={"write_empty_chunks": True},
            )
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
