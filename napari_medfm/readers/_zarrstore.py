"""A zarr store that refuses links out of its folder, and chunks that are bombs."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medfm.readers._zarrblosc import check_frame
from napari_medfm.readers._zarrguard import SHARDED, ArrayFacts

if TYPE_CHECKING:
    from zarr.storage import LocalStore

_MAX_JSON = 16 * 2**20
_GZIP = b"\x1f\x8b"
_TEXTS = (".json", ".zarray", ".zattrs", ".zgroup", ".zmetadata")
_BEYOND = 2**63


def guarded_store(root: Path, facts: ArrayFacts) -> LocalStore:
    """Return a read-only store of one array, checked chunk by chunk.

    A chunk that would unpack to more than the array's metadata allow is refused before
    it is unpacked; of shards, only the size in the file is checked.
    """
    from zarr.storage import LocalStore

    home = root.resolve()
    limit = facts.chunk_bytes

    class Guarded(LocalStore):
        async def get(
            self, key: str, prototype: Any = None, byte_range: Any = None
        ) -> Any:
            path = (self.root / key).resolve()
            if not path.is_relative_to(home):
                raise ValueError(f"its part {key} is a link out of its folder")
            if path.exists() and not path.is_file():
                return None
            text = key.endswith(_TEXTS)
            if path.is_file() and path.stat().st_size > (
                _MAX_JSON if text else 2 * limit + 2**20
            ):
                raise ValueError(f"its part {key} is larger than it may be")
            end = getattr(byte_range, "end", 0)  # of a chunk in a shard
            if path.is_file() and end > path.stat().st_size:
                raise ValueError(f"its part {key} is shorter than its index says")
            found = await super().get(key, prototype, byte_range)
            if found is None and not home.is_dir():
                raise ValueError("it was removed since it was opened")
            sharded, summed = (x in facts.packers for x in (SHARDED, "crc32c"))
            if found is not None and not text and not sharded:
                content = found.to_bytes()
                if "blosc" in facts.packers:
                    check_frame(content[:-4] if summed else content)
                size = _unpacked(content, facts.packers, limit)
                if size > limit + 1024:
                    raise ValueError(f"its part {key} unpacks to more than it may")
            return found

    return Guarded(home, read_only=True)


def _unpacked(content: bytes, packers: frozenset[str], limit: int) -> int:
    """Return how much a chunk unpacks to, as it says itself, or as is measured."""
    if "blosc" in packers and len(content) >= 16:
        return int(struct.unpack_from("<I", content, 4)[0])
    if "lz4" in packers and len(content) >= 4:
        return int(struct.unpack_from("<I", content)[0])
    if "zstd" in packers and len(content) >= 14:
        return _zstd_size(content)
    if packers & {"gzip", "zlib"}:
        return _inflated(content, limit)
    return len(content)


def _inflated(content: bytes, limit: int) -> int:
    """Return how much a stream unpacks to, or somewhat over ``limit`` if it is more."""
    total, pending = 0, content
    worker = zlib.decompressobj(wbits=47)
    while total <= limit + 2**20:
        try:
            piece = worker.decompress(pending, 2**20)
        except zlib.error:
            break
        total += len(piece)
        pending = worker.unconsumed_tail
        if worker.eof and worker.unused_data.startswith(_GZIP):
            pending, worker = worker.unused_data, zlib.decompressobj(wbits=47)
        elif not piece and not pending:
            break
    return total


def _zstd_size(content: bytes) -> int:
    """Return the content size of a zstd frame; beyond all limits if it has none."""
    flags = content[4]
    single, code = bool(flags & 0x20), flags >> 6
    width = (1 if single else 0, 2, 4, 8)[code]
    if not width:
        return _BEYOND
    skipped = 5 + (0 if single else 1) + (0, 1, 2, 4)[flags & 3]
    size = int.from_bytes(content[skipped : skipped + width], "little")
    return size + 256 if width == 2 else size
