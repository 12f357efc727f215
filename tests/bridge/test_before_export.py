"""What has to be minded is said before a file is written, not after."""

from dataclasses import replace

import numpy as np
import pytest
from napari.components import ViewerModel
from toys import ToyEncoder, ToySegmenter

from napari_medfm.bridge.desk import Desk
from napari_medfm.bridge.running import InlineRunner
from napari_medfm.session import Session


def restricted(model):
    model.spec = replace(model.spec, commercial=False, licence="CC-BY-NC-4.0")
    return model


@pytest.fixture
def desk(disc):
    session = Session(ToyEncoder(), restricted(ToySegmenter()))
    session.add_image(disc[0], name="ct")
    made = Desk(ViewerModel(), session, InlineRunner())
    made.prompt.box((34, 74, 107, 147))
    made.accept()
    return made


def test_a_licence_is_said_before_anything_is_written(desk, tmp_path):
    path = tmp_path / "a.nii.gz"
    desk.exporting.masks(path)
    assert not list(tmp_path.iterdir())
    (sentence,) = desk.exporting.held.sentences
    assert "non-commercial" in sentence
    assert "toy-segmenter" in sentence
    desk.exporting.write_anyway()
    assert path.exists()
    assert desk.exporting.held is None
    assert "Written" in desk.message
    assert "non-commercial" not in desk.message


def test_cancel_writes_nothing(desk, tmp_path):
    desk.exporting.masks(tmp_path / "a.nii.gz")
    desk.exporting.hold_back()
    desk.exporting.write_anyway()
    assert not list(tmp_path.iterdir())
    assert "a.nii.gz was not written" in desk.message


def test_what_waits_is_of_the_image_in_hand(desk, disc, tmp_path):
    desk.exporting.masks(tmp_path / "a.nii.gz")
    desk.viewer.add_image(disc[0][::-1].copy(), name="other")
    desk.work_on("other")
    assert desk.exporting.held is None
    desk.exporting.write_anyway()
    assert not list(tmp_path.iterdir())


def test_an_unknown_format_is_said_at_once(desk, tmp_path):
    desk.exporting.masks(tmp_path / "a.xyz")
    assert desk.is_problem
    assert desk.exporting.held is None


def test_nothing_to_mind_is_written_at_once(disc, tmp_path):
    session = Session(ToyEncoder(), ToySegmenter())
    session.add_image(disc[0], name="ct")
    desk = Desk(ViewerModel(), session, InlineRunner())
    desk.prompt.box((34, 74, 107, 147))
    desk.accept()
    desk.exporting.masks(tmp_path / "a.nii.gz")
    assert (tmp_path / "a.nii.gz").exists()


def test_the_making_is_told_in_a_line(desk, disc):
    said = desk.exporting.making
    assert said == "From 1 outline. Made with toy-segmenter (CC-BY-NC-4.0)."
    desk.session.accept("ct", np.ones(disc[1].shape, bool), "object", origin="edited")
    assert "1 outline, 1 edit by hand" in desk.exporting.making


def test_a_head_says_whose_licence_it_inherits(disc, tmp_path):
    session = Session(restricted(ToyEncoder()), ToySegmenter())
    session.add_image(disc[0], name="ct")
    desk = Desk(ViewerModel(), session, InlineRunner())
    session.add_class("lesion")
    session.annotate("ct", "lesion", points=[(70, 110)])
    session.annotate("ct", "background", points=[(10, 10)])
    session.fit("ridge")
    desk.exporting.head(tmp_path / "a.head.safetensors")
    assert not (tmp_path / "a.head.safetensors").exists()
    assert "toy-encoder" in desk.exporting.held.sentences[0]
    desk.exporting.write_anyway()
    assert (tmp_path / "a.head.safetensors").exists()
