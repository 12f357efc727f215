"""Calibration: thresholds from clicks and held-out labels, priors without labels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_medfm.engine.calibrate import fitted_biases, log_prior
from napari_medfm.engine.pool import levelled, log_loss
from napari_medfm.engine.probability import balanced, decide, softmax


def two_classes(share, n=4000, seed=0, sharp=2.0):
    """Logits of a well calibrated balanced head on an image of another share."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(n) < share).astype(int)
    x = rng.normal(np.where(truth, 1, -1) * np.sqrt(sharp / 2), 1)
    margin = 2 * np.sqrt(sharp / 2) * x
    return np.stack([-margin / 2, margin / 2], 1), truth


@given(st.floats(-3, 3), st.integers(5, 40))
def test_many_clicks_put_the_border_where_they_ask(middle, count):
    margins = np.array([middle + 1.0, middle - 1.0] * count)
    logits = np.stack([np.zeros(len(margins)), margins], 1)
    biases = fitted_biases(logits, np.array([1, 0] * count), spread=10)
    assert biases[0] == 0
    assert biases[1] == pytest.approx(-middle, abs=0.05)


def test_biases_are_the_maximum_of_their_posterior():
    from scipy.optimize import minimize

    rng = np.random.default_rng(0)
    logits, index = rng.normal(0, 3, (9, 4)), rng.integers(0, 4, 9)

    def surprise(biases):
        shares = softmax(logits + np.r_[0, biases])[np.arange(9), index]
        return -np.log(shares).sum() + (biases**2).sum() / 2

    expected = minimize(surprise, np.zeros(3)).x
    np.testing.assert_allclose(fitted_biases(logits, index)[1:], expected, atol=1e-4)


def test_one_click_moves_the_border_a_little_and_towards_itself():
    wrong = np.array([[0.0, -2.0, 0.0]])
    biases = fitted_biases(wrong, np.array([1]))
    assert 0.3 < biases[1] < 1
    assert -0.5 < biases[2] < 0
    assert np.abs(fitted_biases(-8 * wrong, np.array([1]))).max() < 0.01


def test_a_prior_improves_log_loss_where_the_share_is_shifted():
    logits, truth = two_classes(0.05)
    weights = np.ones(len(truth))
    plain = log_loss(logits, truth, weights)
    half = log_loss(logits + log_prior(logits), truth, weights)
    full = log_loss(logits + log_prior(logits, weight=1.0), truth, weights)
    assert half < 0.9 * plain
    assert full < half


def test_a_balanced_image_gets_no_prior():
    logits, _ = two_classes(0.5)
    assert np.abs(log_prior(logits)).max() < 0.05


@given(st.floats(-5, 5), st.floats(0.7, 6), st.integers(3, 30))
def test_levelled_labels_lie_eight_apart_about_the_border(middle, half, count):
    rng = np.random.default_rng(count)
    index = np.arange(2 * count) % 2
    margins = middle + half * np.where(index, 1, -1) + rng.normal(0, 0.05, 2 * count)
    logits = np.stack([np.zeros(2 * count), margins], 1)
    scale, biases = levelled(logits, index)
    level = scale * logits[:, 1] + biases[1]
    assert biases[0] == 0
    assert np.median(level[index == 1]) == pytest.approx(4, abs=1e-9)
    assert np.median(level[index == 0]) == pytest.approx(-4, abs=1e-9)


def test_a_few_wrong_clicks_move_no_border():
    """Corrections are clicks where the head is wrong; the others still hold."""
    index = np.arange(40) % 2
    margins = np.where(index, 3.0, -1.0)
    corrected = np.concatenate([margins, [-9.0, 9.0, -9.0, 9.0]])
    before = levelled(np.stack([0 * margins, margins], 1), index)
    after = levelled(
        np.stack([0 * corrected, corrected], 1), np.concatenate([index, [1, 0, 1, 0]])
    )
    assert after[0] == before[0]
    np.testing.assert_array_equal(after[1], before[1])


def test_each_class_has_a_border_of_its_own():
    index = np.repeat([0, 1, 2], 5)
    logits = np.zeros((15, 3))
    logits[index == 1, 1], logits[index == 2, 2] = 1.0, 9.0
    logits[index == 0, 1:] = -1.0, 5.0
    scale, biases = levelled(logits, index)
    assert scale == pytest.approx(8 / 3)
    np.testing.assert_allclose(biases, [0, 0, -7 * 8 / 3])


def test_a_class_that_was_never_held_out_keeps_its_border():
    logits = np.array([[0.0, 2.0, 1.0], [0.0, -2.0, 1.0]])
    scale, biases = levelled(logits, np.array([1, 0]))
    assert (scale, biases[2]) == (2.0, 0.0)
    alone = levelled(logits, np.array([1, 1]))
    assert alone[0] == 1
    assert not alone[1].any()


def test_labels_that_cannot_be_told_apart_are_not_blown_up():
    logits = np.array([[0.0, 1.0], [0.0, 1.0]])
    assert levelled(logits, np.array([0, 1]))[0] == 8


def test_log_loss_is_scikit_learns():
    from sklearn.metrics import log_loss as reference

    logits, truth = two_classes(0.3, n=50)
    weights = np.random.default_rng(0).random(50)
    expected = reference(truth, softmax(logits), sample_weight=weights)
    assert log_loss(logits, truth, weights) == pytest.approx(expected, abs=1e-9)


def test_balanced_weights_are_scikit_learns():
    from sklearn.utils.class_weight import compute_sample_weight

    y = np.array([0, 0, 0, 2, 5, 5])
    np.testing.assert_allclose(balanced(y, None), compute_sample_weight("balanced", y))


@given(st.integers(2, 5), st.integers(1, 40), st.integers(1, 40), st.integers(0, 99))
def test_decisions_are_scipys_softmax(classes, rows, cols, seed):
    from scipy.special import softmax as reference

    logits = np.random.default_rng(seed).normal(0, 3, (classes, rows, cols))
    logits = logits.astype(np.float32)
    values = tuple(range(3, 3 + classes))
    labels, probabilities, unsure = decide(logits.copy(), values)
    expected = reference(logits, axis=0)
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)
    assert np.array_equal(labels, logits.argmax(0) + 3)
    ordered = np.sort(expected, axis=0)
    np.testing.assert_allclose(unsure, 1 - ordered[-1] + ordered[-2], atol=1e-5)
