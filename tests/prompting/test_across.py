"""Prompts on planes of any axis of a volume."""

from dataclasses import replace

import numpy as np
import pytest

from napari_medfm import Session
from napari_medfm.core.errors import BadInput
from napari_medfm.engine.validate import dice


@pytest.fixture
def session(encoder, segmenter, ball, tmp_path):
    session = Session(encoder=encoder, segmenter=segmenter, cache_dir=tmp_path)
    session.add_image(ball[0], name="ct")
    session.add_class("ball")
    return session


def tight(plane):
    rows, cols = np.nonzero(plane)
    return rows.min(), cols.min(), rows.max() + 1, cols.max() + 1


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_plane_of_any_axis_is_outlined_followed_and_accepted(session, ball, axis):
    truth = np.moveaxis(ball[1], axis, 0)
    at = int(truth.sum((1, 2)).argmax())
    mask = session.segment("ct", box=tight(truth[at]), plane=at, axis=axis)
    assert (mask.axis, mask.plane) == (axis, at)
    assert mask.data.shape == truth[at].shape
    assert (mask.data & truth[at]).sum() > 0.6 * truth[at].sum()
    assert bool(session.labelling.masks) == (axis == 0)
    whole = session.propagate("ct", mask, plane=at)
    assert whole.provenance["axis"] == axis
    session.accept("ct", mask, "ball")
    labels = np.moveaxis(session.labels("ct"), axis, 0)
    np.testing.assert_array_equal(labels[at] == 1, mask.data)
    assert labels.sum() == mask.data.sum()
    assert session.undo()
    assert not session.labels("ct").any()


def test_a_script_does_it_again(session, ball):
    truth = ball[1]
    at = int(truth.sum((0, 2)).argmax())
    mask = session.segment("ct", box=tight(truth[:, at]), plane=at, axis=1)
    session.accept("ct", mask, "ball")
    segment, accept = (
        call for call in session.history if call.verb in ("segment", "accept")
    )
    assert segment.kwargs["axis"] == 1
    replayed = accept.args[1].mask()
    np.testing.assert_array_equal(replayed[:, at], mask.data)
    assert replayed.shape == truth.shape


def test_a_picture_has_no_other_axis(encoder, segmenter, disc, tmp_path):
    session = Session(encoder=encoder, segmenter=segmenter, cache_dir=tmp_path)
    session.add_image(disc[0], name="x")
    with pytest.raises(BadInput, match="2 axes"):
        session.segment("x", box=(5, 5, 20, 20), axis=1)


@pytest.mark.parametrize("axis", [1, 2])
@pytest.mark.parametrize("how", ["guided", "crf", "walker", "clean", "snap"])
def test_it_is_refined_where_it_lies(session, ball, how, axis):
    truth = np.moveaxis(ball[1], axis, 0)
    at = int(truth.sum((1, 2)).argmax())
    mask = session.segment("ct", box=tight(truth[at]), plane=at, axis=axis)
    rough = mask.data.copy()
    rough[0, 0] = True
    found = session.refine("ct", replace(mask, data=rough), how, smallest=4)
    assert (found.axis, found.plane) == (axis, at)
    assert found.data.shape == truth[at].shape
    assert dice(truth[at], found.data, 1) > 0.8
    assert how != "clean" or not found.data[0, 0]


def test_objects_are_split_where_they_lie(session, ball):
    truth = ball[1]
    at = int(truth.sum((0, 2)).argmax())
    mask = session.segment("ct", box=tight(truth[:, at]), plane=at, axis=1)
    numbered = session.refine("ct", mask, "split")
    assert numbered.shape == truth.shape
    np.testing.assert_array_equal(numbered[:, at] > 0, mask.data)
    assert not np.delete(numbered, at, axis=1).any()


@pytest.mark.parametrize("axis", [1, 2])
def test_it_lies_where_it_is_also_in_a_cube(encoder, segmenter, tmp_path, axis):
    """Planes of a cube have one shape along all axes: nothing else would tell."""
    volume = np.zeros((40, 40, 40), np.float32)
    volume[8:18, 15:32, 5:25] = 1
    session = Session(encoder, segmenter, cache_dir=tmp_path / "cache")
    session.add_image(volume, name="cube")
    session.add_class("lesion")
    truth = np.moveaxis(volume > 0, axis, 0)
    mask = session.segment("cube", box=tight(truth[20]), plane=20, axis=axis)
    wanted = np.zeros(volume.shape, bool)
    np.moveaxis(wanted, axis, 0)[20] = mask.data
    session.annotate("cube", "lesion", mask=mask)
    pixels = session.annotations[-1].pixels
    np.testing.assert_array_equal(pixels, np.argwhere(wanted))
    session.export_masks("cube", tmp_path / "mask.nrrd", mask)
    taken = Session(encoder, segmenter, cache_dir=tmp_path / "cache")
    taken.add_image(volume, name="cube")
    taken.import_labels("cube", tmp_path / "mask.nrrd")
    np.testing.assert_array_equal(taken.labels("cube") > 0, wanted)
