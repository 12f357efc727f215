"""PNG colour of 16 bits a channel, which Pillow would cut down to 8."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadFile

_CHANNELS = {2: 3, 4: 2, 6: 4}
_BAND = 256
_NONE, _SUB, _UP, _AVERAGE, _PAETH = range(5)


def read_png16(path: Path) -> NDArray[np.uint16]:
    """Return the pixels, uint16 (rows, cols) or (rows, cols, 3), without transparency.

    The row filters are those of the PNG specification, section 9. They are undone along
    the anti-diagonals, where all pixels depend only on ones already known.

    Raises
    ------
    BadFile
        If it is interlaced or does not hold what it declares.
    """
    content = path.read_bytes()
    cols, rows, _, colour, _, _, interlaced = struct.unpack(">IIBBBBB", content[16:29])
    if interlaced:
        raise BadFile(f"{path.name} is interlaced with 16 bits: save it as TIFF")
    width = _CHANNELS[colour] * 2
    expected = rows * (1 + cols * width)
    packer = zlib.decompressobj()
    raw = packer.decompress(b"".join(_chunks(content)), expected)
    if len(raw) != expected:
        raise BadFile(f"{path.name} is truncated; copy it again from its source")
    lines = np.frombuffer(raw, np.uint8).reshape(rows, 1 + cols * width)
    values = np.empty((rows, cols, 1 if colour == 4 else 3), np.uint16)
    above = np.zeros((cols, width), np.uint8)
    for start in range(0, rows, _BAND):
        band = lines[start : start + _BAND]
        coded = band[:, 1:].reshape(len(band), cols, width)
        pixels = _unfiltered(band[:, 0], coded, above)
        values[start : start + _BAND] = pixels.view(">u2")[..., : values.shape[2]]
        above = pixels[-1]
    return values[..., 0] if colour == 4 else values


def _chunks(content: bytes) -> list[bytes]:
    found, at = [], 8
    while at + 12 <= len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        if content[at + 4 : at + 8] == b"IDAT":
            found.append(content[at + 8 : at + 8 + length])
        at += 12 + length
    return found


def _unfiltered(
    kinds: NDArray[np.uint8], coded: NDArray[np.uint8], above: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    rows, cols, width = coded.shape
    known = np.zeros((rows + 1, cols + 1, width), np.int16)
    known[0, 1:] = above
    for diagonal in range(rows + cols - 1):
        r = np.arange(max(0, diagonal - cols + 1), min(rows, diagonal + 1))
        c = diagonal - r
        left, up, corner = known[r + 1, c], known[r, c + 1], known[r, c]
        kind = kinds[r, None]
        guess = np.select(
            [kind == _SUB, kind == _UP, kind == _AVERAGE, kind == _PAETH],
            [left, up, (left + up) // 2, _paeth(left, up, corner)],
            0,
        )
        known[r + 1, c + 1] = (coded[r, c] + guess) & 255
    return np.ascontiguousarray(known[1:, 1:].astype(np.uint8))


def _paeth(
    left: NDArray[np.int16], up: NDArray[np.int16], corner: NDArray[np.int16]
) -> NDArray[np.int16]:
    to_left, to_up = np.abs(up - corner), np.abs(left - corner)
    to_corner = np.abs(left + up - 2 * corner)
    return np.where(
        (to_left <= to_up) & (to_left <= to_corner),
        left,
        np.where(to_up <= to_corner, up, corner),
    )
