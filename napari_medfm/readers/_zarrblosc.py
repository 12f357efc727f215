"""Blosc, for files of others: a frame must be as long as it says.

The library trusts the length in a frame's head, and reads on after the end of a shorter
one. Chunks of shards never pass the store one by one, so it is the codec that looks.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_HEAD = 16
_NAME = "napari_medfm.checked_blosc"


def check_frame(content: bytes) -> None:
    """Compare a frame's length with what it says.

    Raises
    ------
    ValueError
        If they differ.
    """
    if len(content) < _HEAD or struct.unpack_from("<I", content, 12)[0] != len(content):
        raise ValueError("a part packed by blosc is damaged")


@contextmanager
def checked_blosc() -> Iterator[None]:
    """Have zarr open arrays with a blosc that looks first."""
    import zarr
    from zarr.registry import register_codec

    register_codec("blosc", _codec(), qualname=_NAME)
    with zarr.config.set({"codecs.blosc": _NAME}):
        yield


@cache
def _codec() -> Any:
    import numpy as np
    from zarr.codecs import BloscCodec

    class CheckedBlosc(BloscCodec):
        """Refuses a frame that is not as long as it says, or unpacks to too much."""

        def _decode_sync(self, chunk_bytes: Any, chunk_spec: Any) -> Any:
            content = chunk_bytes.to_bytes()
            check_frame(content)
            size = int(np.prod(chunk_spec.shape)) * chunk_spec.dtype.item_size
            if struct.unpack_from("<I", content, 4)[0] > size + _HEAD:
                raise ValueError("a part packed by blosc unpacks to more than it may")
            return super()._decode_sync(chunk_bytes, chunk_spec)

    return CheckedBlosc
