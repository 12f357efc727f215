"""The chain of pages in a TIFF file, followed before anything else is read."""

from __future__ import annotations

import struct
from pathlib import Path

from napari_medfm.core.errors import BadFile

STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_HEADER = 16
_SHORTEST_PAGE = 18


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
