"""Undo returns to exactly what was, and holds little memory."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from napari_medfm import Session
from napari_medfm.core.errors import BadInput
from napari_medfm.core.labels import Annotation
from napari_medfm.core.packed import Bits, Spans, nbytes_of, pack
from napari_medfm.core.results import Mask

PLANES = arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=20))


@given(PLANES)
def test_a_mask_is_packed_and_comes_back(mask):
    packed = Bits.of(mask)
    np.testing.assert_array_equal(packed.mask(), mask)
    assert packed.nbytes <= (mask.size + 7) // 8


@given(
    arrays(bool, array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=12)).filter(
        np.any
    ),
    st.integers(0, 1000),
)
def test_pixels_are_packed_and_come_back(mask, shift):
    pixels = (np.argwhere(mask) + shift).astype(np.int32)
    packed = Spans.of(pixels)
    np.testing.assert_array_equal(packed.pixels(), pixels)
    assert packed.pixels().dtype == np.int32
    if len(pixels) > 1:
        assert Spans.of(pixels[::-1]) is None


def test_many_pixels_take_little_memory_in_whatever_order():
    pixels = np.argwhere(np.ones((100, 100), bool)).astype(np.int32)
    mark = Annotation(1, "x", 1, "pixel", "mask", pixels)
    assert nbytes_of(mark) < pixels.nbytes / 20
    np.testing.assert_array_equal(mark.pixels, pixels)
    shuffled = np.random.default_rng(0).permutation(pixels)
    other = replace(mark, pixels=shuffled)
    np.testing.assert_array_equal(other.pixels, shuffled)


def test_nobody_changes_what_undo_returns():
    given_array = np.eye(8, dtype=bool)
    mask = Mask(given_array, 1.0, "x", None, {}, (np.ones((8, 8), bool),))
    assert mask.data is given_array
    pack(mask)
    for packed in (mask.data, *mask.alternatives):
        with pytest.raises(ValueError, match="read-only"):
            packed[:] = False
    given_array[:] = False
    assert mask.data.sum() == 8
    assert mask.alternatives[0].all()


@pytest.fixture
def session(encoder, segmenter, tmp_path):
    return Session(encoder=encoder, segmenter=segmenter, cache_dir=tmp_path)


def everything(session):
    """All that undo promises, as plain numbers."""
    state = session.labelling
    return (
        [(k, m.data.tobytes(), m.score, m.note) for k, m in state.masks.items()],
        [
            (k, p.box, p.positives.tobytes(), p.negatives.tobytes())
            for k, p in state.prompts.items()
        ],
        [
            None if part is None else part.tobytes()
            for p in state.prompts.values()
            for part in (p.mask, p.within)
        ],
        [
            (a.id, a.value, a.pixels.tobytes(), a.pixels.shape)
            for a in state.annotations
        ],
        {name: session.labels(name).tobytes() for name in session.images},
        [(c.name, c.value) for c in state.classes],
        dict(state.thresholds),
    )


def box(session, plane, row, col):
    session.segment("x", box=(row, col, row + 25, col + 30), plane=plane)


def click(session, plane, row, col):
    session.segment("x", points=[(row, col)], plane=plane)


def refine(session, plane, row, col):
    mask = session.mask("x", plane)
    if mask is not None and mask.data.any():
        session.segment("x", points=[(row, col)], mask=mask.data, plane=plane)


def lasso(session, plane, row, col):
    corners = [(row, col), (row + 25, col), (row, col + 40)]
    session.segment("x", polygon=corners, plane=plane)


def accept(session, plane, row, col):
    if session.mask("x", plane) is not None:
        session.accept("x", None, "lesion", plane=plane)


def learn(session, plane, row, col):
    if session.labels("x").any():
        session.annotate_accepted(["x"])


def paint(session, plane, row, col):
    labels = np.full((160, 192), row % 2, np.uint8)
    session.accept("x", labels, plane=plane, origin="edited")


def mark(session, plane, row, col):
    session.annotate("x", "lesion", points=[(plane, row, col)])


def bias(session, plane, row, col):
    session.set_threshold("x", "lesion", row / 200)


ACTIONS = st.tuples(
    st.sampled_from([box, click, refine, lasso, accept, learn, paint, mark, bias]),
    st.integers(0, 3),
    st.integers(20, 130),
    st.integers(20, 150),
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(ACTIONS, max_size=12), st.sampled_from([0, 2000, 2**28]))
def test_undo_all_and_redo_all_are_exact(encoder, segmenter, tmp_path, actions, budget):
    session = Session(encoder, segmenter, cache_dir=tmp_path, undo_bytes=budget)
    pixels = np.random.default_rng(3).random((4, 160, 192)).astype(np.float32)
    pixels[:, 40:80, 60:120] += 2
    session.add_image(pixels, name="x", axes="zyx")
    session.add_class("lesion")
    states = [everything(session)]
    for act, *place in actions:
        depth = session.workspace.depth
        act(session, *place)
        if session.workspace.depth > depth:
            states.append(everything(session))
    for state in reversed(states[:-1]):
        assert session.undo()
        assert everything(session) == state
    for state in states[1:]:
        assert session.redo()
        assert everything(session) == state


def prompted(session, numbers, size=512, planes=100):
    """Prompt, accept and learn on one plane after another."""
    rows, cols = np.ogrid[:size, :size]
    for number in numbers:
        plane = number % planes
        radius = 20 + number % 40
        away = (rows - 3 * plane - 60) ** 2 + (cols - 250) ** 2
        discs = [away < (radius + k) ** 2 for k in (0, 3, 6, 9)]
        made = Mask(discs[0], 0.9, "v", plane, {}, tuple(discs[1:]))
        held = session.labelling
        masks = {**held.masks, ("v", plane): made}
        session.workspace.change(held.but(masks=masks))
        session.accept("v", made, "lesion", plane=plane)
        session.annotate("v", "lesion", mask=discs[0], plane=plane)


def with_volume(session, size=512, planes=100):
    volume = np.broadcast_to(np.float32(0), (planes, size, size))
    session.add_image(volume, name="v", axes="zyx")
    session.add_class("lesion")
    return session


def test_a_prompt_holds_a_hundredth_of_its_planes(session):
    with_volume(session)
    prompted(session, range(12))
    tracemalloc.start()
    try:
        before = session.workspace.memory.nbytes
        prompted(session, range(12, 72))
        each = tracemalloc.get_traced_memory()[0] / 60
    finally:
        tracemalloc.stop()
    planes = 5 * 512 * 512
    assert each < planes / 20
    assert (session.workspace.memory.nbytes - before) / 60 < each


def test_other_answers_of_old_prompts_go_first(encoder, segmenter, tmp_path):
    session = Session(encoder, segmenter, cache_dir=tmp_path, undo_bytes=20_000)
    prompted(with_volume(session, planes=3), range(30), planes=3)
    masks = [
        state.masks["v", k]
        for state in session.workspace.past
        for k in range(3)
        if ("v", k) in state.masks
    ]
    old, new = masks[0], session.mask("v", 2)
    assert old is not new
    assert not old.has_alternatives
    assert old.alternatives == ()
    assert old.data.any()
    assert all(session.mask("v", k).has_alternatives for k in range(3))
    held = session.workspace.memory.nbytes
    session.forget_past()
    assert session.workspace.memory.nbytes < held


def test_what_redo_cannot_bring_back_is_not_held(session):
    with_volume(session, planes=3)
    prompted(session, range(12), planes=3)
    for number in range(20):
        depth = session.workspace.depth
        prompted(session, [number], planes=3)
        while session.workspace.depth > depth:
            session.undo()
    session.add_class("another")
    kept = {
        id(item): item
        for state in (*session.workspace.past, session.labelling)
        for items in (state.masks.values(), state.annotations, state.accepted)
        for item in items
    }
    assert session.workspace.memory.nbytes <= sum(map(nbytes_of, kept.values()))


@pytest.mark.parametrize("undo_bytes", [-1, 1.5, "much", None])
def test_a_budget_is_a_whole_number(undo_bytes):
    with pytest.raises(BadInput, match="undo_bytes"):
        Session(undo_bytes=undo_bytes)
