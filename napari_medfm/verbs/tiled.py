"""A plane too large to be held: embedded cell by cell, read part by part."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadFile
from napari_medfm.core.geometry import Box
from napari_medfm.core.image import Image
from napari_medfm.core.jobs import Progress, Steps
from napari_medfm.core.specs import Encoder
from napari_medfm.engine.blending import blended, disagreement
from napari_medfm.engine.embed import check_finite
from napari_medfm.engine.features import PlaneFeatures, Standard
from napari_medfm.engine.resize import resized_part
from napari_medfm.engine.rgb import normalised, to_rgb
from napari_medfm.engine.store import EmbeddingStore
from napari_medfm.engine.thumbnails import reduced
from napari_medfm.engine.tiles import Cell, Corner, TilePlan, micrometres, plan_tiles
from napari_medfm.engine.tissue import tissue_of
from napari_medfm.engine.windowstore import WindowStore
from napari_medfm.verbs.looks import Look, Looks
from napari_medfm.verbs.models import Model

_VERSION = 2
_SAMPLE = 8
_TONE_PIXELS = 256
_THUMBNAIL = 1024
_THUMBNAIL_LEVEL = 512
_BATCH_TOKENS = 1400
_WIDEST, _LONGEST = 24, 8
_LARGEST = np.float32(np.finfo(np.float16).max)


class TiledPlane:
    """One large plane through one encoder; any thread may use it.

    Every number about the plane as a whole (what features are centred by, what windows
    disagree about) comes from an even *sample* of its cells, which are embedded first.
    So it is the same whichever other cells are done, in whatever order and on whichever
    machine.
    """

    def __init__(
        self,
        image: Image,
        plane: int,
        model: Model[Encoder],
        store: EmbeddingStore,
        looks: Looks,
    ) -> None:
        self.image, self.plane, self._model = image, plane, model
        self._looks, self._pixels = looks, dict[Corner, str]()
        self._verified: set[Cell] = set()
        self._standard: Standard | None = None
        spec = model.get().spec
        levels = [image.level_shape(n) for n in range(len(image.pyramid))]
        mpp = micrometres(image.spacing, image.metadata.get("unit"))
        self.plan: TilePlan = plan_tiles(levels, spec, mpp)
        self._thumbnail = reduced(image, plane, _THUMBNAIL, _THUMBNAIL_LEVEL)
        self.key = _key(image, plane, model.get(), self.plan, self._thumbnail)
        depth = (max(1, len(spec.blocks)), spec.dim)
        self._store: WindowStore = store.windows(self.key, self.plan, depth)
        rows, cols = self.plan.window
        self._room = looks.room(rows * cols * depth[0] * depth[1] * 2)

    @cached_property
    def wanted(self) -> tuple[Cell, ...]:
        """The cells with tissue, all where there is no glass; row by row, in strips.

        A strip is so narrow that the windows of a row are kept for the next.
        """
        tissue = tissue_of(self._thumbnail)
        rows, cols = self.plan.cells
        wide = min(_WIDEST, max(1, self._room - 3))
        cells = [
            (i, j)
            for left in range(0, cols, wide)
            for i in range(rows)
            for j in range(left, min(left + wide, cols))
        ]
        if tissue.all():
            return tuple(cells)
        scale = np.divide(tissue.shape, self.plan.plane)
        found = []
        for cell in cells:
            top, left, bottom, right = self.plan.pixels(cell)
            low = np.floor(scale * (top, left)).astype(int)
            high = np.ceil(scale * (bottom, right)).astype(int)
            if tissue[low[0] : high[0], low[1] : high[1]].any():
                found.append(cell)
        return tuple(found)

    @cached_property
    def sample(self) -> tuple[Cell, ...]:
        """Cells that speak for the whole plane."""
        count = min(len(self.wanted), _SAMPLE)
        index = (np.arange(count) + 0.5) * len(self.wanted) / count
        return tuple(self.wanted[i] for i in index.astype(int))

    def places(self) -> list[Box]:
        """Boxes in the middle of the sample, which speak for the whole plane."""
        return [_middle(self.plan.pixels(cell), _TONE_PIXELS) for cell in self.sample]

    def has_tissue(self, box: Box) -> bool:
        """Whether anything in a box is worth embedding."""
        return not self._wanted.isdisjoint(self.cells_of(box))

    @cached_property
    def _wanted(self) -> frozenset[Cell]:
        return frozenset(self.wanted)

    def cells_of(self, box: Box) -> list[Cell]:
        """Cells that the tokens around these pixels lie in."""
        return self.plan.cells_of(*self.plan.grid.part(box)[0])

    @property
    def block(self) -> int:
        """Cells along a side of a block that is best made as one."""
        return min(_LONGEST, max(1, math.isqrt(self._room) - 1))

    def outward(self, near: tuple[float, float], cells: Iterable[Cell]) -> list[Cell]:
        """Sort cells, what is near a position first."""
        return self.plan.outward(near, cells, self.block)

    def ready(self) -> set[Cell]:
        """Return the cells that are embedded already."""
        return self._store.done()

    def layers(self, cell: Cell) -> NDArray[np.float16] | None:
        """Return the tokens (rows, cols, layers, dim) of a cell, if embedded."""
        tokens = self._store.get(cell)
        known = self.image.source is not None or cell in self._verified
        if tokens is None or known:
            return tokens
        if self._store.pixels_of(cell) != self._digests(cell):
            return None
        self._verified.add(cell)
        return tokens

    def _digests(self, cell: Cell) -> tuple[str, ...]:
        """Return the digests of the pixels that the windows of a cell see."""
        for corner in self.plan.corners(cell):
            if corner not in self._pixels:
                self._pixels[corner] = _digest(self._window(corner))
        return tuple(self._pixels[corner] for corner in self.plan.corners(cell))

    @property
    def batch(self) -> int:
        """How many windows go through the encoder at once."""
        return max(1, _BATCH_TOKENS // (self.plan.window[0] * self.plan.window[1]))

    def embed(self, cells: Iterable[Cell], *, sample: bool = True) -> Steps[None]:
        """Embed the sample, then these cells in order, whatever is not there yet.

        Without ``sample`` the cells only, where others do the rest.
        """
        order = list(dict.fromkeys([*(self.sample if sample else ()), *cells]))
        ready = self.ready()
        pending = [cell for cell in order if cell not in ready]
        size = self.batch
        for first in range(0, len(pending), size):
            done = len(order) - len(pending) + first
            yield from self._made(pending[first : first + size], done, len(order))

    def _made(self, cells: list[Cell], done: int, total: int) -> Steps[None]:
        """Embed cells of which so many of all were done before."""
        corners = [corner for cell in cells for corner in self.plan.corners(cell)]
        words = f"embedding with {self._model.get().spec.title}"
        seen: dict[Corner, Look] = {}
        missing = []
        for corner in dict.fromkeys(corners):
            look = self._looks.get(self.key, corner)
            if look is None:
                missing.append(corner)
            else:
                seen[corner] = look
        for first in range(0, len(missing), self.batch):
            yield Progress(done, total, words)
            seen |= self._looked(missing[first : first + self.batch])
        layers = {corner: look.tokens for corner, look in seen.items()}
        for cell in cells:
            pixels = tuple(seen[c].pixels for c in self.plan.corners(cell))
            apart = None
            if cell in self.sample:
                apart = disagreement(self.plan, cell, layers)
            self._store.put(cell, blended(self.plan, cell, layers), pixels, apart)
            self._verified.add(cell)

    def _looked(self, corners: list[Corner]) -> dict[Corner, Look]:
        """Run the encoder on windows."""
        windows = [self._window(corner) for corner in corners]
        with self._model.use() as encoder:
            found = encoder.encode(np.stack(windows))
            check_finite(found, encoder.spec)
        looks = {}
        for corner, window, tokens in zip(corners, windows, found, strict=True):
            kept = np.clip(tokens, -_LARGEST, _LARGEST).astype(np.float16)
            looks[corner] = Look(kept, _digest(window))
            self._looks.put(self.key, corner, looks[corner])
        return looks

    def _window(self, corner: Corner) -> NDArray[np.float32]:
        """Return what the encoder sees, float32 (rows, cols, 3), mirrored beyond."""
        plan, image = self.plan, self.image
        parts, missing = [], []
        for seen, limit in zip(plan.seen(corner), plan.content, strict=True):
            stop = min(seen.stop * plan.patch, limit)
            parts.append(slice(seen.start * plan.patch, stop))
            missing.append((0, seen.stop * plan.patch - stop))

        def read(rows: slice, cols: slice) -> NDArray[np.float32]:
            box = Box(rows.start, cols.start, rows.stop, cols.stop)
            return to_rgb(normalised(image, self.plane, box, plan.level))

        part = resized_part(read, plan.size, plan.content, (parts[0], parts[1]))
        padded = np.pad(part, (*missing, (0, 0)), mode="symmetric")
        return np.ascontiguousarray(padded, np.float32)

    def fetched(self, cell: Cell) -> Steps[NDArray[np.float16]]:
        """Return the tokens (rows, cols, layers, dim) of a cell: kept, or made now."""
        layers = self.layers(cell)
        if layers is None:
            yield from self._made([cell], 0, 1)
            layers = self.layers(cell)
        if layers is None:
            raise BadFile(f"{self.image.name!r} changes while it is being read")
        return layers

    def read(self, box: Box) -> Steps[NDArray[np.float16]]:
        """Return the tokens around pixels of a box; see `Grid.part` for which."""
        (rows, cols), _ = self.plan.grid.part(box)
        cells = self.plan.cells_of(rows, cols)
        yield from self.embed(cells)
        found: NDArray[np.float16] | None = None
        for cell in cells:
            layers = yield from self.fetched(cell)
            if found is None:
                size = (rows.stop - rows.start, cols.stop - cols.start)
                found = np.empty((*size, *layers.shape[2:]), np.float16)
            down, across = self.plan.kept(cell)
            into_r, of_r = _shared(rows, down)
            into_c, of_c = _shared(cols, across)
            found[into_r, into_c] = layers[of_r, of_c]
        assert found is not None  # noqa: S101  a box lies between some tokens
        return found

    def part(self, box: Box, margin: int) -> Steps[PlaneFeatures]:
        """Return the features of a box and ``margin`` pixels around it."""
        whole = yield from self.standard()
        rows, cols = self.plan.plane
        wide = Box(
            max(box.row0 - margin, 0),
            max(box.col0 - margin, 0),
            min(box.row1 + margin, rows),
            min(box.col1 + margin, cols),
        )
        layers = yield from self.read(wide)
        return PlaneFeatures(
            layers=layers,
            grid=self.plan.grid.part(wide)[1],
            channels=normalised(self.image, self.plane, wide),
            key=self.key,
            encoder=self._model.name,
            origin=(int(wide.row0), int(wide.col0)),
            standard=whole,
        )

    def sampled(self) -> Steps[NDArray[np.float16]]:
        """Return the tokens of the sample, (n, layers, dim)."""
        yield from self.embed(())
        found = []
        for cell in self.sample:
            layers = yield from self.fetched(cell)
            found.append(layers.reshape(-1, *layers.shape[2:]))
        return np.concatenate(found)

    def apart(self) -> Steps[NDArray[np.float16]]:
        """Return what the windows of the sample disagree about, (n, dim)."""
        yield from self.embed(())
        found = []
        for cell in self.sample:
            yield from self.fetched(cell)
            if self._store.apart(cell) is None:
                yield from self._made([cell], 0, 1)
            apart = self._store.apart(cell)
            if apart is not None:
                found.append(apart)
        dim = self._model.get().spec.dim
        return np.concatenate([np.zeros((0, dim), np.float16), *found])

    def standard(self) -> Steps[Standard]:
        """Return what the features of the whole plane are centred by."""
        if self._standard is not None:
            return self._standard
        tokens = yield from self.sampled()
        tone = []
        for box in self.places():
            channels = normalised(self.image, self.plane, box)
            tone.append(channels.reshape(1, -1, channels.shape[-1]))
        whole = Standard.of(tokens, np.concatenate(tone, axis=1))
        self._standard = whole
        return whole


def _shared(one: slice, other: slice) -> tuple[slice, slice]:
    """Return the range common to two ranges, as places in each of them."""
    first, last = max(one.start, other.start), min(one.stop, other.stop)
    return (
        slice(first - one.start, last - one.start),
        slice(first - other.start, last - other.start),
    )


def _middle(box: Box, side: int) -> Box:
    row = int(box.row0 + max(0, box.height - side) // 2)
    col = int(box.col0 + max(0, box.width - side) // 2)
    return Box(row, col, min(row + side, box.row1), min(col + side, box.col1))


def _digest(window: NDArray[np.float32]) -> str:
    return hashlib.sha256(window.data).hexdigest()


def _key(
    image: Image,
    plane: int,
    encoder: Encoder,
    plan: TilePlan,
    thumbnail: NDArray[np.float32],
) -> str:
    """Name the windows of a plane by all that decides them, without reading it all.

    Pixels enter by the thumbnail and, for a file, its size and time; the pixels of an
    array are compared window by window when its tokens are first used.
    """
    spec = encoder.spec
    facts: dict[str, Any] = {
        "version": _VERSION,
        "plane": plane,
        "shape": list(image.data.shape),
        "dtype": str(image.data.dtype),
        "window": [[float(value) for value in pair] for pair in image.window],
        "thumbnail": _digest(np.ascontiguousarray(thumbnail)),
        "plan": [plan.content, plan.level, plan.size, plan.window, plan.cell],
        "encoder": spec.name,
        "weights": encoder.weights_hash,
        "preprocessing": [spec.input_size, spec.patch, spec.mean, spec.std],
        "blocks": spec.blocks,
    }
    if image.source is not None and image.source.exists():
        stat = image.source.stat()
        facts["file"] = [stat.st_size, stat.st_mtime_ns]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
