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
_SMALL = 2048


class LabelStore:
    """Squares of a label map; those that are there are not made again.

    ``levels`` hold every second, fourth ... pixel, to be looked at.

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
        self._steps = _steps(shape)
        header = json.dumps(
            {"key": key, "shape": list(shape), "side": side, "steps": self._steps}
        )
        told = folder / _HEADER
        wanted = {step: _wanted(shape, side, dtype, step) for step in (1, *self._steps)}
        kept = _is_kept(told, header) and all(
            _is_ours(self._place(step), facts) for step, facts in wanted.items()
        )
        if not kept:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            for step, facts in wanted.items():
                _create(self._place(step), facts)
            told.write_text(header, encoding="utf-8")
        self.array, *self.levels = (
            zarr.open_array(self._place(step), mode="r+", zarr_format=3)
            for step in (1, *self._steps)
        )

    def _place(self, step: int) -> Path:
        return self._folder / (_ARRAY if step == 1 else f"every{step}.zarr")

    def has(self, plane: int, box: Box) -> bool:
        """Whether this square was written."""
        row, col = int(box.row0) // self._side, int(box.col0) // self._side
        return (self._folder / _ARRAY / "c" / str(plane) / str(row) / str(col)).exists()

    def write(
        self, plane: int, box: Box, labels: NDArray[np.unsignedinteger[Any]]
    ) -> None:
        """Write one square, the coarser levels first: it counts when it is there."""
        rows, cols = box.slices
        # Levels hold zeros from the start, and most of a slide is bare glass.
        steps = self._steps if labels.any() else ()
        for step, level in zip(steps, self.levels, strict=False):
            part = labels[::step, ::step]
            row, col = rows.start // step, cols.start // step
            place = slice(row, row + part.shape[0]), slice(col, col + part.shape[1])
            level[(plane, *place)] = part
        self.array[(plane, rows, cols)] = labels


def _steps(shape: tuple[int, int, int]) -> list[int]:
    """Every how many-th pixel each coarser level has, until it can be seen at once."""
    found, step = [], 2
    while max(shape[1:]) * 2 / step > _SMALL:
        found.append(step)
        step *= 2
    return found


def _wanted(
    shape: tuple[int, int, int], side: int, dtype: str, step: int
) -> dict[str, Any]:
    """Return how the array of every ``step``-th pixel is to be stored."""
    size = tuple(-(-n // step) for n in shape[1:])
    return {"shape": (shape[0], *size), "chunks": (1, side, side), "dtype": dtype}


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
    # As text: 1 is not true there, while Python takes them for the same.
    told, ours = (json.dumps(x, sort_keys=True) for x in (here, _create(store, wanted)))
    return told == ours


def _create(store: Any, wanted: dict[str, Any]) -> dict[str, Any]:
    """Create the array, and return what its metadata say.

    A checksum is compared before a chunk is unpacked: a damaged one could ask for
    terabytes, as its own head says how much it unpacks to.
    """
    import zarr
    from zarr.codecs import Crc32cCodec, ZstdCodec

    array = zarr.create_array(
        store,
        **wanted,
        compressors=[ZstdCodec(), Crc32cCodec()],
        config={"write_empty_chunks": True},
    )
    found: dict[str, Any] = array.metadata.to_dict()
    return found
