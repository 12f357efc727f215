from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from napari_medfm.core.errors import BadFile, BadInput
from napari_medfm.engine.embed import embed_rgb, embedding_key
from napari_medfm.engine.windows import WindowPolicy, plan_windows

QUICK = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
ONE_WINDOW = WindowPolicy(whole=1e9)


def ramps(shape):
    """A plane whose colours are its own positions."""
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    return np.stack([rows, cols, 0 * rows], -1).astype(np.float32) / 512


def grid_positions(grid):
    index = np.stack(np.mgrid[: grid.rows, : grid.cols], -1)
    return grid.to_pixels(index.reshape(-1, 2)).reshape(index.shape)


@QUICK
@given(
    shape=st.tuples(st.integers(20, 500), st.integers(20, 500)),
    family=st.sampled_from([(14, 112), (16, 64), (8, 64), (14, 154)]),
    shifts=st.booleans(),
)
def test_tokens_lie_exactly_where_the_grid_says(
    compass, seen, run, shape, family, shifts
):
    encoder = compass(*family)
    (layers, grid), _ = run(embed_rgb(ramps(shape), encoder, shifts=shifts))
    assert layers.shape == (grid.rows, grid.cols, 1, 6)
    assert layers.dtype == np.float16
    found, wanted = seen(layers)[..., :2] * 512, grid_positions(grid)
    scale = plan_windows(shape, encoder.spec, shifts=shifts).resize.scale
    compared = 0
    for axis in (0, 1):
        reach = (family[0] / 2 + 1) / scale[axis] + 2 + 1 / scale[axis]
        inside = wanted[..., axis] > reach
        inside &= wanted[..., axis] < shape[axis] - 1 - reach
        error = np.abs(found - wanted)[..., axis][inside]
        compared += error.size
        assert error.max(initial=0) < 1e-3
    assume(compared > 0)


def test_windows_give_the_tokens_of_the_whole_where_context_does_not_matter(
    compass, seen, run
):
    shape = (300, 420)
    picture = np.random.default_rng(0).random((*shape, 3), dtype=np.float32)
    encoder = compass(14, 112)
    plan = plan_windows(shape, encoder.spec)
    assert len(plan.corners) > 4
    (windowed, grid), _ = run(embed_rgb(picture, encoder))
    whole = compass(14, max(plan.tokens) * 14)
    (one, other), _ = run(embed_rgb(picture, whole, policy=ONE_WINDOW))
    assert grid == other
    np.testing.assert_allclose(seen(windowed), seen(one), atol=1e-5)


def test_blending_has_no_seams(compass, run):
    class Vignette(compass):
        """Tokens depend on their place in the window, as those of a ViT do."""

        def encode(self, batch):
            tokens = super().encode(batch)
            rows, cols = tokens.shape[1:3]
            place = np.add.outer(np.hanning(rows + 2), np.hanning(cols + 2))
            return tokens + place[None, 1:-1, 1:-1, None, None].astype(np.float32)

    flat = np.full((400, 400, 3), 0.5, np.float32)
    (layers, _), _ = run(embed_rgb(flat, Vignette(14, 112)))
    values = layers[..., 0, 0].astype(float)
    steps = max(np.abs(np.diff(values, axis=axis)).max() for axis in (0, 1))
    assert steps < 0.35 * (values.max() - values.min())


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 300), (3, 4000), (4000, 1), (17, 13), (2, 2)]
)
def test_extreme_shapes_work(compass, seen, run, shape):
    picture = np.full((*shape, 3), 0.25, np.float32)
    (layers, grid), _ = run(embed_rgb(picture, compass()))
    assert layers.shape[:2] == (grid.rows, grid.cols)
    np.testing.assert_allclose(seen(layers), 0.25, atol=1e-6)


def test_half_the_stride_with_shifts(compass, run):
    picture = ramps((112, 112))
    (_, fine), _ = run(embed_rgb(picture, compass()))
    (_, plain), _ = run(embed_rgb(picture, compass(), shifts=False))
    assert fine.stride == (7, 7)
    assert plain.stride == (14, 14)
    assert (fine.rows, fine.cols) == (2 * plain.rows, 2 * plain.cols)


def test_a_plane_of_the_input_size_is_not_resampled(compass, seen, run):
    picture = np.random.default_rng(1).random((112, 112, 3), dtype=np.float32)
    (layers, grid), _ = run(embed_rgb(picture, compass(), shifts=False))
    means = picture.reshape(8, 14, 8, 14, 3).mean((1, 3), dtype=np.float64)
    np.testing.assert_allclose(seen(layers), means, atol=1e-6)
    assert grid.offset == (6.5, 6.5)


def test_every_pass_is_one_progress_step_and_nothing_runs_ahead(compass, run):
    encoder = compass()
    steps = embed_rgb(ramps((100, 100)), encoder)
    first = next(steps)
    assert (first.done, first.total) == (0, 4)
    assert encoder.batches == []
    assert next(steps).done == 1
    assert len(encoder.batches) == 1
    steps.close()
    assert len(encoder.batches) == 1


def test_small_windows_go_together_and_large_ones_alone(compass, run):
    small, large = compass(14, 112), compass(14, 518)
    run(embed_rgb(ramps((300, 300)), small))
    assert {shape[0] for shape in small.batches} == {9}
    run(embed_rgb(ramps((800, 800)), large))
    assert {shape[0] for shape in large.batches} == {1}


def test_the_same_plane_gives_the_same_bytes(compass, run):
    picture = np.random.default_rng(2).random((150, 90, 3), dtype=np.float32)
    first = run(embed_rgb(picture, compass()))[0][0]
    again = run(embed_rgb(picture.copy(), compass()))[0][0]
    assert first.tobytes() == again.tobytes()


def test_the_plane_is_left_alone(compass, run):
    picture = ramps((60, 60))
    before = picture.copy()
    run(embed_rgb(picture, compass()))
    assert (picture == before).all()


def test_an_empty_plane_is_refused(compass, run):
    with pytest.raises(BadInput):
        run(embed_rgb(np.zeros((0, 4, 3), np.float32), compass()))


def test_values_beyond_float16_are_cut_and_no_numbers_are_refused(compass, run):
    class Odd(compass):
        value = 1e6

        def encode(self, batch):
            return np.full_like(super().encode(batch), self.value)

    (layers, _), _ = run(embed_rgb(ramps((50, 50)), Odd()))
    assert (layers == np.finfo(np.float16).max).all()
    Odd.value = np.nan
    with pytest.raises(BadFile, match="compass gave values that are not numbers"):
        run(embed_rgb(ramps((50, 50)), Odd()))


def test_the_key_changes_with_all_that_decides_the_tokens(compass):
    encoder, window = compass(), ((0.0, 1.0),)
    keys = {
        embedding_key("aa", window, encoder, shifts=True),
        embedding_key("ab", window, encoder, shifts=True),
        embedding_key("aa", ((0.0, 2.0),), encoder, shifts=True),
        embedding_key("aa", window, encoder, shifts=False),
        embedding_key("aa", window, encoder, True, ONE_WINDOW),
    }
    for change in (
        {"name": "other"},
        {"mean": (0.5, 0.5, 0.5)},
        {"std": (0.5, 0.5, 0.5)},
        {"blocks": (0, 1)},
        {"input_size": 224},
    ):
        other = compass()
        other.spec = replace(other.spec, **change)
        keys.add(embedding_key("aa", window, other, shifts=True))
    other = compass()
    other.weights_hash = "another"
    keys.add(embedding_key("aa", window, other, shifts=True))
    assert len(keys) == 11
    assert all(len(key) == 64 for key in keys)


def test_the_key_of_the_same_things_is_the_same(compass):
    window = np.array([[0, 1]], np.float32)
    assert embedding_key("aa", window, compass(), shifts=True) == embedding_key(
        "aa", ((0.0, 1.0),), compass(), shifts=True
    )
