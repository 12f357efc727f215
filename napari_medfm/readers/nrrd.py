"""NRRD volumes and pictures (.nrrd, .nhdr), by a parser of our own.

Axes are reversed as for NIfTI, so that axis 0 counts slices. A detached header may name
one file that lies beside it, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadFile, BadInput
from napari_medfm.engine.orientation import swap_axis_order
from napari_medfm.readers._guard import check_packed, check_size, reading
from napari_medfm.readers._loaded import Loaded, ReaderSpec
from napari_medfm.readers._nrrdheader import Axes, Header, axes_of, header_of
from napari_medfm.readers._unpack import unpack

_RATIOS = {"raw": 1, "gzip": 1100, "bzip2": 10**6, "text": 1}
_MAX_SKIPPED = 64 * 2**20


@dataclass(frozen=True)
class _Data:
    """Where the pixels lie."""

    path: Path
    offset: int
    nbytes: int


def read_nrrd(path: Path) -> Loaded:
    """Read a .nrrd file, or a .nhdr header and the data file beside it.

    Raw, gzip, bzip2 and text encodings are read. One axis that is not of space becomes
    the channel axis.

    Raises
    ------
    BadFile
        If it is damaged, truncated, or names a data file elsewhere.
    BadInput
        If it has more axes than planes, rows, columns and channels, or its data are
        split over several files.
    """
    with reading(path):
        header = header_of(path)
        axes = axes_of(path, header)
        data = _data_of(path, header)
        stored = _pixels(path, header, data)
    return _loaded(header, axes, stored)


def _data_of(path: Path, header: Header) -> _Data:
    named = header.fields.get("data file", header.fields.get("datafile"))
    holder = path if named is None else _beside(path, named)
    offset = header.end if named is None else 0
    lines = int(header.fields.get("line skip", header.fields.get("lineskip", "0")))
    skipped = int(header.fields.get("byte skip", header.fields.get("byteskip", "0")))
    size = holder.stat().st_size
    nbytes = header.count * header.dtype.itemsize
    if skipped == -1 and header.encoding == "raw":
        return _Data(holder, max(size - nbytes, 0), nbytes)
    if not (0 <= lines <= 10_000 and 0 <= skipped <= _MAX_SKIPPED):
        raise BadFile(f"{path.name} skips {lines} lines and {skipped} bytes: damaged")
    with holder.open("rb") as stream:
        stream.seek(offset)
        for _ in range(lines):
            stream.readline(_MAX_SKIPPED)
        offset = stream.tell()
    return _Data(holder, offset + skipped, nbytes)


def _beside(path: Path, named: str) -> Path:
    """Return the one data file of a detached header; it must lie next to it."""
    if named.upper().startswith("LIST") or "%" in named:
        raise BadInput(
            f"{path.name} is split over several data files: save it as one .nrrd file"
        )
    if named in ("", ".", "..") or any(mark in named for mark in "/\\:\0"):
        raise BadFile(
            f"{path.name} wants its pixels from {named[:80]!r}: only a file in the "
            "same folder is read. Move it there and name it without a folder"
        )
    holder = path.with_name(named)
    if holder.is_symlink() or not holder.is_file():
        raise BadFile(f"{named} is not beside {path.name}: copy both files together")
    return holder


def _pixels(path: Path, header: Header, data: _Data) -> NDArray[Any]:
    packed = data.path.stat().st_size - data.offset
    least = header.count if header.encoding == "text" else data.nbytes
    check_packed(path, least, max(packed, 0), _RATIOS[header.encoding])
    check_size(path, data.nbytes)
    with data.path.open("rb") as stream:
        stream.seek(data.offset)
        if header.encoding == "text":
            return _text(path, header, stream.read(header.count * 64))
        content = unpack(path, stream, header.encoding, data.nbytes)
    array = np.frombuffer(content, header.dtype)
    if not array.dtype.isnative:
        array = array.byteswap(inplace=True).view(array.dtype.newbyteorder())
    return array.reshape(header.sizes, order="F")


def _text(path: Path, header: Header, content: bytes) -> NDArray[Any]:
    words = content.split()
    if len(words) < header.count:
        raise BadFile(f"{path.name} declares {header.count} numbers, has {len(words)}")
    numbers = np.array(words[: header.count], "S64").astype(np.float64)
    return numbers.astype(header.dtype).reshape(header.sizes, order="F")


def _loaded(header: Header, axes: Axes, stored: NDArray[Any]) -> Loaded:
    array = stored.T
    channel = None if axes.channel is None else array.ndim - 1 - axes.channel
    if channel is not None and array.shape[channel] == 1:
        array, channel = array.squeeze(channel), None
    metadata: dict[str, Any] = {
        "format": "nrrd",
        "unit": axes.unit,
        "window": None,
        "space": header.fields.get("space"),
    }
    ndim = array.ndim - (channel is not None)
    matrix = axes.matrix
    if matrix is None:
        return Loaded(array, channel, axes.spacing, metadata=metadata)
    spacing = tuple(float(v) for v in np.linalg.norm(matrix[:-1, :ndim], axis=0)[::-1])
    if matrix.shape[0] - 1 == ndim:
        affine = swap_axis_order(matrix)
        return Loaded(array, channel, spacing, affine, metadata=metadata)
    metadata["affine_3d"] = swap_axis_order(_completed(matrix)).tolist()
    return Loaded(array, channel, spacing, metadata=metadata)


def _completed(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a picture's 4 x 3 matrix in a 3-D space with its normal as third axis."""
    normal = np.cross(matrix[:3, 0], matrix[:3, 1])
    length = np.linalg.norm(normal)
    whole = np.eye(4)
    whole[:3, :2], whole[:3, 3] = matrix[:3, :2], matrix[:3, -1]
    whole[:3, 2] = normal / length if length else (0, 0, 1)
    return whole


def _recognises(start: bytes) -> bool:
    return start[:7] == b"NRRD000" and start[7:8] in b"12345"


SPEC = ReaderSpec("nrrd", "NRRD", (".nrrd", ".nhdr"), _recognises, read_nrrd)
