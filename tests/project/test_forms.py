"""Every value of a record has one exact JSON form."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_medfm.core.calls import Call, Given
from napari_medfm.core.errors import BadFile
from napari_medfm.core.forms import (
    call_form,
    call_of,
    dumps,
    from_form,
    loads,
    to_form,
)
from napari_medfm.core.runs import Runs, Values

masks = arrays(bool, st.tuples(st.integers(0, 5), st.integers(0, 7)))
maps = arrays(np.uint16, st.tuples(st.integers(1, 5), st.integers(1, 7)))
NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,11}", fullmatch=True)
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | masks.map(Runs.of)
    | maps.map(Values.of)
    | (NAMES | st.text(min_size=1).map(lambda s: f"images[{s!r}]")).map(Given)
)
plain = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(), inner, max_size=4)
        | st.dictionaries(st.sampled_from(["$runs", "$tuple", "$x"]), inner, max_size=1)
    ),
    max_leaves=12,
)


def kinds(value):
    """A value with the types of all that is in it."""
    if isinstance(value, (list, tuple)):
        return type(value), [kinds(item) for item in value]
    if isinstance(value, dict):
        return dict, [(name, kinds(item)) for name, item in value.items()]
    return type(value), repr(value)


@given(plain)
def test_any_value_comes_back(value):
    text = dumps(to_form(value))
    assert "\n" not in text
    assert text.isascii()
    assert kinds(from_form(loads(text.encode()))) == kinds(value)


@given(
    st.from_regex(r"[a-z_]{1,12}", fullmatch=True),
    st.lists(plain, max_size=3),
    st.dictionaries(NAMES, plain, max_size=3),
    st.none() | NAMES,
    st.floats(0, 1e12),
)
def test_any_call_comes_back(verb, args, kwargs, result, at):
    call = Call(verb, tuple(args), kwargs, result, at)
    back = call_of(loads(dumps(call_form(call)).encode()))
    assert kinds(back.args) == kinds(call.args)
    assert kinds(back.kwargs) == kinds(call.kwargs)
    assert (back.verb, back.result, back.at) == (verb, result, at)
    assert back.as_python() == call.as_python()


def test_what_is_no_number_comes_back():
    for value in (math.inf, -math.inf):
        assert from_form(loads(dumps(to_form(value)).encode())) == value
    assert math.isnan(from_form(to_form(math.nan)))


@pytest.mark.parametrize(
    "text",
    [b"NaN", b'{"a":1,"a":2}', b"[" * 100_000, b"\xff", b"{", b'{"x":Infinity}'],
)
def test_what_json_should_not_be(text):
    with pytest.raises(BadFile):
        loads(text)


@pytest.mark.parametrize("form", [{"$runs": 3}, {"$code": "x"}, {"$float": "1"}])
def test_what_means_nothing(form):
    with pytest.raises(BadFile, match="means nothing"):
        from_form(form)


@given(masks)
def test_runs_of_indices(mask):
    flat = np.flatnonzero(mask)
    text = Runs.of(mask)
    assert Runs.of_indices(flat, mask.shape) == text
    np.testing.assert_array_equal(text.indices(), flat)
    np.testing.assert_array_equal(text.mask(), mask)
