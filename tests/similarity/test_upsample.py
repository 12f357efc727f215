"""Upsampling is bilinear in the grid's own geometry."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from napari_medfm.core.geometry import Grid
from napari_medfm.engine.upsample import corners, upsample, upsample_maps

steps = st.floats(0.4, 30)
offsets = st.floats(-20, 40)
grids = st.builds(
    Grid,
    st.integers(1, 12),
    st.integers(1, 12),
    st.tuples(steps, steps),
    st.tuples(offsets, offsets),
)
shapes = st.tuples(st.integers(1, 150), st.integers(1, 150))


def reference(values, grid, shape):
    pixels = np.indices(shape).reshape(2, -1).T
    tokens = grid.to_tokens(pixels).T
    maps = [
        map_coordinates(values[..., k].astype(float), tokens, order=1, mode="nearest")
        for k in range(values.shape[-1])
    ]
    return np.stack(maps, -1).reshape(*shape, -1)


@settings(max_examples=60, deadline=None)
@given(grids, shapes, st.integers(0, 99))
def test_it_equals_scipys_interpolation(grid, shape, seed):
    values = np.random.default_rng(seed).normal(size=(grid.rows, grid.cols, 3))
    found = upsample(values, grid, shape)
    assert found.dtype == np.float32
    assert found.shape == (*shape, 3)
    np.testing.assert_allclose(found, reference(values, grid, shape), atol=2e-5)


@settings(max_examples=40, deadline=None)
@given(grids, shapes, st.integers(0, 99))
def test_corners_give_the_same_values_at_single_pixels(grid, shape, seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(grid.rows, grid.cols, 2)).astype(np.float32)
    pixels = rng.integers(0, shape, (20, 2))
    index, weight = corners(grid, pixels)
    np.testing.assert_allclose(weight.sum(1), 1, atol=1e-6)
    found = (values.reshape(-1, 2)[index] * weight[..., None]).sum(1)
    whole = upsample(values, grid, shape)
    np.testing.assert_allclose(found, whole[pixels[:, 0], pixels[:, 1]], atol=2e-5)


def test_a_linear_map_commutes_with_it():
    rng = np.random.default_rng(0)
    grid = Grid(10, 13, (7.0, 7.3), (3.1, 2.9))
    features, matrix = rng.normal(size=(10, 13, 32)), rng.normal(size=(32, 4))
    early = upsample(features @ matrix, grid, (70, 95))
    late = upsample(features, grid, (70, 95)) @ matrix
    np.testing.assert_allclose(early, late, atol=1e-4)


def test_some_rows_are_the_rows_of_the_whole():
    values = np.random.default_rng(0).normal(size=(2, 10, 13)).astype(np.float32)
    grid = Grid(10, 13, (7.0, 7.0), (3.0, 3.0))
    whole = upsample_maps(values, grid, (70, 95))
    some = upsample_maps(values, grid, (70, 95), slice(33, 51))
    np.testing.assert_allclose(some, whole[:, 33:51], atol=1e-6)
