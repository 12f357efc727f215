"""A head over many images, on the desk: the engine of the shell, told row by row."""

import csv
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from held import HeldRunner
from napari.components import ViewerModel
from slices import named_scan
from toys import ToyEncoder, ToySegmenter

from napari_medfm.bridge.desk import Desk
from napari_medfm.bridge.running import InlineRunner
from napari_medfm.session import Session


def taught(disc, runner, encoder=None):
    session = Session(encoder or ToyEncoder(), ToySegmenter())
    session.add_image(disc[0], name="ct")
    session.add_class("lesion")
    session.annotate("ct", "lesion", points=[(70, 110), (60, 100), (80, 120)])
    session.annotate("ct", "background", points=[(10, 10), (150, 20), (20, 180)])
    session.fit("ridge")
    return Desk(ViewerModel(), session, runner)


@pytest.fixture
def desk(disc):
    return taught(disc, InlineRunner())


@pytest.fixture
def folder(disc, tmp_path):
    made = tmp_path / "images"
    (made / "deep").mkdir(parents=True)
    tifffile.imwrite(made / "a.tif", disc[0])
    tifffile.imwrite(made / "deep" / "b.tif", disc[0][::-1])
    (made / "bad.tif").write_bytes(b"II*\0 no picture")
    (made / "notes.txt").write_text("no image")
    return made


def order(desk, folder, out):
    desk.batch.add([folder])
    desk.batch.change(out=out, suffix="tif")


def states(desk):
    return {row.path.name: row.state for row in desk.batch.rows}


def test_every_image_gets_its_mask_or_its_reason(desk, folder, disc, tmp_path):
    out = tmp_path / "masks"
    assert "Add the images" in desk.batch.missing
    order(desk, folder, out)
    assert states(desk) == dict.fromkeys(["a.tif", "b.tif", "bad.tif"], "waiting")
    before = desk.session.labelling
    desk.batch.start()
    assert states(desk) == {"a.tif": "written", "b.tif": "written", "bad.tif": "failed"}
    found = tifffile.imread(out / "a.tif") == 1
    assert 2 * (found & disc[1]).sum() / (found.sum() + disc[1].sum()) > 0.8
    assert (out / "deep" / "b.tif").exists()
    (bad,) = [row for row in desk.batch.rows if row.failed]
    assert "bad.tif" in bad.detail
    assert "2 written" in desk.message
    assert "1 failed" in desk.message
    with (out / "apply-summary.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 3
    assert desk.session.labelling is before
    assert list(desk.session.images) == ["ct"]


def test_started_again_it_leaves_what_is_finished(desk, folder, tmp_path):
    out = tmp_path / "masks"
    order(desk, folder, out)
    desk.batch.start()
    stamp = (out / "a.tif").stat().st_mtime_ns
    desk.batch.start()
    assert states(desk)["a.tif"] == "there already"
    assert (out / "a.tif").stat().st_mtime_ns == stamp
    desk.batch.change(overwrite=True)
    assert states(desk)["a.tif"] == "waiting"
    desk.batch.start()
    assert (out / "a.tif").stat().st_mtime_ns > stamp


def test_a_head_from_a_file(desk, folder, disc, tmp_path):
    head = tmp_path / "lesion.head.safetensors"
    desk.session.export_head(head)
    session = Session(ToyEncoder(), ToySegmenter())
    other = Desk(ViewerModel(), session, InlineRunner())
    assert "Teach a head" in other.batch.missing
    other.batch.change(head=head)
    order(other, folder, tmp_path / "masks")
    assert other.batch.missing is None
    other.batch.start()
    assert states(other)["a.tif"] == "written"


def test_two_masks_in_one_place_are_refused_before_anything_is_done(
    desk, folder, tmp_path
):
    from PIL import Image

    Image.fromarray(np.zeros((40, 40), np.uint8)).save(folder / "a.png")
    order(desk, folder, tmp_path / "masks")
    desk.batch.start()
    assert desk.is_problem
    assert "both be written" in desk.message
    assert not (tmp_path / "masks").exists()


def test_a_summary_of_others_stays(desk, folder, tmp_path):
    out = tmp_path / "masks"
    out.mkdir()
    (out / "apply-summary.csv").write_text("mine")
    order(desk, folder, out)
    desk.batch.start()
    assert desk.is_problem
    assert (out / "apply-summary.csv").read_text() == "mine"


def test_stop_leaves_the_rest_waiting_and_start_goes_on(disc, folder, tmp_path):
    desk = taught(disc, HeldRunner())
    desk.batch.add([folder])
    desk.runner.finish("batch images")
    desk.batch.change(out=tmp_path / "masks", suffix="tif")
    desk.batch.start()
    assert desk.batch.running
    desk.runner.finish("batch mind")
    assert desk.batch.running
    desk.batch.stop()
    assert not desk.batch.running
    assert "goes on where it stopped" in desk.message
    assert states(desk)["a.tif"] == "waiting"
    desk.batch.start()
    desk.runner.finish("batch mind")
    desk.runner.finish("batch")
    assert states(desk)["a.tif"] == "written"


@pytest.fixture
def restricted(disc, folder, tmp_path):
    """A batch with a head whose licence has something to say."""
    encoder = ToyEncoder()
    encoder.spec = replace(encoder.spec, commercial=False)
    desk = taught(disc, InlineRunner(), encoder)
    desk.batch.add([folder])
    desk.batch.change(out=tmp_path / "masks", suffix="tif")
    return desk


def test_what_to_mind_is_agreed_to_before_the_first_mask(restricted, tmp_path):
    desk, out = restricted, tmp_path / "masks"
    desk.batch.start()
    (sentence,) = desk.batch.held.sentences
    assert "derived with a non-commercial model: toy-encoder" in sentence
    assert not out.exists()
    assert not desk.batch.running
    desk.batch.start_anyway()
    assert states(desk)["a.tif"] == "written"
    desk.batch.start()
    assert desk.batch.held is None, "agreed to once"
    assert states(desk)["a.tif"] == "there already"


def test_what_to_mind_is_asked_again_for_another_order(restricted, tmp_path):
    desk, other = restricted, tmp_path / "other"
    desk.batch.start()
    desk.batch.start_anyway()
    desk.batch.change(out=other)
    desk.batch.start()
    assert desk.batch.held
    desk.batch.hold_back()
    assert desk.batch.held is None
    assert desk.message == "Nothing was written"
    desk.batch.start_anyway()
    assert not other.exists()
    desk.batch.start()
    desk.batch.change(suffix="nii.gz")
    assert desk.batch.held is None, "it was about another order"


def test_names_of_patients_are_looked_for_before(desk, tmp_path):
    for number in range(8):
        named_scan(tmp_path / "scans" / f"doe {number}")
    desk.batch.add([tmp_path / "scans"])
    assert len(desk.batch.inputs) == 8
    desk.batch.change(out=tmp_path / "masks", suffix="tif")
    desk.batch.start()
    *said, more = desk.batch.held.sentences
    assert "the file name 'doe 0.tif' comes from the patient's name" in said[0]
    assert more == "The like holds for 3 more images."
    assert not (tmp_path / "masks").exists()


def test_names_of_patients_are_seen_in_paths_and_in_neutral_ones_are_not(
    desk, tmp_path
):
    named_scan(tmp_path / "Jane Doe" / "scan")
    named_scan(tmp_path / "neutral" / "scan")
    for folder, count in (("Jane Doe", 1), ("neutral", 0)):
        desk.batch.clear()
        desk.batch.add([tmp_path / folder])
        desk.batch.change(out=tmp_path / folder / "masks", suffix="tif")
        desk.batch.start()
        held = desk.batch.held
        assert (0 if held is None else len(held.sentences)) == count


def test_a_head_of_images_is_refused_with_the_reason(desk, folder, tmp_path):
    session = desk.session
    session.add_image(np.zeros((60, 60), np.uint8), name="dark")
    session.annotate_image("ct", "lesion")
    session.annotate_image("dark", "background")
    session.fit(level="image")
    session.export_head(tmp_path / "i.head.safetensors", level="image")
    desk.batch.change(head=tmp_path / "i.head.safetensors")
    order(desk, folder, tmp_path / "masks")
    desk.batch.start()
    assert "heads of pixels" in desk.message
