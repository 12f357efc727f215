"""The windows that an encoder saw last: cells that share one share its pass."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_medfm.engine.tiles import Corner


@dataclass(frozen=True, eq=False)
class Look:
    """One window through an encoder.

    Parameters
    ----------
    tokens
        float16 (rows, cols, layers, dim).
    pixels
        Digest of what was seen.
    """

    tokens: NDArray[np.float16]
    pixels: str


class Looks:
    """Looks at the planes of a session, so many and so large; any thread may use it.

    Parameters
    ----------
    most
        Enough for the windows of two rows across 24 cells, or of a block of 8 x 8.
    max_bytes
        What all of them may take.
    """

    def __init__(self, most: int = 96, max_bytes: int = 384 << 20) -> None:
        self._most, self._max, self._held = most, max_bytes, 0
        self._known: OrderedDict[tuple[str, Corner], Look] = OrderedDict()
        self._lock = threading.Lock()

    def room(self, nbytes: int) -> int:
        """Return how many looks of a size fit, four at least."""
        return max(4, min(self._most, self._max // max(1, nbytes)))

    def get(self, key: str, corner: Corner) -> Look | None:
        """Return a look at a plane (by its key), or None."""
        with self._lock:
            look = self._known.get((key, corner))
            if look is not None:
                self._known.move_to_end((key, corner))
            return look

    def put(self, key: str, corner: Corner, look: Look) -> None:
        """Keep a look; the ones not used for longest go."""
        with self._lock:
            if (key, corner) in self._known:
                return
            self._known[key, corner] = look
            self._held += look.tokens.nbytes
            while len(self._known) > self._most or self._held > self._max:
                self._held -= self._known.popitem(last=False)[1].tokens.nbytes
