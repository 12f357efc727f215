"""What a head says of an image: held where it fits, else kept on disk in squares."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import Box
from napari_medfm.core.image import Image
from napari_medfm.core.jobs import Progress, Steps
from napari_medfm.core.lazy import LazyArray
from napari_medfm.core.results import Prediction
from napari_medfm.engine.features import PlaneFeatures
from napari_medfm.engine.labelstore import LabelStore
from napari_medfm.engine.provenance import version
from napari_medfm.verbs.planes import SIDE, PlaneReader, is_large
from napari_medfm.verbs.predicting import check_fits, predict_plane
from napari_medfm.verbs.trained import TrainedModel

Answer = tuple[NDArray[Any], NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Wish:
    """What is to be predicted.

    Parameters
    ----------
    biases
        Class value -> number added to its logit on this image.
    region
        Part of each plane; all of it if None.
    """

    image: Image
    model: TrainedModel
    planes: tuple[int, ...]
    biases: Mapping[int, float]
    region: Box | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the labels."""
        return np.dtype(np.uint8 if max(self.model.values) < 256 else np.uint16)

    @property
    def size(self) -> tuple[int, int]:
        """(rows, cols) of the answer."""
        if self.region is None:
            return self.image.plane_shape
        return int(self.region.height), int(self.region.width)


def predicted(reader: PlaneReader, wish: Wish) -> Steps[Prediction]:
    """Predict at full resolution."""
    if wish.region is None and is_large(wish.image):
        arrays = yield from _kept(reader, wish)
    else:
        arrays = yield from _held(reader, wish)
    labels, probabilities, uncertainty = arrays
    every = len(wish.planes) == wish.image.n_planes
    return Prediction(
        labels=labels,
        probabilities=probabilities,
        uncertainty=uncertainty,
        values=wish.model.values,
        image=wish.image.name,
        provenance={
            "made_by": "head",
            "program": version(),
            "recipe": wish.model.recipe,
            "head": wish.model.card,
            "biases": {str(value): bias for value, bias in wish.biases.items()},
            "planes": "all" if every else list(wish.planes),
            **({} if wish.region is None else {"region": list(wish.region)}),
        },
        classes=wish.model.classes,
        planes=None if every else wish.planes,
        image_uid=wish.image.uid,
        region=wish.region,
    )


def _held(reader: PlaneReader, wish: Wish) -> Steps[Any]:
    """Predict into memory, the squares of a region one after another."""
    image, region = wish.image, wish.region
    shape = (image.n_planes, *wish.size)
    kept = np.float32 if image.ndim == 2 else np.float16
    labels: NDArray[Any] = np.zeros(shape, wish.dtype)
    probabilities: NDArray[Any] = np.zeros((len(wish.model.values), *shape), kept)
    uncertainty: NDArray[Any] = np.zeros(shape, kept)
    boxes = reader.boxes(image, region)
    origin = (0, 0) if region is None else (int(region.row0), int(region.col0))
    for done, plane in enumerate(wish.planes):
        for number, box in enumerate(boxes):
            yield Progress(
                done * len(boxes) + number,
                len(wish.planes) * len(boxes),
                f"plane {plane + 1}" if image.ndim == 3 else "predicting",
            )
            wanted = box if region is None else _overlap(box, region)
            found = yield from _square(reader, wish, plane, box, wanted)
            place = (plane, *_moved(wanted, origin).slices)
            labels[place], probabilities[(slice(None), *place)] = found[0], found[1]
            uncertainty[place] = found[2]
    whole = shape if image.ndim == 3 else shape[1:]
    return (
        labels.reshape(whole),
        probabilities.reshape(len(probabilities), *whole),
        uncertainty.reshape(whole),
    )


def _kept(reader: PlaneReader, wish: Wish) -> Steps[Any]:
    """Predict onto the disk; what an earlier run has written is not made again."""
    image = wish.image
    shape = (image.n_planes, *image.plane_shape)
    key = _key(reader, wish)
    root = reader.store.root or Path(tempfile.mkdtemp(prefix="medfm-"))
    store = LabelStore(root / key, shape, SIDE, wish.dtype.name, key)
    jobs = [(plane, box) for plane in wish.planes for box in reader.boxes(image)]
    for done, (plane, box) in enumerate(jobs):
        yield Progress(done, len(jobs), f"predicting {image.name}")
        if not store.has(plane, box):
            found = yield from _square(reader, wish, plane, box, box)
            store.write(plane, box, found[0])

    def lazy(array: Any, levels: tuple[Any, ...] = ()) -> LazyArray:
        def part(index: tuple[slice, ...]) -> NDArray[Any]:
            found: NDArray[Any] = array[index if len(index) == 3 else (0, *index)]
            return found

        shape = (*image.shape[:-2], *array.shape[1:])
        return LazyArray(shape, wish.dtype, part, levels)

    count = len(wish.model.values)
    kind = np.dtype(np.float32)
    return (
        lazy(store.array, tuple(lazy(level) for level in store.levels)),
        LazyArray((count, *image.shape), kind, _anew(reader, wish, _probabilities)),
        LazyArray(image.shape, kind, _anew(reader, wish, _uncertainty)),
    )


def _anew(
    reader: PlaneReader,
    wish: Wish,
    choose: Callable[[Prediction, tuple[slice, ...]], NDArray[Any]],
) -> Callable[[tuple[slice, ...]], NDArray[Any]]:
    """Return what predicts a part again, for what is not kept."""

    def read(index: tuple[slice, ...]) -> NDArray[Any]:
        rows, cols = index[-2:]
        box = Box(rows.start, cols.start, rows.stop, cols.stop)
        again = Wish(wish.image, wish.model, wish.planes, wish.biases, box)
        steps = predicted(reader, again)
        try:
            while True:
                next(steps)
        except StopIteration as stop:
            return choose(stop.value, index)

    return read


def _probabilities(found: Prediction, index: tuple[slice, ...]) -> NDArray[Any]:
    part: NDArray[Any] = found.probabilities[index[:-2]]
    return part


def _uncertainty(found: Prediction, index: tuple[slice, ...]) -> NDArray[Any]:
    part: NDArray[Any] = found.uncertainty[index[:-2]]
    return part


def _square(
    reader: PlaneReader, wish: Wish, plane: int, box: Box, wanted: Box
) -> Steps[Answer]:
    """Predict one of the reader's boxes and return the part of it that is wanted.

    Bare glass is nothing for sure.
    """
    tiled = reader.tiled(wish.image, plane)
    if tiled is not None and not tiled.has_tissue(box):
        return _nothing(wish, (int(wanted.height), int(wanted.width)))
    features: PlaneFeatures = yield from reader.part(wish.image, plane, box)
    check_fits(wish.model, features)
    found = predict_plane(wish.model, features, wish.biases)
    place = _moved(wanted, features.origin).slices
    return found[0][place], found[1][(slice(None), *place)], found[2][place]


def _nothing(wish: Wish, size: tuple[int, int]) -> Answer:
    values = wish.model.values
    probabilities = np.zeros((len(values), *size), np.float32)
    if 0 in values:
        probabilities[values.index(0)] = 1
    return np.zeros(size, wish.dtype), probabilities, np.zeros(size, np.float32)


def _overlap(one: Box, other: Box) -> Box:
    return Box(
        max(one.row0, other.row0),
        max(one.col0, other.col0),
        min(one.row1, other.row1),
        min(one.col1, other.col1),
    )


def _moved(box: Box, origin: tuple[int, int]) -> Box:
    row, col = origin
    return Box(box.row0 - row, box.col0 - col, box.row1 - row, box.col1 - col)


def _key(reader: PlaneReader, wish: Wish) -> str:
    digest = hashlib.sha256()
    for name, array in sorted(wish.model.tensors().items()):
        digest.update(name.encode() + np.ascontiguousarray(array).tobytes())
    facts = {
        "planes": [reader.key(wish.image, plane) for plane in wish.planes],
        "head": digest.hexdigest(),
        "weights": [expert.weight for expert in wish.model.experts],
        "bias": list(wish.model.bias),
        "smoothing": wish.model.smoothing,
        "biases": sorted((int(v), float(b)) for v, b in wish.biases.items()),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
