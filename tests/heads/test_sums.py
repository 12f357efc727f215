"""Additive ridge: what is added can be taken back to the last bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medfm.core.errors import BadInput
from napari_medfm.engine.sums import RidgeSums, fold, solve


def strokes(seed=0, count=6, dim=8):
    rng = np.random.default_rng(seed)
    return [
        RidgeSums.of(rng.normal(i % 3, 1, (rng.integers(1, 40), dim)), i % 3, None)
        for i in range(count)
    ]


def same_bits(a, b):
    return all(
        getattr(a, name).tobytes() == getattr(b, name).tobytes()
        for name in ("values", "weight", "x", "xx")
    )


def test_undo_restores_every_bit():
    parts = strokes()
    before = solve(fold(parts[:5]), 2.4)
    fold(parts)
    after = solve(fold(parts[:5]), 2.4)
    assert before[0].tobytes() == after[0].tobytes()
    assert before[1].tobytes() == after[1].tobytes()


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(6)))
def test_order_does_not_matter_beyond_rounding(order):
    parts = strokes()
    first = solve(fold(parts), 2.4)
    second = solve(fold(parts[i] for i in order), 2.4)
    np.testing.assert_allclose(first[0], second[0], atol=1e-10)


def test_sums_added_one_by_one_equal_the_batch():
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(300, 8)), np.repeat([1, 4], 150)
    X[150:] += 1
    batch = fold([RidgeSums.of(X[y == v], v) for v in (1, 4)])
    parts = [RidgeSums.of(X[i : i + 1], int(y[i])) for i in range(300)]
    np.testing.assert_allclose(
        solve(fold(parts), 2.4)[0], solve(batch, 2.4)[0], atol=1e-6
    )


def test_two_sites_merge_into_the_joint_fit():
    one, two = strokes(1), strokes(2)
    joint = solve(fold(one + two), 2.4)
    merged = solve(fold(one) + fold(two), 2.4)
    np.testing.assert_allclose(joint[0], merged[0], atol=1e-10)


def test_folding_one_part_changes_nothing():
    part = strokes()[0]
    assert same_bits(fold([part]), part)


def test_given_class_weights_are_sample_weights():
    from sklearn.linear_model import Ridge

    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(60, 5)), np.repeat([0, 1], [20, 40])
    sums = fold([RidgeSums.of(X[y == v], v) for v in (0, 1)])
    found, intercept = solve(sums, 1.5, class_weights=(3.0, 0.5))
    reference = Ridge(alpha=1.5).fit(
        X, np.where(y == 1, 1.0, -1.0), sample_weight=np.where(y == 1, 0.5, 3.0)
    )
    np.testing.assert_allclose(found[:, 1], reference.coef_, atol=1e-9)
    np.testing.assert_allclose(intercept[1], reference.intercept_, atol=1e-9)


def test_nothing_and_mixed_encoders_are_refused():
    with pytest.raises(BadInput, match="no labels"):
        fold([])
    with pytest.raises(BadInput, match="different encoders"):
        fold([strokes(dim=8)[0], strokes(dim=9)[0]])
