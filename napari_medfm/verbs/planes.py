"""From a plane of an image to its embedding and features, each computed once."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import Box
from napari_medfm.core.image import Image
from napari_medfm.core.jobs import Progress, Steps
from napari_medfm.core.results import Embedding
from napari_medfm.core.specs import Encoder
from napari_medfm.engine.embed import embed_rgb, embedding_key
from napari_medfm.engine.features import PlaneFeatures, plane_features
from napari_medfm.engine.filters import REACH
from napari_medfm.engine.rgb import grey, normalised, to_rgb
from napari_medfm.engine.similarity import SimilarityIndex
from napari_medfm.engine.store import EmbeddingStore
from napari_medfm.engine.tiles import LARGE
from napari_medfm.engine.volumes import plan_volume, plane_layers, slab_layers
from napari_medfm.verbs.looks import Looks
from napari_medfm.verbs.models import Model
from napari_medfm.verbs.tiled import TiledPlane

SIDE = 1024
MARGIN = REACH + 8
VOLUMES = "volume 1"


def is_large(image: Image) -> bool:
    """Whether the image's planes are embedded, asked and read by parts."""
    return math.prod(image.plane_shape) > LARGE


class FeatureCache:
    """The features of the planes used last, kept in memory up to a size."""

    def __init__(self, max_bytes: int = 2**29) -> None:
        self._max = max_bytes
        self._planes: OrderedDict[str, PlaneFeatures] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> PlaneFeatures | None:
        """Return the features of an embedding key, or None."""
        with self._lock:
            if key in self._planes:
                self._planes.move_to_end(key)
            return self._planes.get(key)

    def put(self, key: str, features: PlaneFeatures) -> None:
        """Keep them; the ones not used for longest go."""
        with self._lock:
            self._planes[key] = features
            self._planes.move_to_end(key)
            held = sum(plane.nbytes for plane in self._planes.values())
            while held > self._max and len(self._planes) > 1:
                held -= self._planes.popitem(last=False)[1].nbytes


class IndexCache:
    """The planes compared last, ready for the next click."""

    def __init__(self, max_indices: int = 3) -> None:
        self._max = max_indices
        self._kept: OrderedDict[tuple[str, ...], SimilarityIndex] = OrderedDict()
        self._lock = threading.Lock()

    def of(
        self,
        embeddings: Mapping[str, Embedding],
        apart: Sequence[NDArray[np.float16]] = (),
    ) -> SimilarityIndex:
        """Return the index of these planes, made once; see `SimilarityIndex.of`."""
        key = tuple(f"{name}={e.key}" for name, e in sorted(embeddings.items()))
        with self._lock:
            index = self._kept.pop(key, None)
            if index is None:
                index = SimilarityIndex.of(embeddings, apart=apart)
            self._kept[key] = index
            while len(self._kept) > self._max:
                self._kept.popitem(last=False)
        return index


@dataclass(frozen=True, eq=False)
class PlaneReader:
    """Reads planes through the encoder, the store on disk and the cache in memory.

    Safe to use from any thread.
    """

    encoder: Model[Encoder]
    store: EmbeddingStore
    cache: FeatureCache
    _keys: dict[tuple[int, int], str] = field(default_factory=dict)
    _volumes: dict[int, str] = field(default_factory=dict)
    _tiled: dict[tuple[int, int], TiledPlane] = field(default_factory=dict)
    _looks: Looks = field(default_factory=Looks)
    _lock: Any = field(default_factory=threading.Lock)

    def tiled(self, image: Image, plane: int) -> TiledPlane | None:
        """Return a large plane, which is embedded and read by parts; None if it is not.

        Loads the encoder.
        """
        if not is_large(image):
            return None
        spec = self.encoder.get().spec
        if spec.dimension == 3:
            raise BadInput(
                f"{spec.title} reads volumes whole, and planes of {image.name!r} are "
                "too large for that: crop it, or use an encoder of planes"
            )
        with self._lock:
            known = self._tiled.get((image.uid, plane))
            if known is None:
                known = TiledPlane(image, plane, self.encoder, self.store, self._looks)
                self._tiled[image.uid, plane] = known
        return known

    def context(self, image: Image, plane: int) -> list[Box]:
        """Return boxes that speak for a plane: all of it, or a spread over a large."""
        tiled = self.tiled(image, plane)
        return self.boxes(image) if tiled is None else tiled.places()

    def boxes(
        self, image: Image, box: Box | None = None, side: int = SIDE
    ) -> list[Box]:
        """Cut a plane, or the part in a box, into what can be held at once.

        Returns
        -------
        list of Box
            The whole plane, where it is not large; else those squares of a fixed
            raster that touch the box.
        """
        rows, cols = image.plane_shape
        if not is_large(image):
            return [Box(0, 0, rows, cols)]
        wanted = Box(0, 0, rows, cols) if box is None else box.clipped((rows, cols))
        return [
            Box(r, c, min(r + side, rows), min(c + side, cols))
            for r in range(int(wanted.row0) // side * side, int(wanted.row1), side)
            for c in range(int(wanted.col0) // side * side, int(wanted.col1), side)
        ]

    def part(self, image: Image, plane: int, box: Box) -> Steps[PlaneFeatures]:
        """Return the features of one of `boxes`, with a margin where it is a part."""
        tiled = self.tiled(image, plane)
        if tiled is None:
            features = yield from self.features(image, plane)
            return features
        key = f"{tiled.key}:{tuple(map(int, box))}"
        cached = self.cache.get(key)
        if cached is None:
            cached = yield from tiled.part(box, MARGIN)
            self.cache.put(key, cached)
        return cached

    def key(self, image: Image, plane: int) -> str:
        """Return the content key of a plane's embedding; loads the encoder."""
        tiled = self.tiled(image, plane)
        if tiled is not None:
            return tiled.key
        known = self._keys.get((image.uid, plane))
        if known is None:
            encoder = self.encoder.get()
            flat = encoder.spec.dimension == 2
            pixels = image.plane_sha256(plane) if flat else self._volume(image, plane)
            known = embedding_key(pixels, image.window, encoder, shifts=flat)
            self._keys[image.uid, plane] = known
        return known

    def _volume(self, image: Image, plane: int) -> str:
        """Name a plane by all of its volume, which an encoder of volumes sees."""
        known = self._volumes.get(image.uid)
        if known is None:
            known = self._volumes[image.uid] = image.sha256()
        return f"{VOLUMES}:{known}:{image.spacing}:{plane}"

    def ready(self, image: Image, plane: int) -> bool:
        """Whether the plane's features are in memory, so that reading takes no time."""
        if (image.uid, plane) in self._tiled:
            return True
        known = self._keys.get((image.uid, plane))
        return known is not None and self.cache.get(known) is not None

    def embedding(self, image: Image, plane: int) -> Steps[Embedding]:
        """Return the embedding of a plane: from the store, or computed and stored."""
        yield Progress(0, 1, f"reading {image.name}")
        key = self.key(image, plane)
        cached = self.cache.get(key)
        if cached is not None:
            return Embedding(cached.layers, cached.grid, key, cached.encoder)
        stored = self.store.get(key)
        if stored is not None:
            return stored
        if self.encoder.get().spec.dimension == 3:
            return (yield from self._slab(image, plane))
        rgb = to_rgb(normalised(image, plane))
        with self.encoder.use() as encoder:
            layers, grid = yield from embed_rgb(rgb, encoder)
        embedding = Embedding(layers, grid, key, self.encoder.name)
        self.store.put(embedding)
        return embedding

    def _slab(self, image: Image, plane: int) -> Steps[Embedding]:
        """Embed the slab of a volume that a plane lies in, and keep all its planes."""
        with self.encoder.use() as encoder:
            spec = encoder.spec
            if image.ndim != 3:
                raise BadInput(
                    f"{spec.title} reads volumes, and {image.name!r} is a picture: use "
                    "an encoder of planes"
                )
            unit = image.metadata.get("unit")
            known = unit == "mm" or (unit is None and set(image.spacing) != {1.0})
            depth, rows, cols = image.shape
            plan = plan_volume(
                (depth, rows, cols), image.spacing if known else None, spec
            )
            slab = plan.slab_of(plane)
            layers = yield from slab_layers(
                partial(grey, image, spec.intensity), plan, slab, encoder
            )
        found: Embedding | None = None
        for index in plan.planes_of(slab):
            own = plane_layers(layers, plan, slab, index)
            made = Embedding(own, plan.grid, self.key(image, index), self.encoder.name)
            self.store.put(made)
            found = made if index == plane else found
        assert found is not None  # noqa: S101  a plane lies in its own slab
        return found

    def features(self, image: Image, plane: int) -> Steps[PlaneFeatures]:
        """Return the features of a plane: cached, or made of its embedding."""
        key = self.key(image, plane)
        cached = self.cache.get(key)
        if cached is not None:
            return cached
        embedding = yield from self.embedding(image, plane)
        features = plane_features(embedding, normalised(image, plane))
        self.cache.put(key, features)
        return features
