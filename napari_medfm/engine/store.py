"""Embeddings kept between sessions: a folder with a size limit, or memory only."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import math
import os
import re
import threading
import time
from collections import OrderedDict
from pathlib import Path

from napari_medfm.core.errors import BadFile
from napari_medfm.core.results import Embedding
from napari_medfm.engine.entries import (
    WRITING,
    is_entry,
    read_entry,
    remove_entry,
    size_of,
    write_entry,
)
from napari_medfm.engine.preferences import preferred_cache_bytes
from napari_medfm.engine.tiles import TilePlan
from napari_medfm.engine.windowstore import WindowStore

_GIB = 1 << 30
_IN_MEMORY = 2 * _GIB
_STALE = 24 * 3600
_MEASURE_AGAIN = 60.0
"""Seconds after which a folder is measured again, since other programs write there."""

_log = logging.getLogger(__name__)


class EmbeddingStore:
    """A cache of embeddings; the ones not used for longest go first.

    Safe for several threads, and for several programs on one folder.

    Parameters
    ----------
    root
        Its folder, made on the first write; None keeps everything in memory.
    max_bytes
        Size limit on disk, in memory at most 2 GiB of it; the preferred one if None.
    """

    def __init__(self, root: Path | None, max_bytes: int | None = None) -> None:
        self.root = None if root is None else Path(root)
        self.max_bytes = max_bytes
        self._memory: OrderedDict[str, Embedding] = OrderedDict()
        self._lock = threading.Lock()
        self._held, self._added, self._measured = 0, 0, -math.inf

    def get(self, key: str) -> Embedding | None:
        """Return an embedding, or None where there is none that can be trusted.

        A damaged entry is removed. Nothing in an entry is ever run.
        """
        with self._lock:
            if key in self._memory:
                self._memory.move_to_end(key)
                return self._memory[key]
        if self.root is None:
            return None
        folder = self._folder(self.root, key)
        if not os.path.lexists(folder):
            return None
        try:
            embedding = read_entry(folder, key)
            os.utime(folder)
        except (BadFile, OSError) as error:
            _log.warning("Dropped an embedding from the cache: %s", error)
            remove_entry(folder)
            return None
        return embedding

    def put(self, embedding: Embedding) -> None:
        """Keep an embedding; where the disk cannot take it, in memory."""
        if self.root is None:
            self._remember(embedding)
            return
        folder = self._folder(self.root, embedding.key)
        try:
            write_entry(folder, embedding)
            if not self._has_room(size_of(folder)):
                self._shrink(folder)
        except OSError as error:
            _log.warning("Could not keep an embedding in %s: %s", self.root, error)
            self._remember(embedding)

    def windows(self, key: str, plan: TilePlan, depth: tuple[int, int]) -> WindowStore:
        """Return the windows of a large plane, kept one by one; see `WindowStore`."""
        if self.root is None:
            return WindowStore(None, plan, depth, key)
        folder = self._folder(self.root, key)
        known = folder.is_dir()
        found = WindowStore(folder, plan, depth, key)
        with contextlib.suppress(OSError):
            os.utime(folder)
            if not known:
                self._shrink(folder)
        return found

    @staticmethod
    def _folder(root: Path, key: str) -> Path:
        safe = re.fullmatch("[0-9a-f]{64}", key)
        return root / (key if safe else hashlib.sha256(key.encode()).hexdigest())

    def _most(self) -> int:
        return preferred_cache_bytes() if self.max_bytes is None else self.max_bytes

    def _remember(self, embedding: Embedding) -> None:
        limit = min(self._most(), _IN_MEMORY)
        with self._lock:
            self._memory[embedding.key] = embedding
            self._memory.move_to_end(embedding.key)
            size = sum(kept.layers.nbytes for kept in self._memory.values())
            while size > limit and len(self._memory) > 1:
                size -= self._memory.popitem(last=False)[1].layers.nbytes

    def _has_room(self, nbytes: int) -> bool:
        """Whether a new entry fits for sure, so that the folder need not be measured.

        What is added counts twice: another program may have added as much.
        """
        with self._lock:
            self._added += nbytes
            recent = time.monotonic() - self._measured < _MEASURE_AGAIN
            return recent and self._held + 2 * self._added < self._most()

    def _shrink(self, newest: Path) -> None:
        """Remove entries beyond the limit, and what killed programs left behind."""
        entries, most = [], self._most()
        for folder in newest.parent.iterdir():
            if not is_entry(folder):  # somebody else's
                continue
            try:
                used = folder.lstat().st_mtime
            except FileNotFoundError:
                continue
            if not folder.name.startswith(WRITING):
                entries.append((folder != newest, used, folder, size_of(folder)))
            elif time.time() - used > _STALE:
                remove_entry(folder)
        size = held = 0
        for _, _, folder, nbytes in sorted(entries, key=lambda e: (e[0], -e[1])):
            size += nbytes
            if size > most and folder != newest:
                remove_entry(folder)
            else:
                held += nbytes
        with self._lock:
            self._held, self._added = held, 0
            self._measured = time.monotonic()
