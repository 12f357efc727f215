"""One object from a prompt, on the toy segmenter and a known disc."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from toys import ToySegmenter

from napari_medfm.core.geometry import Box
from napari_medfm.core.labels import Prompt
from napari_medfm.engine.crops import CropCache
from napari_medfm.engine.everything import everything, labels_of, tiles_of
from napari_medfm.engine.handover import HandOver
from napari_medfm.engine.prompting import OUTSIDE, answer
from napari_medfm.engine.propagate import Stack, propagate
from napari_medfm.engine.stability import iou, stability
from napari_medfm.engine.tidy import split_at, tidied, without_pinholes


def drained(steps):
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def rgb_of(grey):
    grey = grey.astype(np.float32)
    grey = (grey - grey.min()) / (grey.max() - grey.min())
    return np.repeat(grey[..., None], 3, -1)


def clicks(*points, labels=None):
    return Prompt(
        points=np.array(points, float),
        point_labels=np.ones(len(points), bool) if labels is None else np.array(labels),
    )


@pytest.fixture
def segmenter():
    """A toy that sees whole planes of these tests in full detail."""
    toy = ToySegmenter()
    toy.spec = replace(toy.spec, input_size=192)
    return toy


@pytest.fixture
def scene(disc):
    image, truth = disc
    return rgb_of(image), truth


def ask(scene, prompt, segmenter, cache=None, **options):
    cache = CropCache() if cache is None else cache
    return drained(answer(scene[0], "disc", prompt, segmenter, cache, **options))


def test_a_box_outlines_the_disc(scene, segmenter):
    made = ask(scene, Prompt(box=Box.around(scene[1])), segmenter)
    assert iou(made.mask, scene[1]) > 0.95
    assert made.mask.dtype == bool
    np.testing.assert_array_equal(made.logits > 0, made.mask)
    assert 0.9 < made.stability <= 1


def test_one_click_outlines_the_disc(scene, segmenter):
    made = ask(scene, clicks((70, 110)), segmenter)
    assert iou(made.mask, scene[1]) > 0.9
    others = (made.mask, *made.alternatives)
    for k, mask in enumerate(others):
        assert all(iou(mask, other) < 0.8 for other in others[:k])


def test_logits_say_where_the_model_did_not_look(segmenter):
    grey = np.zeros((900, 900), np.float32)
    grey[100:130, 100:130] = 1
    scene = rgb_of(grey), grey > 0
    made = ask(scene, Prompt(box=Box(100, 100, 130, 130)), segmenter)
    assert made.logits[-1, -1] == OUTSIDE
    assert made.logits[115, 115] > 0


def test_a_second_prompt_in_the_crop_costs_no_encoder_pass(scene, segmenter):
    cache = CropCache()
    ask(scene, clicks((70, 110)), segmenter, cache)
    paid = segmenter.encodes
    ask(scene, clicks((71, 112)), segmenter, cache)
    assert segmenter.encodes == paid == cache.encodes
    ask(scene, Prompt(box=Box(50, 90, 90, 130)), segmenter, cache)
    boxed = segmenter.encodes
    ask(scene, Prompt(box=Box(51, 91, 90, 130)), segmenter, cache)
    assert segmenter.encodes == boxed


def test_answers_are_repeatable(scene, segmenter):
    first, second = (ask(scene, clicks((60, 100)), segmenter) for _ in range(2))
    np.testing.assert_array_equal(first.mask, second.mask)
    np.testing.assert_array_equal(first.logits, second.logits)
    assert first.score == second.score


@pytest.fixture
def twins():
    """Two discs that touch, equally bright, with a faint dark line between."""
    rows, cols = np.mgrid[:120, :160]
    left = (rows - 60) ** 2 + (cols - 55) ** 2 < 26**2
    right = (rows - 60) ** 2 + (cols - 105) ** 2 < 26**2
    grey = 0.1 + 0.8 * (left | right) - 0.08 * (abs(cols - 80) < 2)
    return rgb_of(grey.clip(0.1)), left, right


def test_a_click_beside_the_object_cuts_its_part_off(twins, segmenter):
    rgb, left, right = twins
    box = Box.around(left | right)
    whole = ask((rgb,), Prompt(box=box), segmenter)
    assert whole.mask[60, 55]
    assert whole.mask[60, 105]
    both = clicks((60, 55), (60, 105), labels=[True, False])
    prompt = Prompt(box=box, points=both.points, point_labels=both.point_labels)
    made = ask((rgb,), prompt, segmenter)
    assert not made.mask[60, 105]
    assert iou(made.mask, left) > 0.85


def test_a_negative_click_alone_with_a_mask(twins, segmenter):
    rgb, left, right = twins
    beside = Prompt(
        points=np.array([[60.0, 105.0]]),
        point_labels=np.array([False]),
        mask=left | right,
    )
    made = ask((rgb,), beside, segmenter)
    assert iou(made.mask, left) > 0.8


def test_a_click_on_a_missed_part_adds_it(twins, segmenter):
    rgb, left, right = twins
    prompt = Prompt(
        mask=left, points=np.array([[60.0, 105.0]]), point_labels=np.array([True])
    )
    made = ask((rgb,), prompt, segmenter)
    assert made.mask[60, 55]
    assert made.mask[60, 105]
    assert iou(made.mask, left | right) > 0.8


def test_a_mask_that_is_far_off_is_looked_for_anew(twins, segmenter):
    """The mask in hand is nearly the whole plane: a click beside finds the disc."""
    rgb, left, _ = twins
    rgb = rgb * np.where(left, 1.0, 0.5)[..., None].astype(np.float32)
    wrong = np.ones(left.shape, bool)
    wrong[:4] = wrong[-4:] = False
    both = clicks((60, 55), (60, 118), labels=[True, False])
    prompt = replace(both, mask=wrong)
    made = ask((rgb,), prompt, segmenter)
    assert iou(made.mask, left) > 0.85


def test_a_mask_is_outlined_anew(scene, segmenter):
    rough = np.zeros(scene[1].shape, bool)
    rough[Box.around(scene[1]).slices] = True
    made = ask(scene, Prompt(mask=rough), segmenter)
    assert iou(made.mask, scene[1]) > 0.9


def test_a_guide_decides_between_answers(segmenter):
    """A bright core in a less bright disc: the guide says which is meant."""
    rows, cols = np.mgrid[:128, :128]
    away = (rows - 64) ** 2 + (cols - 64) ** 2
    core, disc = away < 12**2, away < 40**2
    rgb = rgb_of(0.5 * disc + 0.03 * core)
    masks = [
        ask((rgb,), clicks((64, 64)), segmenter, guide=wish.astype(np.float32)).mask
        for wish in (core, disc)
    ]
    assert np.count_nonzero(masks[0]) <= np.count_nonzero(masks[1])
    assert iou(masks[1], disc) > 0.8


@pytest.mark.parametrize("shape", [(1, 200), (3, 3), (17, 900)])
def test_planes_of_any_shape(shape, segmenter):
    grey = np.linspace(0, 1, shape[0] * shape[1]).reshape(shape)
    middle = (shape[0] // 2, shape[1] // 2)
    made = ask((rgb_of(grey),), clicks(middle), segmenter)
    assert made.mask.shape == shape
    box = Prompt(box=Box(0, 0, *shape))
    assert ask((rgb_of(grey),), box, segmenter).mask.shape == shape


def test_a_flat_plane_is_answered(segmenter):
    flat = np.zeros((50, 60, 3), np.float32)
    made = ask((flat,), clicks((20, 20)), segmenter)
    assert made.mask[20, 20]


def test_stability_is_the_iou_of_two_thresholds():
    logits = np.array([[[-2, -0.5, 0.5, 2, 3]], [[-9, -9, -9, -9, -9]]], np.float32)
    np.testing.assert_allclose(stability(logits), [2 / 4, 0])


@given(arrays(bool, (12, 14)))
def test_tidying_takes_nothing_from_the_clicked_piece(mask):
    from scipy import ndimage

    tidy = tidied(mask, np.array([[5.0, 6.0]]))
    pieces, count = ndimage.label(mask)
    if mask[5, 6]:
        piece = pieces == pieces[5, 6]
        assert (tidy | ~piece).all()
        assert ndimage.label(tidy)[1] == 1
    else:
        assert ndimage.label(tidy)[1] <= count
    np.testing.assert_array_equal(without_pinholes(tidy), tidy)


def test_pinholes_go_and_true_holes_stay():
    ring = np.zeros((60, 60), bool)
    ring[5:55, 5:55] = True
    ring[20:40, 20:40] = False
    speckled = ring.copy()
    speckled[10, 10:13] = False
    np.testing.assert_array_equal(without_pinholes(speckled), ring)


def test_a_cut_only_removes():
    mask = np.ones((20, 30), bool)
    picture = np.zeros((20, 30, 3), np.float32)
    picture[:, 15:] = 1
    left, right = np.array([[10.0, 3.0]]), np.array([[10.0, 26.0]])
    cut = split_at(mask, picture, left, right)
    assert cut[:, :13].all()
    assert not cut[:, 17:].any()
    beyond = split_at(mask & (picture[..., 0] == 0), picture, left, right)
    np.testing.assert_array_equal(beyond, mask & (picture[..., 0] == 0))


def stack_of(volume, spacing=(5.0, 1.0, 1.0)):
    planes = rgb_of(volume)
    return Stack(lambda z: planes[z], lambda z: f"volume:{z}", volume.shape, spacing)


def follow(stack, known, to, segmenter, before=None, cache=None):
    cache = CropCache() if cache is None else cache
    follower = HandOver(stack, segmenter, cache)
    return drained(propagate(stack, known, to, follower, before))


def test_a_ball_is_followed_to_its_ends(ball, segmenter):
    volume, truth = ball
    made = follow(stack_of(volume), {6: truth[6]}, (0, 11), segmenter)
    overlap = 2 * (made & truth).sum() / (made.sum() + truth.sum())
    assert overlap > 0.9
    assert not made[~truth.any((1, 2))].any()
    np.testing.assert_array_equal(made[6], truth[6])


def test_a_range_limits_the_way(ball, segmenter):
    volume, truth = ball
    made = follow(stack_of(volume), {6: truth[6]}, (5, 6), segmenter)
    assert made[5].any()
    assert not made[[*range(5), *range(7, 12)]].any()


def test_everything_finds_each_disc_once(segmenter):
    rows, cols = np.mgrid[:120, :150]
    truth = np.zeros((120, 150), int)
    for value, (row, col) in enumerate(((30, 30), (40, 100), (85, 60)), 1):
        truth[(rows - row) ** 2 + (cols - col) ** 2 < 11**2] = value
    labels = drained(everything(rgb_of(truth > 0), "discs", segmenter, CropCache()))
    assert labels.dtype == np.int32
    for value in (1, 2, 3):
        inside = labels[truth == value]
        main = np.bincount(inside).argmax()
        assert main > 0
        assert iou(labels == main, truth == value) > 0.8


def test_seeds_say_where_to_ask(segmenter):
    rows, cols = np.mgrid[:100, :100]
    disc = (rows - 50) ** 2 + (cols - 50) ** 2 < 8**2
    seeds = np.array([[50.0, 50.0]])
    labels = drained(
        everything(rgb_of(disc), "one", segmenter, CropCache(), seeds=seeds)
    )
    assert iou(labels == 1, disc) > 0.8
    assert labels.max() == 1


def test_labels_keep_the_first_of_two_alike():
    mask = np.zeros((20, 20), bool)
    mask[2:10, 2:10] = True
    labels = labels_of([mask, np.roll(mask, 1, 0), np.roll(mask, 9, 1)], (20, 20))
    assert labels.max() == 2
    assert np.count_nonzero(labels == 1) == 64


@given(st.integers(1, 900), st.integers(1, 900), st.sampled_from([64, 256]))
def test_tiles_cover_the_plane(rows, cols, size):
    covered = np.zeros((rows, cols), bool)
    for tile in tiles_of((rows, cols), size):
        covered[tile.slices] = True
        assert tile.row1 <= rows
        assert tile.col1 <= cols
    assert covered.all()
