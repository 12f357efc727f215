"""Masks as text come back bit for bit."""

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from napari_medfm.core.errors import BadInput
from napari_medfm.core.runs import Runs, Values, as_mask, runs, values


@given(arrays(bool, array_shapes(min_dims=1, max_dims=3, max_side=12)))
def test_round_trip(mask):
    np.testing.assert_array_equal(Runs.of(mask).mask(), mask)


def test_the_text_is_python():
    text = Runs.of(np.array([[0, 1, 1], [1, 0, 0]], bool))
    assert repr(text) == "runs('2x3:1+3')"
    np.testing.assert_array_equal(eval(repr(text)).mask(), text.mask())  # noqa: S307


@pytest.mark.parametrize(
    "text", ["", "3x4", "3x4:1+99", "99999999x99999999:1+1", "3x4:-1+2", "x:"]
)
def test_other_text_is_refused(text):
    with pytest.raises(BadInput):
        runs(text).mask()


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(BadInput):
        assert runs(text).mask().dtype == bool


def test_floats_are_no_mask():
    with pytest.raises(BadInput, match="true and false"):
        as_mask(np.zeros((3, 3)))


@given(
    arrays(
        np.uint16,
        array_shapes(min_dims=1, max_dims=3, max_side=12),
        elements=st.integers(0, 4),
    )
)
def test_label_maps_round_trip(labels):
    text = Values.of(labels)
    np.testing.assert_array_equal(text.array(), labels)
    np.testing.assert_array_equal(values(str(text)).array(), labels)


@pytest.mark.parametrize("text", ["", "2x2:0*3", "2x2:0*5", "2x2:", "2x2:-1*4", "a"])
def test_other_text_is_no_label_map(text):
    with pytest.raises(BadInput):
        values(text).array()
