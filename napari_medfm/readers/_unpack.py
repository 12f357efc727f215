"""Unpack a stream to a size known beforehand, and never beyond it."""

from __future__ import annotations

import bz2
import zlib
from pathlib import Path
from typing import BinaryIO, Protocol

from napari_medfm.core.errors import BadFile

_PIECE = 2**20


class _Decompressor(Protocol):
    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


def unpack(path: Path, stream: BinaryIO, encoding: str, nbytes: int) -> bytearray:
    """Return exactly ``nbytes`` of a raw, gzip or bzip2 stream.

    Memory is asked for as data arrive, a piece at a time.

    Raises
    ------
    BadFile
        If the stream ends before.
    """
    if encoding == "raw":
        content = bytearray(stream.read(nbytes))
    else:
        content = _inflate(stream, encoding, nbytes)
    if len(content) < nbytes:
        raise BadFile(
            f"{path.name} declares {nbytes} bytes of pixels and holds {len(content)}: "
            "it is truncated; copy it again from its source"
        )
    return content


def _inflate(stream: BinaryIO, encoding: str, nbytes: int) -> bytearray:
    content = bytearray()
    worker = _decompressor(encoding)
    pending = b""
    while len(content) < nbytes:
        pending = pending or stream.read(_PIECE)
        if getattr(worker, "eof", False):
            worker = _decompressor(encoding)
        piece = worker.decompress(pending, min(nbytes - len(content), _PIECE))
        content += piece
        pending = _left(worker)
        if not piece and not pending:
            more = stream.read(_PIECE)
            if not more:
                break
            pending = more
    return content


def _left(worker: _Decompressor) -> bytes:
    """Return input not used yet; zlib hands it back, bz2 keeps it until its end."""
    left: bytes = getattr(worker, "unconsumed_tail", b"") or getattr(
        worker, "unused_data", b""
    )
    return left


def _decompressor(encoding: str) -> _Decompressor:
    if encoding == "gzip":
        return zlib.decompressobj(wbits=31)
    return bz2.BZ2Decompressor()
