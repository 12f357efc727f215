"""Refining through the session: nothing changes until it is accepted."""

import numpy as np
import pytest

from napari_medfm import Session
from napari_medfm.core.errors import BadInput


@pytest.fixture
def session(encoder, segmenter, disc, tmp_path):
    made = Session(encoder=encoder, segmenter=segmenter, cache_dir=tmp_path / "cache")
    made.add_image(disc[0], name="x")
    made.add_class("lesion")
    made.annotate("x", "lesion", points=[(70, 110), (60, 100), (85, 120)])
    made.annotate("x", "background", points=[(10, 10), (150, 30), (20, 180)])
    return made


@pytest.fixture
def prediction(session):
    session.fit(head="ridge")
    return session.predict("x")


@pytest.mark.parametrize("how", ["guided", "crf", "walker"])
def test_edges_of_a_prediction(session, prediction, disc, how):
    before = session.labelling
    found = session.refine("x", prediction, how)
    assert session.labelling is before
    assert found.provenance["refined"] == how
    assert found.provenance["recipe"] == "ridge"
    assert np.array_equal(found.labels, found.probabilities.argmax(0))
    assert (found.labels[disc[1]] == 1).mean() > 0.8
    session.accept("x", found)
    assert np.array_equal(session.labels("x"), found.labels)
    session.undo()
    assert not session.labels("x").any()


def test_crumbs_of_a_mask(session, disc):
    mask = session.segment("x", box=(30, 70, 110, 150))
    mask.data[2, 2] = True
    found = session.refine("x", mask, "clean")
    assert not found.data[2, 2]
    assert found.data[70, 110]
    assert mask.data[2, 2]


def test_snapping_takes_the_outline_of_the_segmenter(session, disc):
    from dataclasses import replace

    from scipy.ndimage import binary_erosion

    mask = session.segment("x", box=(30, 70, 110, 150))
    rough = replace(mask, data=binary_erosion(disc[1], iterations=4))
    found = session.refine("x", rough, "snap")
    gained = (found.data & disc[1]).sum() - rough.data.sum()
    assert gained > 0
    nonsense = replace(mask, data=np.indices(disc[1].shape).sum(0) % 40 == 0)
    kept = session.refine("x", nonsense, "snap")
    assert np.array_equal(kept.data, nonsense.data)


def test_objects_are_numbered(session, prediction):
    numbered = session.refine("x", prediction, "split")
    assert numbered.dtype == np.int32
    assert np.array_equal(numbered > 0, prediction.labels > 0)


def test_a_plane_of_a_volume_stays_where_it_is(session, disc):
    session.add_image(np.stack([disc[0]] * 3), name="v")
    mask = session.segment("v", box=(30, 70, 110, 150), plane=2)
    found = session.refine("v", mask, "crf")
    assert found.plane == 2
    assert found.data.shape == mask.data.shape
    assert found.data.any()
    session.fit(head="ridge")
    volume = session.predict("v", planes=[1])
    refined = session.refine("v", volume, "guided")
    assert refined.planes == (1,)
    assert not refined.labels[[0, 2]].any()
    assert refined.labels[1].any()


def test_wrong_wishes_are_refused(session, prediction, disc):
    session.add_image(disc[0], name="y")
    with pytest.raises(BadInput, match="'guided', 'crf'"):
        session.refine("x", prediction, "sharper")
    with pytest.raises(BadInput, match="prediction of 'y'"):
        session.refine("y", prediction)
    with pytest.raises(BadInput, match="smallest"):
        session.refine("x", prediction, "clean", smallest=0)
