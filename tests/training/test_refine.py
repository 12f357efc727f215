"""Refining follows edges, drops crumbs, splits what touches; each on made pictures."""

import numpy as np
import pytest

from napari_medfm.engine.refine import (
    cleaned,
    guided,
    instances,
    local_crf,
    random_walk,
)
from napari_medfm.engine.validate import dice

TRUTH = np.zeros((60, 70), int)
TRUTH[15:45, 20:50] = 1


def picture(seed=0):
    noise = np.random.default_rng(seed).normal(0, 0.03, (*TRUTH.shape, 1))
    return (0.3 + 0.4 * TRUTH[..., None] + noise).clip(0, 1).astype(np.float32)


def blurred():
    """Probabilities of a head that sees 7 pixels at a time, three pixels off."""
    from scipy.ndimage import gaussian_filter, shift

    inside = gaussian_filter(shift(TRUTH.astype(float), (3, 2), order=1), 4)
    return np.stack([1 - inside, inside]).astype(np.float32)


@pytest.mark.parametrize("way", [guided, local_crf, random_walk])
def test_edges_move_to_those_of_the_picture(way):
    before = blurred()
    after = way(before, picture())
    assert after.dtype == np.float32
    np.testing.assert_allclose(after.sum(0), 1, atol=1e-4)
    assert after.min() >= 0
    gained = dice(TRUTH, after.argmax(0), 1) - dice(TRUTH, before.argmax(0), 1)
    assert gained > 0.015


@pytest.mark.parametrize("way", [guided, local_crf, random_walk])
def test_three_classes_and_colours_are_fine(way):
    shares = np.random.default_rng(0).dirichlet([0.2] * 3, (20, 25))
    shares = np.moveaxis(shares, -1, 0).astype(np.float32)
    found = way(shares, np.repeat(picture()[:20, :25], 3, axis=-1))
    assert found.shape == shares.shape
    assert np.isfinite(found).all()


def test_a_walk_without_two_kinds_of_seeds_changes_nothing():
    unsure = np.full((2, 9, 9), 0.5, np.float32)
    assert np.array_equal(random_walk(unsure, picture()[:9, :9]), unsure)


def test_crumbs_go_and_pinholes_are_filled():
    dirty = TRUTH.copy()
    dirty[2, 2] = dirty[50:52, 60] = 1
    dirty[30, 30] = 0
    assert np.array_equal(cleaned(dirty, smallest=4, largest_hole=3), TRUTH)
    assert np.array_equal(cleaned(TRUTH, 4, 3), TRUTH)


def test_a_crumb_of_one_class_in_another_becomes_the_other():
    labels = TRUTH * 2
    labels[30, 30] = 1
    assert cleaned(labels, 4, 3)[30, 30] == 2


def test_a_hole_between_two_classes_stays():
    labels = np.ones((9, 9), int)
    labels[:, 5:] = 2
    labels[4, 4:6] = 0
    assert (cleaned(labels, 2, 9)[4, 4:6] == 0).all()


def test_touching_discs_are_split():
    rows, cols = np.mgrid[:60, :70]
    left = (rows - 30) ** 2 + (cols - 22) ** 2 < 14**2
    right = (rows - 30) ** 2 + (cols - 46) ** 2 < 14**2
    numbered = instances(left | right)
    assert numbered.max() == 2
    assert numbered[30, 15] != numbered[30, 55]
    assert np.array_equal(numbered > 0, left | right)
    assert instances(np.zeros((5, 5), bool)).max() == 0
