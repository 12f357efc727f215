"""The text header of NRRD files: fields, axes, the space they lie in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadFile, BadInput

_MAX_HEADER = 2**20
_MAX_AXES = 16
_TYPES = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": (
        "short",
        "short int",
        "signed short",
        "signed short int",
        "int16",
        "int16_t",
    ),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": ("longlong", "long long", "long long int", "int64", "int64_t"),
    "u8": ("ulonglong", "unsigned long long", "uint64", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}
_CODES = {name: code for code, names in _TYPES.items() for name in names}
_ENCODINGS = {
    "raw": "raw",
    "gzip": "gzip",
    "gz": "gzip",
    "bzip2": "bzip2",
    "bz2": "bzip2",
    "ascii": "text",
    "text": "text",
    "txt": "text",
}
_SIGNS = {
    "right-anterior-superior": (1, 1, 1),
    "ras": (1, 1, 1),
    "left-anterior-superior": (-1, 1, 1),
    "las": (-1, 1, 1),
    "left-posterior-superior": (-1, -1, 1),
    "lps": (-1, -1, 1),
}
_SPATIAL = {"domain", "space", ""}
_UNITS = {
    "mm": "mm",
    "millimeter": "mm",
    "um": "um",
    "µm": "um",
    "micron": "um",
    "microns": "um",
    "cm": "cm",
    "nm": "nm",
    "m": "m",
}


@dataclass(frozen=True)
class Header:
    """Fields in lower case, key/value pairs as written, and where the header ends."""

    fields: dict[str, str]
    pairs: dict[str, str]
    end: int
    sizes: tuple[int, ...]
    dtype: np.dtype[Any]
    encoding: str

    @property
    def count(self) -> int:
        """Number of values."""
        return int(np.prod(self.sizes, dtype=object))


@dataclass(frozen=True, eq=False)
class Axes:
    """What the axes are, in the file's order, fastest first.

    Parameters
    ----------
    channel
        The axis that is not of space, or None.
    matrix
        Index -> world (x, y, z) of RAS; None where the file does not say.
    spacing
        Per spatial axis in array order, where there is no matrix.
    """

    channel: int | None
    matrix: NDArray[np.float64] | None
    spacing: tuple[float, ...] | None
    unit: str | None


def header_of(path: Path) -> Header:
    """Parse a header and check what it declares.

    Raises
    ------
    BadFile
        If a field is missing, double or nonsense.
    """
    with path.open("rb") as stream:
        start = stream.read(_MAX_HEADER)
    ends = [
        at + len(mark)
        for mark in (b"\n\n", b"\r\n\r\n")
        if (at := start.find(mark)) > 0
    ]
    end = min(ends, default=len(start))
    if not ends and len(start) == _MAX_HEADER:
        raise BadFile(f"{path.name} has a header without end: it is damaged")
    fields: dict[str, str] = {}
    pairs: dict[str, str] = {}
    for line in start[:end].decode("utf-8", "replace").splitlines()[1:]:
        if not line or line.startswith("#"):
            continue
        key, mark, value = line.partition(":=")
        if mark and ": " not in key:
            pairs[key] = value
            continue
        key, mark, value = line.partition(":")
        if not mark:
            raise BadFile(f"{path.name} has a header line {line[:40]!r}: damaged")
        fields[key.strip().lower()] = value.strip()
    return _checked(path, fields, pairs, end)


def _checked(
    path: Path, fields: dict[str, str], pairs: dict[str, str], end: int
) -> Header:
    missing = {"type", "dimension", "sizes", "encoding"} - set(fields)
    if missing:
        raise BadFile(f"{path.name} does not say its {', '.join(sorted(missing))}")
    dimension = int(fields["dimension"])
    sizes = tuple(int(word) for word in fields["sizes"].split()[: _MAX_AXES + 1])
    if not 1 <= dimension <= _MAX_AXES or len(sizes) != dimension or min(sizes) < 1:
        raise BadFile(f"{path.name} declares {dimension} axes of sizes {sizes[:4]}")
    code = _CODES.get(fields["type"].lower())
    if code is None:
        raise BadFile(f"{path.name} holds {fields['type'][:40]!r}, not numbers")
    encoding = _ENCODINGS.get(fields["encoding"].lower())
    if encoding is None:
        raise BadFile(
            f"{path.name} is encoded as {fields['encoding'][:40]!r}: save it raw or "
            "with gzip"
        )
    endian = fields.get("endian", "").lower()
    if code[1] != "1" and encoding != "text" and endian not in ("little", "big"):
        raise BadFile(f"{path.name} does not say the order of its bytes (endian)")
    dtype = np.dtype((">" if endian == "big" else "<") + code)
    if encoding == "text":
        dtype = np.dtype(code)
    return Header(fields, pairs, end, sizes, dtype, encoding)


def axes_of(path: Path, header: Header) -> Axes:
    """Return what each axis is, and where the image lies.

    Raises
    ------
    BadInput
        If there are more axes than three of space and one other.
    BadFile
        If the directions do not fit the axes.
    """
    count = len(header.sizes)
    directions = _vectors(header.fields.get("space directions"))
    if directions is not None and len(directions) != count:
        raise BadFile(f"{path.name} has {count} axes, {len(directions)} directions")
    spatial = _spatial(header, directions)
    others = [axis for axis in range(count) if axis not in spatial]
    if not 2 <= len(spatial) <= 3 or len(others) > 1:
        raise BadInput(
            f"{path.name} has axes of sizes {header.sizes}: planes, rows, columns and "
            "one channel axis can be used. Save one volume as a file of its own"
        )
    channel = others[0] if others else None
    unit = _unit(header, spatial)
    if directions is None:
        return Axes(channel, None, _spacings(header, spatial), unit)
    kept = [vector for axis, vector in enumerate(directions) if axis in spatial]
    return Axes(channel, _matrix(path, header, kept), None, unit)


def _spatial(
    header: Header, directions: list[tuple[float, ...] | None] | None
) -> list[int]:
    if directions is not None:
        return [axis for axis, vector in enumerate(directions) if vector is not None]
    kinds = header.fields.get("kinds", "").lower().split()
    if len(kinds) != len(header.sizes):
        return list(range(len(header.sizes)))
    return [axis for axis, kind in enumerate(kinds) if kind in _SPATIAL]


def _matrix(
    path: Path, header: Header, vectors: list[tuple[float, ...] | None]
) -> NDArray[np.float64]:
    columns = np.array([vector for vector in vectors if vector is not None], float)
    world = columns.shape[1]
    origins = _vectors(header.fields.get("space origin")) or [(0.0,) * world]
    origin = np.array(origins[0] or (0.0,) * world, float)
    if len(origin) != world or world not in (2, 3) or world < len(columns):
        raise BadFile(f"{path.name} has directions that do not fit its axes")
    if not np.isfinite(columns).all() or not np.isfinite(origin).all():
        raise BadFile(f"{path.name} has directions that are not numbers")
    if np.linalg.matrix_rank(columns) < len(columns):
        raise BadFile(f"{path.name} has directions that lie in one plane")
    matrix = np.zeros((world + 1, len(columns) + 1))
    matrix[:world, :-1], matrix[:world, -1], matrix[-1, -1] = columns.T, origin, 1
    space = header.fields.get("space", "").lower()
    if space.endswith("-time"):
        raise BadInput(f"{path.name} lies in space and time: save one time point")
    signs = np.array(_SIGNS.get(space, (1, 1, 1))[:world], float)
    matrix[:world] *= signs[:, None]
    return matrix


def _vectors(text: str | None) -> list[tuple[float, ...] | None] | None:
    """Read "(1,0,0) none (0,1,0)"."""
    if text is None:
        return None
    found: list[tuple[float, ...] | None] = []
    for word in text.replace(", ", ",").split():
        if word.lower() == "none":
            found.append(None)
            continue
        numbers = word.strip("()").split(",")
        found.append(tuple(float(number) for number in numbers[:4]))
    lengths = {len(vector) for vector in found if vector is not None}
    if len(lengths) != 1:
        raise ValueError("its directions are of different lengths")
    return found


def _spacings(header: Header, spatial: list[int]) -> tuple[float, ...] | None:
    words = header.fields.get("spacings", "").split()
    if len(words) != len(header.sizes):
        return None
    found = tuple(float(words[axis]) for axis in reversed(spatial))
    usable = all(np.isfinite(step) and step > 0 for step in found)
    return found if usable else None


def _unit(header: Header, spatial: list[int]) -> str | None:
    words = header.fields.get("space units", header.fields.get("units", ""))
    named = [word for word in words.replace('"', " ").split() if word.lower() in _UNITS]
    if named:
        units = {_UNITS[word.lower()] for word in named}
        return units.pop() if len(units) == 1 else None
    anatomical = header.fields.get("space", "").lower() in _SIGNS
    return "mm" if anatomical and len(spatial) >= 2 else None
