"""What was saved is what is opened, undo included."""

import json

import numpy as np
import pytest
from states import same_state

from napari_medfm.core.errors import BadInput
from napari_medfm.project.keeping import ProjectWarning


def test_everything_comes_back(worked, opened, tmp_path):
    saved = worked.save(tmp_path / "case.medfm")
    assert saved.images == 3
    assert "array, volume" in str(saved)
    worked.close()
    again = opened(saved.path)
    assert again.project.notes == ()
    assert again.history == worked.history
    assert [c.at for c in again.history] == [c.at for c in worked.history]
    same_state(worked.labelling, again.labelling)
    assert (again.encoder, again.segmenter) == ("toy-encoder", "toy-segmenter")
    assert again.script() == worked.script()
    np.testing.assert_array_equal(
        again.predict("volume").probabilities, worked.predict("volume").probabilities
    )


def test_undo_and_redo_to_full_depth_after_opening(worked, opened, tmp_path):
    worked.save(tmp_path / "case.medfm")
    worked.close()
    again = opened(tmp_path / "case.medfm")
    steps = 0
    while worked.undo():
        assert again.undo()
        same_state(worked.labelling, again.labelling)
        steps += 1
    assert steps > 9
    assert not again.undo()
    while worked.redo():
        assert again.redo()
        same_state(worked.labelling, again.labelling)
    assert not again.redo()


def test_what_is_done_after_saving_is_on_the_disk_at_once(worked, opened, tmp_path):
    path = tmp_path / "case.medfm"
    worked.save(path)
    worked.add_class("later")
    worked.undo()
    worked.redo()
    worked.annotate("array", "later", points=[(3, 3)])
    worked.fit("ridge")
    worked.add_image(np.arange(600.0).reshape(20, 30), name="late")
    worked.remove_image("file")
    with pytest.warns(ProjectWarning, match="7 actions after the last save"):
        again = opened(path, read_only=True)
    same_state(worked.labelling, again.labelling)
    again.undo()
    worked.undo()
    same_state(worked.labelling, again.labelling)


def test_saving_again_writes_the_labels_for_others(worked, tmp_path):
    import zarr

    path = tmp_path / "case.medfm"
    worked.save(path)
    worked.accept("file", np.ones((160, 192), bool), "vessel")
    worked.save()
    facts = json.loads((path / "project.json").read_text())
    labels = facts["labels"]["file"]
    written = zarr.open_array(path / "labels" / f"{labels['sha256']}.zarr", mode="r")
    np.testing.assert_array_equal(written[...], worked.labels("file"))
    assert len(list((path / "labels").iterdir())) == 2
    assert facts["images"]["file"]["relative"] == "data/disc.tif"


def test_save_as_leaves_the_old_project(worked, opened, tmp_path):
    one, other = tmp_path / "one.medfm", tmp_path / "deep" / "other.medfm"
    worked.save(one)
    worked.add_class("in both")
    worked.save(other)
    worked.add_class("in the other")
    assert worked.project.folder == other
    with pytest.warns(ProjectWarning, match="1 action after"):
        first = opened(one)
    assert [c.name for c in first.classes][3:] == ["in both"]
    with pytest.warns(ProjectWarning, match="1 action after"):
        second = opened(other, read_only=True)
    same_state(worked.labelling, second.labelling)
    np.testing.assert_array_equal(
        second.images["array"].data, worked.images["array"].data
    )


def test_heads_that_nothing_brings_back_are_cleared_away(worked, opened, tmp_path):
    path = tmp_path / "case.medfm"
    worked.save(path)
    for recipe in ("prototype", "knn", "logistic", "ridge"):
        worked.fit(recipe)
    assert len(list((path / "heads").iterdir())) >= 4
    worked.save()
    kept = len(list((path / "heads").iterdir()))
    assert kept <= 2
    worked.close()
    same_state(worked.labelling, opened(path).labelling)


def test_a_session_that_forgot_its_past(worked, opened, tmp_path):
    worked.remove_image("volume")
    worked.forget_past()
    worked.add_class("new")
    worked.save(tmp_path / "case.medfm")
    worked.forget_past()
    worked.close()
    with pytest.warns(ProjectWarning, match="1 action after"):
        again = opened(tmp_path / "case.medfm")
    same_state(worked.labelling, again.labelling)
    assert not again.undo()


def test_dirty_says_what_is_in_memory_only(session, tmp_path):
    assert not session.dirty
    session.add_class("a")
    assert session.dirty
    session.save(tmp_path / "a.medfm")
    session.add_class("b")
    assert not session.dirty


def test_an_image_whose_file_says_other_than_its_pixels_is_kept(
    session, disc, disc_file, opened, tmp_path
):
    edited = disc[0].copy()
    edited[0, 0] += 1
    session.add_image(edited, name="edited", source=disc_file)
    session.add_image(disc[0], name="as it is", source=disc_file)
    assert list(session.save(tmp_path / "a.medfm").kept) == ["edited"]
    session.close()
    again = opened(tmp_path / "a.medfm")
    np.testing.assert_array_equal(again.images["edited"].data, edited)


@pytest.mark.parametrize("dtype", ["bool", "int8", ">u2", "float32", ">f8"])
def test_arrays_of_every_type_are_kept(session, opened, tmp_path, dtype):
    image = (np.random.default_rng(0).random((20, 30)) * 99).astype(dtype)
    session.add_image(image, name="a", group="g", affine=np.diag([2.0, 3, 1]))
    session.save(tmp_path / "a.medfm")
    session.close()
    again = opened(tmp_path / "a.medfm").images["a"]
    np.testing.assert_array_equal(again.data, image)
    np.testing.assert_array_equal(again.affine, np.diag([2.0, 3, 1]))


@pytest.mark.parametrize(
    ("name", "message"), [("case", "ends in .medfm"), ("there.medfm", "exists")]
)
def test_where_nothing_can_be_saved(session, tmp_path, name, message):
    (tmp_path / "there.medfm").mkdir()
    with pytest.raises(BadInput, match=message):
        session.save(tmp_path / name)
    with pytest.raises(BadInput, match="where to save"):
        session.save()
