"""Tokens of a large plane on disk, one zarr chunk a cell, each kept as it is made.

A folder holds ``header.json`` (what it is), ``layers.zarr`` (float16, raw, one chunk a
cell of the plan) and ``cells/ROW.COL.json`` (digests of the pixels its windows saw and
of its tokens), written after the chunk: a cell counts only when both are there and
agree. For some cells ``cells/ROW.COL.apart`` holds what windows disagreed about. What
was killed half-way, cut off or changed is computed again, never trusted.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadFile, WriteFailed
from napari_medfm.engine.atomic import atomic_bytes
from napari_medfm.engine.tiles import Cell, TilePlan

Layers = NDArray[np.float16]
Rows = NDArray[np.float16]
_FORMAT = 3
_HEADER, _ARRAY, _CELLS = "header.json", "layers.zarr", "cells"
_RAW = [{"name": "bytes", "configuration": {"endian": "little"}}]
_KEYS = {"name": "default", "configuration": {"separator": "/"}}
_LARGEST_TEXT = 1 << 16
_IN_MEMORY = 256 << 20
_log = logging.getLogger(__name__)


class WindowStore:
    """The cells of one plane that are done; safe for several threads and programs.

    Parameters
    ----------
    folder
        Where they are kept; None, or a folder that cannot be written, keeps all of
        them in memory.
    plan
        Of the plane.
    depth
        (layers, dim) of a token.
    key
        What the cells are of; another folder's content is never taken for it.
    """

    def __init__(
        self, folder: Path | None, plan: TilePlan, depth: tuple[int, int], key: str
    ) -> None:
        self._plan, self._key, self._depth = plan, key, depth
        self._lock = threading.Lock()
        self._recent: OrderedDict[Cell, Layers] = OrderedDict()
        self._digests: dict[Cell, tuple[str, ...]] = {}
        self._apart: dict[Cell, Rows] = {}
        self._folder = folder
        self._array: Any = None
        if folder is not None:
            try:
                self._array = self._opened(folder)
            except (OSError, WriteFailed) as error:
                _log.warning("Keeping embeddings in memory: %s", error)
                self._folder = None

    def done(self) -> set[Cell]:
        """Return the cells that claim to be done."""
        if self._folder is None:
            return set(self._recent)
        found: set[Cell] = set()
        try:
            paths = list((self._folder / _CELLS).iterdir())
        except FileNotFoundError:  # the cache was cleared
            return found
        for path in paths:
            match = re.fullmatch(r"(\d+)\.(\d+)\.json", path.name)
            if match:
                found.add((int(match[1]), int(match[2])))
        return found

    def get(self, cell: Cell) -> Layers | None:
        """Return the tokens (rows, cols, layers, dim) of a cell, or None."""
        with self._lock:
            if cell in self._recent:
                self._recent.move_to_end(cell)
                return self._recent[cell]
        if self._folder is None:
            return None
        try:
            facts = _json(self._leaf(self._folder, cell))
            tokens = self._chunk(self._folder, cell)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
            _log.warning("Dropped a cell from the cache: %s", error)
            return None
        pixels, told = facts.get("pixels", []), facts.get("tokens")
        digest = hashlib.sha256(tokens.data).hexdigest()
        if digest != told or not isinstance(pixels, list):
            _log.warning("Dropped a damaged cell from %s", self._folder)
            return None
        self._digests[cell] = tuple(map(str, pixels))
        self._remember(cell, tokens)
        return tokens

    def apart(self, cell: Cell) -> Rows | None:
        """Return what windows disagreed about in a cell (n, dim), or None."""
        known = self._apart.get(cell)
        if known is not None or self._folder is None:
            return known
        path = self._leaf(self._folder, cell)
        try:
            told = _json(path).get("apart")
            found = np.fromfile(path.with_suffix(".apart"), "<f2")
        except (OSError, BadFile):
            return None
        whole = found.size % self._depth[1] == 0
        if not whole or hashlib.sha256(found.data).hexdigest() != told:
            _log.warning("Dropped a damaged cell from %s", self._folder)
            return None
        self._apart[cell] = found.reshape(-1, self._depth[1])
        return self._apart[cell]

    def _chunk(self, folder: Path, cell: Cell) -> Layers:
        """Read a cell's chunk, raw as it is: zarr's own way takes five times as long.

        A slide has thousands, and all are read for each similarity map.
        """
        shape = (*self._plan.cell, *self._depth)
        place = folder / _ARRAY / "c" / str(cell[0]) / str(cell[1]) / "0" / "0"
        whole = np.fromfile(place, "<f2").reshape(shape)
        rows, cols = (part.stop - part.start for part in self._plan.kept(cell))
        return np.ascontiguousarray(whole[:rows, :cols])

    def pixels_of(self, cell: Cell) -> tuple[str, ...] | None:
        """Return the digests of the windows that a cell returned by `get` is of."""
        return self._digests.get(cell)

    def put(
        self,
        cell: Cell,
        tokens: Layers,
        pixels: tuple[str, ...],
        apart: Rows | None = None,
    ) -> None:
        """Keep the tokens of a cell, made of windows with these digests of pixels.

        Parameters
        ----------
        apart
            What the windows disagreed about (n, dim), where it is to be kept.
        """
        tokens = np.ascontiguousarray(tokens, "<f2")
        self._digests[cell] = pixels
        if apart is not None:
            self._apart[cell] = apart
        if self._folder is not None:
            facts: dict[str, Any] = {
                "pixels": pixels,
                "tokens": hashlib.sha256(tokens.data).hexdigest(),
            }
            try:
                self._array[self._plan.kept(cell)] = tokens
                if apart is not None:
                    raw = np.ascontiguousarray(apart, "<f2").tobytes()
                    facts["apart"] = hashlib.sha256(raw).hexdigest()
                    leaf = self._leaf(self._folder, cell)
                    _replace(leaf.with_suffix(".apart"), raw)
                _replace(self._leaf(self._folder, cell), json.dumps(facts).encode())
            except OSError as error:
                _log.warning("Could not keep a cell in %s: %s", self._folder, error)
        self._remember(cell, tokens)

    def _remember(self, cell: Cell, tokens: Layers) -> None:
        with self._lock:
            self._recent[cell] = tokens
            self._recent.move_to_end(cell)
            most = max(2, _IN_MEMORY // max(1, tokens.nbytes))
            while self._folder is not None and len(self._recent) > most:
                self._recent.popitem(last=False)

    def _opened(self, folder: Path) -> Any:
        """Open the array, or start anew where it is not what it should be."""
        import shutil

        header = {"format": _FORMAT, "key": self._key}
        try:
            if _json(folder / _HEADER) == header and (folder / _CELLS).is_dir():
                return self._checked(folder)
            raise BadFile(f"{folder} is not what it is filed as")
        except FileNotFoundError:
            pass
        except BadFile as error:
            _log.warning("Dropped embeddings from the cache: %s", error)
        if folder.is_symlink():
            folder.unlink()
        shutil.rmtree(folder, ignore_errors=True)
        (folder / _CELLS).mkdir(parents=True, exist_ok=True)
        array = self._created(folder)
        atomic_bytes(folder / _HEADER, json.dumps(header).encode())
        return array

    def _created(self, folder: Path) -> Any:
        import zarr

        return zarr.create_array(
            folder / _ARRAY,
            shape=(*self._plan.tokens, *self._depth),
            chunks=(*self._plan.cell, *self._depth),
            dtype="float16",
            compressors=None,
            filters=None,
            overwrite=True,
            config={"write_empty_chunks": True},
        )

    def _checked(self, folder: Path) -> Any:
        import zarr

        told = _json(folder / _ARRAY / "zarr.json")
        chunk = [*self._plan.cell, *self._depth]
        expected = {
            "zarr_format": 3,
            "node_type": "array",
            "data_type": "float16",
            "shape": [*self._plan.tokens, *self._depth],
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunk}},
            "chunk_key_encoding": _KEYS,
            "codecs": _RAW,
        }
        wrong = [name for name, value in expected.items() if told.get(name) != value]
        if wrong or told.get("storage_transformers"):
            raise BadFile(f"{folder} is not stored as raw tokens ({', '.join(wrong)})")
        try:
            return zarr.open_array(folder / _ARRAY, mode="r+", zarr_format=3)
        except (ValueError, TypeError, KeyError, RuntimeError) as error:
            raise BadFile(f"{folder} is damaged: {error}") from error

    @staticmethod
    def _leaf(folder: Path, cell: Cell) -> Path:
        return folder / _CELLS / f"{cell[0]}.{cell[1]}.json"


def _replace(path: Path, content: bytes) -> None:
    """Write a file whole, without waiting for the disk: digests find what is lost."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    temporary.write_bytes(content)
    temporary.replace(path)


def _json(path: Path) -> dict[str, Any]:
    if path.stat().st_size > _LARGEST_TEXT:
        raise BadFile(f"{path} is too large to be a header")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadFile(f"{path} is not JSON") from error
    if not isinstance(content, dict):
        raise BadFile(f"{path} is not a header")
    return content
