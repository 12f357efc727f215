"""From a plane of an image to its embedding and features, each computed once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from napari_medfm.core.image import Image
from napari_medfm.core.jobs import Progress, Steps
from napari_medfm.core.results import Embedding
from napari_medfm.core.specs import Encoder
from napari_medfm.engine.embed import embed_rgb, embedding_key
from napari_medfm.engine.features import PlaneFeatures, plane_features
from napari_medfm.engine.rgb import normalised, to_rgb
from napari_medfm.engine.similarity import SimilarityIndex
from napari_medfm.engine.store import EmbeddingStore
from napari_medfm.verbs.models import Model


class FeatureCache:
    """The features of the planes used last, kept in memory up to a size."""

    def __init__(self, max_bytes: int = 2 * 2**30) -> None:
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

    def of(self, embeddings: Mapping[str, Embedding]) -> SimilarityIndex:
        """Return the index of these planes, made once."""
        key = tuple(f"{name}={e.key}" for name, e in sorted(embeddings.items()))
        with self._lock:
            index = self._kept.pop(key, None)
            if index is None:
                index = SimilarityIndex.of(embeddings)
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

    def key(self, image: Image, plane: int) -> str:
        """Return the content key of a plane's embedding; loads the encoder."""
        known = self._keys.get((image.uid, plane))
        if known is None:
            known = embedding_key(
                image.plane_sha256(plane), image.window, self.encoder.get(), shifts=True
            )
            self._keys[image.uid, plane] = known
        return known

    def ready(self, image: Image, plane: int) -> bool:
        """Whether the plane's features are in memory, so that reading takes no time."""
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
        rgb = to_rgb(normalised(image, plane))
        with self.encoder.use() as encoder:
            layers, grid = yield from embed_rgb(rgb, encoder)
        embedding = Embedding(layers, grid, key, self.encoder.name)
        self.store.put(embedding)
        return embedding

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
