"""Crops planned from prompts, and their cache."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_medfm.core.geometry import Box
from napari_medfm.core.labels import Prompt
from napari_medfm.engine.crops import Crop, CropCache, plan_crop, shrunk

SIZES = st.integers(1, 3000)


@st.composite
def boxes_on_planes(draw):
    rows, cols = draw(SIZES), draw(SIZES)
    row, col = draw(st.integers(0, rows - 1)), draw(st.integers(0, cols - 1))
    box = Box(
        row, col, draw(st.integers(row + 1, rows)), draw(st.integers(col + 1, cols))
    )
    return box, (rows, cols)


@given(boxes_on_planes(), st.sampled_from([64, 256, 1024]))
def test_a_crop_shows_the_whole_object_with_surroundings(case, size):
    box, (rows, cols) = case
    crop = plan_crop(Prompt(box=box), (rows, cols), size)
    assert all(float(v).is_integer() for v in crop)
    assert crop.row0 >= 0
    assert crop.col0 >= 0
    assert crop.row1 <= rows
    assert crop.col1 <= cols
    assert crop.row0 <= box.row0
    assert crop.col0 <= box.col0
    assert crop.row1 >= box.row1
    assert crop.col1 >= box.col1
    longest = max(box.height, box.width, size / 4)
    for length, side in ((rows, crop.height), (cols, crop.width)):
        assert side >= min(length, 2 * longest)
        assert side <= max(4 * longest, 1)


def test_neighbouring_prompts_share_a_crop():
    crops = {
        plan_crop(Prompt(box=Box(400 + k, 500, 420 + k, 520)), (1000, 1000), 256)
        for k in range(8)
    }
    assert len(crops) <= 2


@given(boxes_on_planes(), st.integers(1, 400), st.integers(1, 400))
def test_a_crop_scales_boxes_with_itself(case, rows, cols):
    box, plane = case
    crop = Crop(box, (rows, cols), None)
    (seen,) = crop.to_crop([box])
    np.testing.assert_allclose(seen, (0, 0, rows, cols), atol=1e-6)
    (whole,) = crop.to_crop([Box(0, 0, *plane)])
    np.testing.assert_allclose(whole.height, rows * plane[0] / box.height)


def test_shrinking_averages_and_never_grows():
    stripes = np.zeros((400, 600, 3), np.float32)
    stripes[:, ::2] = 1
    small = shrunk(stripes, 100)
    assert small.shape == (67, 100, 3)
    np.testing.assert_allclose(small, 0.5, atol=0.06)
    assert shrunk(stripes, 1000).shape == stripes.shape


def test_a_crop_is_encoded_once(segmenter):
    cache, rgb = CropCache(), np.zeros((100, 100, 3), np.float32)
    box = Box(0, 0, 64, 64)
    first = cache.get(rgb, "a", box, segmenter)
    assert cache.holds("a", box, segmenter)
    assert cache.get(rgb, "a", box, segmenter) is first
    cache.get(rgb, "b", box, segmenter)
    assert segmenter.encodes == cache.encodes == 2


def test_the_oldest_crop_goes_first(segmenter):
    rgb = np.zeros((100, 100, 3), np.float32)
    one = CropCache().get(rgb, "a", Box(0, 0, 50, 50), segmenter).embedding.nbytes
    cache = CropCache(max_bytes=2 * one)
    for key in ("a", "b", "a", "c"):
        cache.get(rgb, key, Box(0, 0, 50, 50), segmenter)
    held = [cache.holds(key, Box(0, 0, 50, 50), segmenter) for key in "abc"]
    assert held == [True, False, True]
    assert cache.nbytes == 2 * one


def test_one_crop_too_large_is_still_answered(segmenter):
    cache = CropCache(max_bytes=1)
    rgb = np.zeros((100, 100, 3), np.float32)
    for key in ("a", "b"):
        assert cache.get(rgb, key, Box(0, 0, 50, 50), segmenter).shape == (50, 50)
    assert not cache.holds("a", Box(0, 0, 50, 50), segmenter)


def test_threads_may_share_a_cache(segmenter):
    cache = CropCache(max_bytes=100_000)
    rgb = np.zeros((200, 200, 3), np.float32)
    failures = []

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(50):
            corner = int(rng.integers(0, 100))
            crop = cache.get(rgb, "a", Box(0, corner, 64, corner + 64), segmenter)
            if crop.box.col0 != corner:
                failures.append(corner)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert cache.nbytes <= 100_000


@pytest.mark.parametrize("prompt", ["mask", "points"])
def test_masks_and_clicks_plan_crops_too(prompt):
    mask = np.zeros((800, 800), bool)
    mask[300:420, 350:450] = True
    wishes = {
        "mask": Prompt(mask=mask),
        "points": Prompt(
            points=np.array([[300.0, 350.0], [419.0, 449.0], [0.0, 0.0]]),
            point_labels=np.array([True, True, False]),
        ),
    }
    expected = plan_crop(Prompt(box=Box(300, 350, 420, 450)), (800, 800), 64)
    crop = plan_crop(wishes[prompt], (800, 800), 64)
    np.testing.assert_allclose(crop, expected, atol=2)
