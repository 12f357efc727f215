"""One signal tells of everything that a session takes in."""

import threading
from itertools import pairwise

import numpy as np
import pytest

from napari_medfm import Session
from napari_medfm.core.errors import BadInput


@pytest.fixture
def session(encoder, segmenter, tmp_path):
    return Session(encoder=encoder, segmenter=segmenter, cache_dir=tmp_path / "cache")


@pytest.fixture
def heard(session):
    changes = []
    session.changed.connect(changes.append)
    return changes


def test_every_call_is_told_once_with_what_it_changed(session, heard, disc, tmp_path):
    session.add_image(disc[0], name="x")
    session.add_class("lesion")
    session.annotate("x", "lesion", points=[(70, 110)])
    session.annotate("x", "background", points=[(10, 10)])
    session.embed("x")
    session.fit("ridge")
    session.predict("x")
    session.segment("x", box=(30, 70, 110, 150))
    session.accept("x", class_name="lesion")
    session.set_threshold("x", "lesion", 0.7)
    session.remove(1)
    session.undo()
    session.redo()
    session.export_head(tmp_path / "a.head.safetensors")
    session.use_encoder(type(session.workspace.encoder.get())())
    session.remove_image("x")
    told = [(change.call.verb, set(change.parts)) for change in heard]
    assert told == [
        ("add_image", {"images"}),
        ("add_class", {"classes"}),
        ("annotate", {"annotations", "next_id"}),
        ("annotate", {"annotations", "next_id"}),
        ("embed", set()),
        ("fit", {"head"}),
        ("predict", set()),
        ("segment", {"prompts", "masks"}),
        ("accept", {"accepted"}),
        ("set_threshold", {"thresholds"}),
        ("remove", {"annotations"}),
        ("undo", {"annotations"}),
        ("redo", {"annotations"}),
        ("export_head", set()),
        ("use_encoder", {"models"}),
        (
            "remove_image",
            {
                *("images", "annotations", "accepted", "objects"),
                *("prompts", "masks"),
                "thresholds",
            },
        ),
    ]
    assert tuple(change.call for change in heard) == session.history
    assert heard[-1].after is session.labelling
    for one, next_one in pairwise(heard):
        assert one.after is next_one.before


def test_nothing_is_told_of_what_was_refused(session, heard):
    with pytest.raises(BadInput):
        session.add_class("background")
    assert not session.undo()
    assert heard == []


def test_it_is_told_in_the_thread_that_commits(session, disc):
    threads = []
    session.add_image(disc[0], name="x")
    session.changed.connect(lambda _: threads.append(threading.current_thread()))
    session.embed.start("x").result(30)
    assert threads == [threading.current_thread()]


def test_a_listener_that_changes_the_session_keeps_the_order(session):
    told = []

    def listener(change):
        if change.call.args == ("a",):
            session.add_class("b")

    session.changed.connect(listener)
    session.changed.connect(lambda change: told.append(change.call.args[0]))
    session.add_class("a")
    assert told == ["a", "b"]


def test_signals_of_two_sessions_are_apart(encoder, segmenter, tmp_path):
    first = Session(encoder, segmenter, tmp_path)
    second = Session(encoder, segmenter, tmp_path)
    told = []
    second.changed.connect(told.append)
    first.add_class("a")
    assert told == []


def test_an_answer_that_came_too_late_is_not_written_down(session, disc):
    session.add_image(disc[0], name="x")
    session.add_class("lesion")
    session.annotate("x", "lesion", points=[(70, 110)])
    session.annotate("x", "background", points=[(10, 10)])
    fitting = session.fit.start("ridge")
    segmenting = session.segment.start("x", box=(30, 70, 110, 150))
    session.remove_image("x")
    session.add_image(np.rot90(disc[0]), name="x")
    before, history = session.labelling, session.history
    assert fitting.result(30) is not None
    assert segmenting.result(30).data.any()
    assert session.labelling is before
    assert session.history == history
