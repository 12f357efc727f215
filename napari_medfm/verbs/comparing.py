"""Planes that are compared with one another, whatever their number and size.

A few small planes are held, ready for the next click. Of the others a sample is held,
from which they are whitened; their tokens are read again, part by part, for each click.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import Box, Grid
from napari_medfm.core.image import Image
from napari_medfm.core.jobs import Progress, Steps, finished
from napari_medfm.core.results import Embedding
from napari_medfm.engine.lazymap import slide_map
from napari_medfm.engine.similarity import likeness
from napari_medfm.engine.upsample import upsample
from napari_medfm.verbs.planes import IndexCache, PlaneReader
from napari_medfm.verbs.tiled import TiledPlane

Floats = NDArray[np.float32]
Reference = tuple[str, tuple[float, float]]
Scorer = Callable[[str, NDArray[np.float16]], Floats]
_HELD = 256 << 20
_SAMPLED = 1024


def place_of(name: str, plane: int) -> str:
    """Name a plane of an image."""
    return f"{name}:{plane}"


class Scene:
    """The planes of one comparison."""

    def __init__(self, reader: PlaneReader, indices: IndexCache) -> None:
        self._reader, self._indices = reader, indices
        self._samples: dict[str, Embedding] = {}
        self._held: dict[str, Embedding] = {}
        self._tiled: dict[str, TiledPlane] = {}
        self._apart: list[NDArray[np.float16]] = []
        self._clicked: dict[Reference, NDArray[np.float16]] = {}
        self._bytes = 0

    def add(
        self,
        image: Image,
        plane: int,
        box: Box | None = None,
        points: Sequence[tuple[float, float]] = (),
    ) -> Steps[None]:
        """Embed a plane and keep what comparing needs of it.

        Parameters
        ----------
        box
            Embed no more of a large plane than this.
        points
            Places that were clicked on it.
        """
        name = place_of(image.name, plane)
        yield Progress(0, 1, f"{image.name}, plane {plane + 1}")
        tiled = self._reader.tiled(image, plane)
        if tiled is None:
            if name not in self._samples:
                embedding = yield from self._reader.embedding(image, plane)
                self._keep(name, embedding, points)
            return
        self._tiled[name] = tiled
        yield from tiled.embed(tiled.wanted if box is None else tiled.cells_of(box))
        sample = yield from tiled.sampled()
        if name not in self._samples:
            self._apart.append((yield from tiled.apart()))
        self._samples[name] = _sample(sample[:, None, -1:], tiled.key, self._reader)
        for point in points:
            row, col = (int(np.floor(value + 0.5)) for value in point)
            layers = yield from tiled.read(Box(row, col, row + 1, col + 1))
            own = tiled.plan.grid.part(Box(row, col, row + 1, col + 1))[1]
            near = own.nearest([(0, 0)])[0]
            self._clicked[name, point] = layers[near[0], near[1], -1]

    def _keep(
        self, name: str, embedding: Embedding, points: Sequence[tuple[float, float]]
    ) -> None:
        size = embedding.tokens.size * 6
        if self._bytes + size <= _HELD:
            self._bytes += size
            last = replace(embedding, layers=embedding.layers[:, :, -1:].copy())
            self._held[name] = self._samples[name] = last
            return
        for point in points:
            row, col = embedding.grid.nearest([point])[0]
            self._clicked[name, point] = embedding.tokens[row, col].copy()
        layers = embedding.layers[:, :, -1:].reshape(
            -1, 1, 1, embedding.layers.shape[3]
        )
        step = max(1, len(layers) // _SAMPLED)
        self._samples[name] = _sample(
            layers[::step].copy(), embedding.key, self._reader
        )

    def scorer(
        self, positive: Sequence[Reference], negative: Sequence[Reference]
    ) -> Scorer:
        """Return what scores tokens (n, dim) of a plane against places clicked."""
        index = self._indices.of(self._samples, self._apart)

        def rows(places: Sequence[Reference]) -> Floats:
            found = []
            for place in places:
                token = self._clicked.get(place)
                if token is None:
                    found.append(index.tokens_at([place])[0])
                else:
                    found.append(index.ready(place[0], token[None])[0])
            return np.array(found, np.float32)

        like, unlike = rows(positive), rows(negative)

        def score(name: str, tokens: NDArray[np.float16]) -> Floats:
            if name in self._held:
                return likeness(index.tokens[name], like, unlike)
            return likeness(index.ready(name, tokens), like, unlike)

        return score

    def map(self, image: Image, plane: int, scorer: Scorer) -> Steps[object]:
        """Return the map of a plane: an array, or a lazy one of a large plane."""
        name = place_of(image.name, plane)
        tiled = self._tiled.get(name)
        if tiled is not None:
            scores = yield from _scores(tiled, name, scorer)
            grow = partial(_grown, tiled, name, scorer, scores)
            return slide_map(scores, tiled.plan.grid, image.plane_shape, grow)
        embedding = self._held.get(name)
        if embedding is None:
            embedding = yield from self._reader.embedding(image, plane)
        tokens = embedding.tokens.reshape(-1, embedding.tokens.shape[-1])
        grid = embedding.grid
        values = scorer(name, tokens).reshape(grid.rows, grid.cols, 1)
        return np.clip(upsample(values, grid, image.plane_shape)[..., 0], -1, 1)


def _scores(tiled: TiledPlane, name: str, scorer: Scorer) -> Steps[Floats]:
    """Score every token that is embedded; the others are NaN."""
    scores = np.full(tiled.plan.tokens, np.nan, np.float32)
    ready = sorted(tiled.ready())
    for done, cell in enumerate(ready):
        if done % 16 == 0:
            yield Progress(done, len(ready), "comparing")
        layers = yield from tiled.fetched(cell)
        last = layers[:, :, -1]
        found = scorer(name, last.reshape(-1, last.shape[-1]))
        scores[tiled.plan.kept(cell)] = found.reshape(last.shape[:2])
    return scores


def _grown(
    tiled: TiledPlane,
    name: str,
    scorer: Scorer,
    scores: Floats,
    near: tuple[float, float],
) -> Steps[None]:
    """Embed and score what has no score yet, what lies near a position first."""
    rest = [c for c in tiled.wanted if np.isnan(scores[tiled.plan.kept(c)]).any()]
    rest = tiled.outward(near, rest)
    for done in range(0, len(rest), tiled.batch):
        batch = rest[done : done + tiled.batch]
        for _ in tiled.embed(batch, sample=False):
            yield Progress(done, len(rest), "reading the rest of the slide")
        for cell in batch:
            last = finished(tiled.fetched(cell))[:, :, -1]
            found = scorer(name, last.reshape(-1, last.shape[-1]))
            scores[tiled.plan.kept(cell)] = found.reshape(last.shape[:2])


def _sample(layers: NDArray[np.float16], key: str, reader: PlaneReader) -> Embedding:
    """Return tokens (n, 1, 1, dim) as if they were a plane."""
    grid = Grid(len(layers), 1, (1.0, 1.0), (0.0, 0.0))
    return Embedding(layers, grid, f"{key}:sample", reader.encoder.name)
