"""Images are part of what undo restores."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from toys import ToyEncoder, ToySegmenter

from napari_medfm import Session


@pytest.fixture
def session(encoder, segmenter, tmp_path):
    return Session(encoder=encoder, segmenter=segmenter, cache_dir=tmp_path / "cache")


def labelled(session, pixels, name="x"):
    session.add_image(pixels, name=name)
    session.add_class("lesion")
    session.annotate(name, "lesion", points=[(70, 110)])
    session.accept(name, np.ones((160, 192), bool), "lesion")


def test_undo_brings_a_removed_image_back_with_its_labels(session, disc):
    labelled(session, disc[0])
    image = session.images["x"]
    session.remove_image("x")
    assert session.images == {}
    assert session.undo()
    assert session.images["x"] is image
    assert session.labels("x").all()
    assert len(session.annotations) == 1
    assert session.redo()
    assert session.images == {}


def test_another_image_of_the_name_inherits_nothing(session, disc):
    labelled(session, disc[0])
    first = session.images["x"]
    session.remove_image("x")
    session.add_image(disc[0].copy(), name="x")
    second = session.images["x"]
    assert not session.labels("x").any()
    assert session.annotations == ()
    session.undo()
    assert session.images["x"] is first
    assert session.labels("x").all()
    session.redo()
    assert session.images["x"] is second
    assert not session.labels("x").any()


def test_adding_an_image_is_no_step(session, disc):
    labelled(session, disc[0])
    session.add_image(disc[0], name="y")
    session.undo()
    assert list(session.images) == ["x", "y"]
    assert not session.labels("x").any()
    session.redo()
    assert list(session.images) == ["x", "y"]
    assert session.labels("x").all()


def test_forgetting_the_past_lets_go_of_removed_pixels(session, disc):
    import gc
    import weakref

    session.add_image(disc[0].copy(), name="x")
    pixels = weakref.ref(session.images["x"])
    session.remove_image("x")
    session.forget_past()
    gc.collect()
    assert pixels() is None
    assert not session.undo()


def test_a_script_tells_arrays_of_one_name_apart(session, disc):
    session.add_image(disc[0], name="x")
    session.add_image(disc[0][::-1], name="x")
    session.remove_image("x")
    session.add_image(disc[0][:, ::-1], name="x")
    code = session.script()
    for key in ("x", "x-2", "x-3"):
        assert code.count(f"s.add_image(images[{key!r}]") == 1


def test_a_script_keeps_what_the_caller_said_of_a_file(session, disc, tmp_path):
    import tifffile

    path = tmp_path / "a.tif"
    tifffile.imwrite(path, disc[0])
    session.add_image(path, spacing=(2.0, 3.0))
    assert session.images["a"].spacing == (2.0, 3.0)
    assert f"s.add_image({str(path)!r}, name='a', spacing=(2.0, 3.0))" in (
        session.script()
    )


STEPS = st.lists(
    st.sampled_from(["add", "remove", "label", "accept", "undo", "redo"]), max_size=12
)


@given(STEPS)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_the_script_replays_any_order_of_adding_removing_and_undoing(tmp_path, steps):
    pixels = np.arange(20 * 24, dtype=np.uint16).reshape(20, 24)
    models = ToyEncoder(), ToySegmenter()
    session = Session(*models, cache_dir=tmp_path)
    for number, step in enumerate(steps):
        names = list(session.images)
        if step == "add":
            session.add_image(pixels, name="x")
        elif step in {"undo", "redo"}:
            getattr(session, step)()
        elif names and step == "remove":
            session.remove_image(names[0])
        elif names and step == "label":
            session.annotate(names[0], "background", points=[(number, number)])
        elif names:
            mask = np.zeros(pixels.shape, bool)
            mask[number] = True
            session.accept(names[-1], mask, "background", origin="edited")
    code = session.script().split("s = Session(", 1)[1].split("\n", 1)[1]
    again = Session(*models, cache_dir=tmp_path)
    names = ["x", *(f"x-{n}" for n in range(2, 15))]
    exec(  # noqa: S102
        "from napari_medfm import runs, values\n" + code,
        {"s": again, "images": dict.fromkeys(names, pixels)},
    )
    assert list(again.images) == list(session.images)
    for name in session.images:
        np.testing.assert_array_equal(again.labels(name), session.labels(name))
    told = [
        [(a.image, a.value, a.pixels.tolist()) for a in s.annotations]
        for s in (session, again)
    ]
    assert told[0] == told[1]
