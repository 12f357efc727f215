"""Validation never tests on what it was trained on; suggestions say why."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_medfm.core.errors import BadInput
from napari_medfm.engine.validate import (
    balanced_accuracy,
    calibration_curve,
    confusion,
    dice,
    folds_of,
    same_group_neighbours,
)
from napari_medfm.verbs.suggesting import suggest
from napari_medfm.verbs.training import train
from napari_medfm.verbs.validating import report


def drain(steps):
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


@given(st.lists(st.sampled_from("abcd"), min_size=2, max_size=40))
def test_no_group_is_on_both_sides(groups):
    folds = folds_of(groups, np.zeros((len(groups), 3)))
    if len(set(groups)) > 1:
        for fold in range(folds.count):
            train_on, test_on = folds.split(fold)
            assert not {groups[i] for i in train_on} & {groups[i] for i in test_on}
            assert len(train_on) + len(test_on) == len(groups)


@given(st.integers(0, 99), st.integers(4, 40))
def test_blocks_of_one_image_are_apart(seed, count):
    places = np.random.default_rng(seed).random((count, 3)) * [0, 100, 300]
    folds = folds_of(["a"] * count, places)
    assert folds.count == 4
    assert "spatial" in folds.how
    sizes = np.bincount(folds.number)
    assert sizes.max() - sizes.min() <= 2
    halves = np.array(folds.number) >= 2
    axis = np.ptp(places, axis=0).argmax()
    assert places[~halves, axis].max() <= places[halves, axis].min()


def test_a_planted_leak_is_caught(planes, examples, classes):
    """Labels that only another look at the same image could know score by chance."""
    from dataclasses import replace

    rng = np.random.default_rng(0)
    noise = [replace(e, value=int(rng.integers(2)), group=e.image) for e in examples]
    found = drain(report(noise, classes, "knn"))
    assert found.how == "leave one group out"
    assert found.balanced_accuracy < 0.75


def test_a_report_on_two_images(examples, classes):
    found = drain(report(examples, classes, "ridge"))
    assert found.folds == 2
    assert set(found.dice) == {"background", "top"}
    assert min(found.dice.values()) > 0.7
    assert found.balanced_accuracy > 0.7
    assert found.label_counts == {"background": 20, "top": 20}
    assert [count for count, _ in found.learning_curve] == [1]
    assert found.as_dict()["recipe"] == "ridge"
    marks = [count for count, _ in found.click_curve]
    assert marks == sorted(set(marks))
    assert marks[-1] == 20
    assert marks[0] == pytest.approx(5, abs=1)
    assert found.click_curve[-1][1] > 0.7
    assert "balanced accuracy" in found.lines()
    assert np.sum(found.confusion) == 40
    assert np.trace(found.confusion) > 28
    assert "top was taken for" in found.lines()
    assert all(0 <= part <= 1 for point in found.calibration for part in point)


def test_one_image_is_cut_into_blocks_and_says_so(examples, classes):
    one = [e for e in examples if e.image == "a"]
    found = drain(report(one, classes, "auto"))
    assert "spatial blocks" in found.how
    assert any("one image only" in warning for warning in found.warnings)


def test_nothing_to_hold_out_is_said(examples, classes):
    with pytest.raises(BadInput, match="Nothing can be held out"):
        drain(report([examples[0], examples[1]], classes, "ridge"))


def test_scores_are_scikit_learns():
    from sklearn.metrics import balanced_accuracy_score, f1_score

    rng = np.random.default_rng(0)
    truth, found = rng.integers(0, 3, 200), rng.integers(0, 3, 200)
    assert balanced_accuracy(truth, found) == pytest.approx(
        balanced_accuracy_score(truth, found)
    )
    for value, score in enumerate(f1_score(truth, found, average=None)):
        assert dice(truth, found, value) == pytest.approx(score)


def test_confusion_and_calibration_are_scikit_learns():
    from sklearn.calibration import calibration_curve as reference
    from sklearn.metrics import confusion_matrix

    rng = np.random.default_rng(0)
    truth, found = rng.integers(0, 3, 200), rng.integers(0, 3, 200)
    assert np.array_equal(confusion(truth, found, 3), confusion_matrix(truth, found))
    sure = rng.uniform(0.5, 1, 200)
    shares = np.stack([1 - sure, sure], 1)
    right = (rng.random(200) < sure).astype(int)
    mine = calibration_curve(shares, right, np.ones(200), bins=5)
    share, mean = reference(right, sure, n_bins=5)
    np.testing.assert_allclose(mine, np.stack([mean, share], 1), atol=1e-9)


def test_images_that_differ_are_noticed():
    rng = np.random.default_rng(0)
    rows, groups = rng.normal(0, 1, (60, 8)), ["a"] * 30 + ["b"] * 30
    assert same_group_neighbours(rows.astype(np.float32), groups) < 1.3
    rows[30:] += 5
    rows[:30] -= 5
    assert same_group_neighbours(rows.astype(np.float32), groups) > 1.9
    assert same_group_neighbours(rows.astype(np.float32), ["a"] * 60) == 1


def test_suggestions_lie_on_the_plane_far_apart_and_say_why(examples, classes, planes):
    model = drain(train(examples, classes, "ridge"))
    found = suggest([(0, planes["a"]), (3, planes["b"])], model, examples, n=5)
    assert len(found) == 5
    assert len({(s.plane, s.position) for s in found}) == 5
    for suggestion in found:
        assert suggestion.plane in (0, 3)
        assert all(0 <= p < n for p, n in zip(suggestion.position, (140, 154)))
        assert 0 <= suggestion.uncertainty <= 1
        assert "background" in suggestion.reason
        assert "top" in suggestion.reason
    again = suggest([(0, planes["a"]), (3, planes["b"])], model, examples, n=5)
    assert again == found


def test_what_is_labelled_is_not_suggested(examples, classes, planes):
    model = drain(train(examples, classes, "ridge"))
    found = suggest([(0, planes["a"])], model, examples, n=3)
    grid = planes["a"].grid
    labelled = {int(i) for e in examples if e.image == "a" for i in e.token_index}
    for suggestion in found:
        row, col = grid.nearest([suggestion.position])[0]
        assert row * grid.cols + col not in labelled


def test_nothing_to_choose_from_gives_nothing(examples, classes):
    model = drain(train(examples, classes, "ridge"))
    assert suggest([], model, examples) == []
