"""A damaged or hostile file ends in `BadFile`, whatever a parser makes of it."""

from __future__ import annotations

import lzma
import os
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_medfm.core.errors import BadFile, MedfmError

PARSE_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    StopIteration,
    SyntaxError,
    TypeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    zlib.error,
)
_FALLBACK_MEMORY = 16 * 2**30


@contextmanager
def reading(path: Path, *also: type[Exception]) -> Iterator[None]:
    """Turn every failure to parse into one `BadFile` that names the file.

    Parameters
    ----------
    also
        Exceptions of the library in use that derive from `Exception` alone.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except MedfmError:
        raise
    except PARSE_ERRORS + also as error:
        raise BadFile(f"Could not read {path.name}: {_reason(error)}") from error


def check_size(path: Path, nbytes: int) -> None:
    """Refuse what would not fit in memory, before memory is asked for.

    Raises
    ------
    BadFile
        If the declared pixels take more than the machine's memory.
    """
    limit = memory_bytes()
    if nbytes > limit:
        raise BadFile(
            f"{path.name} declares {nbytes / 2**30:.1f} GiB of pixels, more than this "
            f"machine's memory ({limit / 2**30:.1f} GiB): if that is right, save it as "
            "a tiled OME-TIFF, which is read piece by piece"
        )


def check_packed(path: Path, nbytes: int, packed: int, ratio: int) -> None:
    """Refuse a file that cannot hold, or would absurdly inflate to, what it declares.

    Parameters
    ----------
    nbytes
        Declared bytes of pixels.
    packed
        Bytes they take in the file.
    ratio
        The most that the format's compression can achieve; 1 for none.
    """
    if nbytes > packed * ratio:
        raise BadFile(
            f"{path.name} declares {nbytes} bytes of pixels but holds {packed}: it is "
            "truncated or damaged; copy it again from its source"
        )


def memory_bytes() -> int:
    """Return the machine's memory, or 16 GiB where it cannot be told."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return _FALLBACK_MEMORY


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())[:200]
    if isinstance(error, MemoryError):
        return "not enough memory for it"
    return text or type(error).__name__
