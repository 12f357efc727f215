"""A head over many images, on the desk: the engine of the shell, told row by row."""

import csv
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from held import HeldRunner
from napari.components import ViewerModel
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
    desk.batch.stop()
    assert not desk.batch.running
    assert "goes on where it stopped" in desk.message
    assert states(desk)["a.tif"] == "waiting"
    desk.batch.start()
    desk.runner.finish("batch")
    assert states(desk)["a.tif"] == "written"


def test_licences_of_the_head_are_said_before(disc):
    encoder = ToyEncoder()
    encoder.spec = replace(encoder.spec, commercial=False)
    assert "non-commercial" in taught(disc, InlineRunner(), encoder).batch.licence
    assert taught(disc, InlineRunner()).batch.licence == ""


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
