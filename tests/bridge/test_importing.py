"""Labels of other programs on the desk."""

import nibabel as nib
import numpy as np
import pytest
from napari.components import ViewerModel
from persons import Person
from PIL import Image as Picture
from toys import ToyEncoder, ToySegmenter

from napari_medfm.bridge.desk import Desk
from napari_medfm.bridge.running import InlineRunner
from napari_medfm.session import Session


@pytest.fixture
def desk(disc):
    session = Session(ToyEncoder(), ToySegmenter())
    session.add_image(disc[0], name="ct")
    made = Desk(ViewerModel(), session, InlineRunner())
    made.projects.dialogs = Person()
    return made


def test_labels_come_in_are_shown_and_undone(desk, disc, tmp_path):
    Picture.fromarray(disc[1].astype(np.uint8) * 2).save(tmp_path / "a.png")
    desk.importing.labels(tmp_path / "a.png")
    layer = desk.mirror.layer("ct", "labels")
    assert np.array_equal(layer.data > 0, disc[1])
    assert "label 2" in desk.message
    assert [c.name for c in desk.classes] == ["background", "label 2"]
    assert desk.exporting.making == "From 1 import."
    desk.undo()
    desk.undo()
    assert desk.mirror.layer("ct", "labels") is None
    assert len(desk.classes) == 1


def test_numbered_objects_are_asked_about(desk, disc, tmp_path):
    numbers = np.arange(disc[1].size, dtype=np.uint16).reshape(disc[1].shape) % 300
    Picture.fromarray(numbers).save(tmp_path / "cells.tif")
    desk.add_class("nucleus")
    person = desk.projects.dialogs
    person.answers += ["cancel", "one"]
    desk.importing.labels(tmp_path / "cells.tif")
    assert not desk.session.labelling.accepted
    desk.importing.labels(tmp_path / "cells.tif")
    assert "Take them as nucleus" in dict(person.asked[0].choices).values()
    assert np.array_equal(desk.session.labels("ct") == 1, numbers > 0)


def test_labels_that_lie_elsewhere_are_asked_about(ball, tmp_path):
    session = Session(ToyEncoder(), ToySegmenter())
    affine = np.diag([5.0, 1, 1, 1])
    affine[0, 3] = 7
    session.add_image(ball[0], name="ct", affine=affine)
    desk = Desk(ViewerModel(), session, InlineRunner())
    desk.projects.dialogs = person = Person()
    labels = np.moveaxis(ball[1].astype(np.uint8), 0, 2)
    nib.save(nib.Nifti1Image(labels, np.eye(4)), tmp_path / "a.nii.gz")
    person.answers += ["cancel"]
    desk.importing.labels(tmp_path / "a.nii.gz")
    assert not desk.session.labelling.accepted
    assert "another grid" in person.asked[0].text


def test_what_does_not_fit_is_said(desk, tmp_path):
    Picture.fromarray(np.ones((5, 6), np.uint8)).save(tmp_path / "small.png")
    desk.importing.labels(tmp_path / "small.png")
    assert desk.is_problem
    assert "shape" in desk.message
    desk.importing.labels(tmp_path / "none.png")
    assert "no file" in desk.message
