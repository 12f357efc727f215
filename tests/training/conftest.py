"""Two small planes whose halves differ, and clicks on them."""

import numpy as np
import pytest

from napari_medfm.core.geometry import Grid
from napari_medfm.core.labels import Annotation, LabelClass
from napari_medfm.core.results import Embedding
from napari_medfm.engine.features import plane_features
from napari_medfm.verbs.training import examples_of
from napari_medfm.verbs.unlabelled import unlabelled

GRID = Grid(20, 22, (7.0, 7.0), (3.0, 3.0))
SHAPE = (140, 154)


def make_plane(seed, encoder="toy", dim=8, channels=1):
    """The top is one tissue, the bottom another, in tokens and in pixels."""
    rng = np.random.default_rng(seed)
    layers = rng.normal(0, 1, (20, 22, 2, dim))
    layers[:10, :, :, :3] += 1.5
    pixels = rng.random((*SHAPE, channels)) * 0.5
    pixels[:70] += 0.4
    made = Embedding(layers.astype(np.float16), GRID, f"{encoder}{seed}", encoder)
    return plane_features(made, pixels.astype(np.float32))


def click(number, image, value, row, col):
    pixels = np.array([[row, col]], np.int32)
    return Annotation(number, image, value, "pixel", "points", pixels)


@pytest.fixture
def planes():
    return {"a": make_plane(0), "b": make_plane(1)}


@pytest.fixture
def rest(planes):
    nothing = np.empty((0, 2), int)
    return [unlabelled(name, name, 0, planes[name], nothing) for name in planes]


@pytest.fixture
def examples(planes):
    rng = np.random.default_rng(5)
    found = []
    for number in range(40):
        image, value = "ab"[number // 20], number % 2
        row = rng.integers(0, 66) + (0 if value else 74)
        given = click(number, image, value, row, rng.integers(0, 154))
        found += examples_of(given, image, {0: planes[image]})
    return found


@pytest.fixture
def classes():
    return tuple(
        LabelClass(name, value, "#ffffff")
        for value, name in enumerate(["background", "top", "unused"])
    )
