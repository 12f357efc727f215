"""Checks of a TIFF file's pages: their chain, and what their parts unpack to."""

from __future__ import annotations

import io
import lzma
import math
import struct
import zlib
from pathlib import Path
from typing import Any

from napari_medfm.core.errors import BadFile

STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_HEADER = 16
_SHORTEST_PAGE = 18
_DEFLATE, _LZMA = (8, 32946), (34925,)
_BOUNDED = (1, 2, 3, 4, 5, 32773, 50000, 34926, *_DEFLATE, *_LZMA)
_PICTURES = ("JPEG", "JPEG2000", "PNG", "WEBP")
_BLOCK = 16
_PIECE = 2**20
_BEYOND = 2**16


def check_pages(path: Path) -> None:
    """Refuse a file that is no TIFF, or whose pages lead back to an earlier one.

    Raises
    ------
    BadFile
        If it does not begin as one, or if a reader would go round for ever.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        start = stream.read(_HEADER)
        if not start.startswith(STARTS) or len(start) < _HEADER:
            raise BadFile(
                f"{path.name} is not a TIFF file, whatever its name says: open it with "
                "the program that made it and save it as TIFF, or copy it again"
            )
        order = ">" if start[:2] == b"MM" else "<"
        big = start[2:3] == b"+" or start[3:4] == b"+"
        count_form, entry, next_form = ("Q", 20, "Q") if big else ("H", 12, "I")
        offset = int(struct.unpack_from(order + next_form, start, 8 if big else 4)[0])
        seen: set[int] = set()
        while 0 < offset < size:
            if offset in seen or len(seen) * _SHORTEST_PAGE > size:
                raise BadFile(f"{path.name} has pages that lead back: it is damaged")
            seen.add(offset)
            stream.seek(offset)
            head = stream.read(struct.calcsize(order + count_form))
            if len(head) < struct.calcsize(order + count_form):
                return
            entries = int(struct.unpack(order + count_form, head)[0])
            stream.seek(min(stream.tell() + entries * entry, size))
            tail = stream.read(struct.calcsize(order + next_form))
            if len(tail) < struct.calcsize(order + next_form):
                return
            offset = int(struct.unpack(order + next_form, tail)[0])


def bound_unpacking(page: Any) -> None:
    """Let a page's parts unpack to what they should hold, and not beyond.

    A part that is a picture of its own (JPEG, JPEG 2000, PNG, WebP) says its size,
    which is compared. For other packings imagecodecs has a buffer of the right size;
    where it is not installed, tifffile takes Python's own libraries, which go on to
    the end, so parts are measured first.
    """
    import tifffile

    inner, packing = page.decode, page.compression
    codec = tifffile.TIFF.DECOMPRESSORS[packing]
    by_itself = codec.__module__ == "tifffile._imagecodecs"
    limit = math.prod(page.chunks) * page.dtype.itemsize + _BEYOND
    rows, cols = page.chunks[:2] if len(page.chunks) > 1 else (1, *page.chunks)

    def decode(data: bytes | None, *args: Any, **options: Any) -> Any:
        if data is not None and (
            _goes_beyond(data, limit, packing in _DEFLATE)
            if by_itself
            else _is_larger(data, rows, cols)
        ):
            raise ValueError("a part of it unpacks to more than it may")
        return inner(data, *args, **options)

    if packing not in _BOUNDED or (by_itself and packing in (*_DEFLATE, *_LZMA)):
        page.__dict__["decode"] = decode


def _is_larger(data: bytes, rows: int, cols: int) -> bool:
    """Whether a packed picture is larger than its tile, blocks of 16 x 16 allowed."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data), formats=_PICTURES) as picture:
            return picture.width > cols + _BLOCK or picture.height > rows + _BLOCK
    except Image.DecompressionBombError:
        return True
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        return False


def _goes_beyond(data: bytes, limit: int, deflated: bool) -> bool:
    total = 0
    if deflated:
        inflating, pending = zlib.decompressobj(), data
        while pending and total <= limit:
            total += len(inflating.decompress(pending, _PIECE))
            pending = inflating.unconsumed_tail
        return total > limit
    worker = lzma.LZMADecompressor()
    total = len(worker.decompress(data, _PIECE))
    while not worker.eof and not worker.needs_input and total <= limit:
        total += len(worker.decompress(b"", _PIECE))
    return total > limit
