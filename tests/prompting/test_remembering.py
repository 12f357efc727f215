"""Objects followed by a model that remembers: order, ends, corrections, cancel."""

import numpy as np
import pytest
from toys import ToySegmenter, ToyTracker

from napari_medfm import Session
from napari_medfm.core.errors import BadInput, Cancelled
from napari_medfm.core.jobs import Job


@pytest.fixture
def tracker():
    return ToyTracker()


@pytest.fixture
def session(ball, encoder, tracker):
    session = Session(encoder=encoder, segmenter=tracker)
    session.add_image(ball[0], name="ct", spacing=(5, 1, 1))
    return session


def dice(made, truth):
    return 2 * (made & truth).sum() / (made.sum() + truth.sum())


def test_an_object_is_found_on_all_its_planes_and_ends_where_it_ends(
    session, tracker, ball
):
    truth = ball[1]
    made = session.propagate("ct", truth[6], plane=6)
    assert dice(made.data, truth) > 0.95
    assert made.data.any((1, 2)).tolist() == truth.any((1, 2)).tolist()
    assert made.provenance["way"] == "memory"
    assert made.provenance["known_planes"] == [6]
    assert tracker.planes == 12
    up = [("on", plane) for plane in range(7, 12)]
    down = [("back", plane) for plane in range(5, 0, -1)]
    assert tracker.told == [("show", 6), *up, *down]
    assert tracker.encodes == 0


def test_planes_are_told_one_by_one(session, ball):
    steps = session.propagate.work("ct", ball[1][6], 6).steps()
    said = list(steps)
    assert [p.message for p in said[1:3]] == ["plane 6, where it is known", "plane 7"]
    assert [p.done for p in said[1:]] == sorted(p.done for p in said[1:])
    assert all(p.done < p.total == 12 for p in said[1:])


def test_cancelled_between_two_planes(session, tracker, ball):
    work = session.propagate.work("ct", ball[1][6], 6)
    job = Job(work, lambda said: said.message == "plane 8" and job.cancel())
    job.drain()
    with pytest.raises(Cancelled):
        job.result()
    assert tracker.told == [("show", 6), ("on", 7)]
    assert session.propagate("ct", ball[1][6], 6).data[8].any()


def test_between_two_known_planes_from_the_nearer_one(session, tracker, ball):
    truth = ball[1]
    session.propagate("ct", truth[4], plane=4, also={9: truth[9]}, to=(4, 9))
    assert tracker.told == [
        ("show", 9),
        ("show", 4),
        ("on", 5),
        ("on", 6),
        ("back", 8),
        ("back", 7),
    ]


def test_between_two_known_planes_there_is_no_end(encoder, tracker):
    rows, cols = np.mgrid[:80, :80]
    discs = np.stack([(rows - 40) ** 2 + (cols - 40) ** 2 < 12**2] * 9)
    volume = discs.astype(np.float32)
    volume[4] = 0
    session = Session(encoder=encoder, segmenter=tracker)
    session.add_image(volume, name="ct")
    made = session.propagate("ct", discs[2], plane=2, also={6: discs[6]})
    assert dice(made.data[4], discs[4]) > 0.95
    alone = session.propagate("ct", discs[2], plane=2)
    assert not alone.data[4:].any()


def test_an_empty_plane_is_an_end_and_is_not_shown(session, tracker, ball):
    truth = ball[1]
    nothing = np.zeros_like(truth[0])
    made = session.propagate("ct", truth[6], plane=6, also={8: nothing})
    assert made.data[7].any()
    assert not made.data[8:].any()
    assert ("show", 8) not in tracker.told


def test_only_what_a_correction_changes_is_asked_again(session, tracker, ball):
    truth = ball[1]
    first = session.propagate("ct", truth[6], plane=6)
    tracker.told.clear()
    again = session.propagate("ct", truth[6], plane=6, previous=first)
    np.testing.assert_array_equal(again.data, first.data)
    assert tracker.told == []
    larger = truth[9] | truth[8]
    session.propagate("ct", truth[6], plane=6, also={9: larger}, previous=first)
    shown = [("show", 9), ("show", 6)]
    assert tracker.told == [*shown, ("on", 7), ("back", 8), ("on", 10)]


def test_along_another_axis(session, ball):
    truth = ball[1]
    made = session.propagate("ct", truth[:, 50], plane=50, axis=1)
    assert dice(made.data, truth) > 0.9
    assert made.provenance["axis"] == 1


def test_prompts_are_handed_over_if_asked(session, tracker, ball):
    made = session.propagate("ct", ball[1][6], plane=6, way="hand-over")
    assert made.provenance["way"] == "hand-over"
    assert tracker.told == []
    assert "way='hand-over'" in session.script()


def test_a_model_without_a_memory(ball, encoder):
    session = Session(encoder=encoder, segmenter=ToySegmenter())
    session.add_image(ball[0], name="ct", spacing=(5, 1, 1))
    made = session.propagate("ct", ball[1][6], plane=6)
    assert made.provenance["way"] == "hand-over"
    with pytest.raises(BadInput, match=r"Toy segmenter has no memory.*hand-over"):
        session.propagate("ct", ball[1][6], plane=6, way="memory")
