"""Image files are known by what they hold, wherever they lie."""

import shutil

import numpy as np
import pytest
import tifffile
from states import same_state

from napari_medfm.core.errors import BadInput
from napari_medfm.project.keeping import ProjectWarning


@pytest.fixture
def case(worked, tmp_path):
    worked.save(tmp_path / "case.medfm")
    worked.close()
    return tmp_path / "case.medfm"


def test_project_and_images_move_together(case, worked, opened, tmp_path):
    other = tmp_path / "elsewhere"
    other.mkdir()
    shutil.move(case, other / "case.medfm")
    shutil.move(tmp_path / "data", other / "data")
    again = opened(other / "case.medfm")
    same_state(worked.labelling, again.labelling)
    np.testing.assert_array_equal(again.images["file"].data, worked.images["file"].data)


def test_a_file_that_moved_nearby_is_found(case, worked, opened, tmp_path):
    shutil.move(tmp_path / "data" / "disc.tif", tmp_path / "renamed.tif")
    with pytest.warns(ProjectWarning, match=r"found again as .*renamed.tif"):
        again = opened(case)
    assert not again.project.missing
    assert again.images["file"].source.name == "renamed.tif"
    again.save()
    again.close()
    assert opened(case).project.notes == ()


def test_a_file_that_moved_far_is_found_in_a_named_folder(
    case, opened, disc_file, tmp_path_factory
):
    far = tmp_path_factory.mktemp("far") / "deep" / "er"
    far.mkdir(parents=True)
    tifffile.imwrite(far / "decoy.tif", np.zeros((160, 192), np.uint16))
    shutil.move(disc_file, far / "x.tif")
    with pytest.warns(ProjectWarning, match="found again"):
        again = opened(case, images=far.parent.parent)
    assert again.predict("file").labels.shape == (160, 192)


def test_a_missing_image_keeps_its_labels(case, worked, opened, disc_file, tmp_path):
    disc_file.unlink()
    with pytest.warns(ProjectWarning, match="put it back at"):
        again = opened(case)
    same_state(worked.labelling, again.labelling)
    assert list(again.project.missing) == ["file"]
    np.testing.assert_array_equal(again.labels("file"), worked.labels("file"))
    with pytest.raises(BadInput, match="Find missing images"):
        again.predict("file")
    again.annotate("file", "lesion", points=[(1, 1)])
    assert again.predict("array").labels.shape == (160, 192)
    again.save(tmp_path / "other.medfm")
    assert len(again.annotations) == 4


def test_a_changed_image_is_not_used(case, worked, opened, disc_file, disc):
    tifffile.imwrite(disc_file, disc[0][::-1])
    with pytest.warns(ProjectWarning, match="was changed since"):
        again = opened(case)
    with pytest.raises(BadInput, match="was changed since"):
        again.predict("file")
    np.testing.assert_array_equal(again.labels("file"), worked.labels("file"))


def test_kept_pixels_that_are_damaged_are_said_to_be(case, worked, opened):
    for chunk in (case / "images").rglob("*"):
        if chunk.is_file() and chunk.name != "zarr.json":
            chunk.write_bytes(bytes(len(chunk.read_bytes())))
    with pytest.warns(ProjectWarning, match="kept are gone or damaged"):
        again = opened(case)
    assert sorted(again.project.missing) == ["array", "volume"]
    same_state(worked.labelling, again.labelling)


def test_removed_images_come_back_by_undo_after_opening(
    session, disc, opened, tmp_path
):
    session.add_image(disc[0], name="a")
    session.add_class("x")
    session.annotate("a", "x", points=[(70, 110)])
    session.save(tmp_path / "case.medfm")
    session.remove_image("a")
    session.save()
    session.close()
    again = opened(tmp_path / "case.medfm")
    assert not again.images
    assert again.undo()
    np.testing.assert_array_equal(again.images["a"].data, disc[0])
    assert len(again.annotations) == 1


@pytest.mark.filterwarnings("ignore::napari_medfm.project.keeping.ProjectWarning")
def test_a_moved_image_is_moved_after_opening(worked, opened, tmp_path):
    """Exports say what the screen showed, also tomorrow; undo moves it back."""
    worked.save(tmp_path / "case.medfm")
    name = next(iter(worked.images))
    ndim = worked.images[name].ndim
    first = worked.images[name].affine.copy()
    matrix = np.diag([*np.arange(2.0, 2.0 + ndim), 1.0])
    worked.place_image(name, affine=matrix)
    worked.close()
    again = opened(tmp_path / "case.medfm")
    same_state(worked.labelling, again.labelling)
    np.testing.assert_array_equal(again.images[name].affine, matrix)
    uids = {state.images[name].uid for state in again.workspace.past}
    assert uids == {again.images[name].uid}, "it is the same image all along"
    again.undo()
    np.testing.assert_array_equal(again.images[name].affine, first)


def test_an_image_moved_before_saving_is_moved_after_opening(worked, opened, tmp_path):
    worked.save(tmp_path / "case.medfm")
    name = next(iter(worked.images))
    spacing = (3.0,) * worked.images[name].ndim
    worked.place_image(name, spacing=spacing)
    worked.save(tmp_path / "other.medfm")
    worked.close()
    again = opened(tmp_path / "other.medfm")
    assert again.images[name].spacing == spacing
    same_state(worked.labelling, again.labelling)
