"""What layers carry: place that follows, channels of one image, whole files."""

import json
import warnings
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
import tifffile
from held import HeldRunner
from napari.components import ViewerModel
from napari.layers import Layer
from slices import named_scan
from toys import ToyEncoder, ToySegmenter

from napari_medfm import load_project
from napari_medfm.bridge.desk import Desk
from napari_medfm.bridge.geometry import matrix_of
from napari_medfm.bridge.running import InlineRunner
from napari_medfm.core.errors import WriteFailed
from napari_medfm.exporters import napari_writer
from napari_medfm.exporters.napari_writer import write_labels
from napari_medfm.readers.napari_reader import read_layers
from napari_medfm.session import Session

OBLIQUE = np.array(
    [[2.4, 0.1, 0.0, 9.0], [-0.2, 0.7, 0.1, -4.0], [0.1, -0.1, 0.8, 2.0], [0, 0, 0, 1]]
)


def desk_on(*layers, session=None, runner=None):
    viewer = ViewerModel()
    for layer in layers:
        viewer.add_layer(layer)
    made = session or Session(encoder=ToyEncoder(), segmenter=ToySegmenter())
    return Desk(viewer, made, runner or InlineRunner())


def from_file(path):
    return [Layer.create(*data) for data in read_layers(str(path))]


@pytest.fixture
def scan(tmp_path, ball):
    """An oblique NIfTI volume, and its affine as nibabel gives it."""
    path = tmp_path / "scan.nii.gz"
    affine = np.eye(4)
    affine[:3, :3] = OBLIQUE[:3, :3].T
    affine[:3, 3] = (10, -20, 30)
    nib.Nifti1Image(ball[0].T, affine).to_filename(path)
    return path, nib.load(path).affine


def saved(layer, path):
    data, meta, _ = layer.as_layer_data_tuple()
    write_labels(str(path), data, meta)
    written = nib.load(path)
    record = json.loads(path.with_name(path.name + ".provenance.json").read_text())
    return written, record


def test_saving_the_labels_layer_keeps_place_classes_and_making(scan, tmp_path):
    desk = desk_on(*from_file(scan[0]))
    desk.viewer.dims.set_point(0, 6 * desk.source.spacing[0])
    desk.add_class("lesion")
    desk.prompt.box((24, 34, 76, 86))
    desk.prompt.accept()
    layer = desk.mirror.layer(desk.image, "labels")
    written, record = saved(layer, tmp_path / "out.nii.gz")
    assert np.allclose(written.affine, scan[1], atol=1e-6)
    labels = np.asarray(written.dataobj).T
    assert np.array_equal(labels, desk.session.labels(desk.image))
    assert [c["name"] for c in record["classes"]] == ["background", "lesion"]
    assert [m["name"] for m in record["models"]] == ["toy-segmenter"]
    assert record["image"]["sha256"] == desk.source.sha256()
    layer.paint((6, 2, 2), 1)
    _, record = saved(layer, tmp_path / "again.nii.gz")
    assert record["human_edits"] == 1


@pytest.mark.parametrize("role", ["mask", "preview", "prediction"])
def test_saving_an_answer_of_one_plane_keeps_its_place(scan, tmp_path, ball, role):
    desk = desk_on(*from_file(scan[0]))
    desk.viewer.dims.set_point(0, 6 * desk.source.spacing[0])
    here = desk.binding.layer(desk.image).data_to_world
    if role == "mask":
        desk.prompt.box((24, 34, 76, 86))
    elif role == "preview":
        desk.hand.click("similar", here((6, 50, 60)), negative=False)
    else:
        desk.add_class("lesion")
        for value, place in ((1, (6, 50, 60)), (0, (6, 5, 5))):
            desk.choose_class(value)
            desk.hand.click("examples", here(place), negative=False)
    layer = desk.mirror.layer(desk.image, role)
    written, record = saved(layer, tmp_path / "out.nii.gz")
    at = written.affine @ [3, 4, 0, 1]
    assert np.allclose(at, scan[1] @ [3, 4, 6, 1], atol=1e-4)
    assert record["image"]["plane"] == 6


def test_a_scale_set_later_goes_into_the_export_and_is_undone(ball, tmp_path):
    desk = desk_on(Layer.create(ball[0], {"name": "ct"}, "image"))
    layer = desk.viewer.layers["ct"]
    desk.add_class("lesion")
    desk.session.accept("ct", ball[1], "lesion")
    desk.runner.rest()
    layer.scale = (5, 0.5, 0.5)
    desk.exporting.masks(tmp_path / "x.nii.gz")
    written = nib.load(tmp_path / "x.nii.gz")
    assert written.header.get_zooms() == pytest.approx((0.5, 0.5, 5))
    labels = desk.mirror.layer("ct", "labels")
    assert np.allclose(matrix_of(labels), matrix_of(layer))
    desk.undo()
    assert desk.source.spacing == (1, 1, 1)
    assert np.allclose(layer.scale, 1)
    assert np.allclose(labels.scale, 1)
    desk.redo()
    assert np.allclose(layer.scale, (5, 0.5, 0.5))
    assert "place_image" in desk.session.script()


def test_an_oblique_image_keeps_its_obliqueness_when_rescaled():
    session = Session(encoder=ToyEncoder(), segmenter=ToySegmenter())
    session.add_image(np.random.default_rng(0).random((6, 8, 9)), "ct", affine=OBLIQUE)
    desk = desk_on(session=session)
    layer = desk.viewer.layers["ct"]
    layer.scale = np.array(layer.scale) * (2, 1, 1)
    desk.runner.rest()
    assert np.allclose(session.images["ct"].affine, OBLIQUE @ np.diag([2, 1, 1, 1]))
    layer.translate = (4, 0, 0)
    desk.runner.rest()
    moved = session.images["ct"].affine
    assert np.allclose(moved[:3, :3], OBLIQUE[:3, :3] @ np.diag([2, 1, 1]))
    assert np.linalg.norm(moved[:3, 3] - OBLIQUE[:3, 3]) == pytest.approx(4)


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
def test_a_layer_that_is_tilted_later_is_refused_loudly(ball):
    desk = desk_on(Layer.create(ball[0], {"name": "ct"}, "image"))
    desk.viewer.layers["ct"].rotate = (0, 30, 0)
    desk.runner.rest()
    assert desk.is_problem
    assert "tilted" in desk.message
    assert not desk.hand.ready()
    desk.undo()
    assert desk.hand.ready()


def test_a_script_that_moves_the_image_moves_the_layer(ball):
    desk = desk_on(Layer.create(ball[0], {"name": "ct"}, "image"))
    desk.session.place_image("ct", spacing=(5, 2, 2))
    desk.runner.rest()
    assert np.allclose(desk.viewer.layers["ct"].scale, (5, 2, 2))


@pytest.fixture
def stack(tmp_path, disc):
    """A file of three channels, channels first."""
    path = tmp_path / "cells.ome.tif"
    data = np.stack([disc[0], disc[0] // 2, disc[0][::-1]])
    tifffile.imwrite(path, data, metadata={"axes": "CYX"}, photometric="minisblack")
    return path, data


def test_a_file_of_channels_is_one_image_of_several_layers(stack):
    path, data = stack
    desk = desk_on(*from_file(path))
    assert [x.ndim for x in desk.viewer.layers] == [2, 2, 2]
    for layer in list(desk.viewer.layers):
        desk.choose_layer(layer)
    assert list(desk.session.images) == ["cells"]
    assert desk.source.channel_axis == 0
    assert np.array_equal(np.asarray(desk.source.data), data)
    assert str(path) in desk.session.script()
    desk.hand.click("similar", (70, 110), negative=False)
    assert desk.similar.map.shape == data.shape[1:]


def test_a_stack_is_a_volume_until_the_user_says_that_it_is_channels(stack):
    desk = desk_on(Layer.create(stack[1], {"name": "x", "scale": (9, 2, 3)}, "image"))
    assert desk.source.ndim == 3
    (way,) = desk.opening.ways_out
    assert way.title == "These 3 planes are channels"
    way.act()
    assert list(desk.session.images) == ["x"]
    assert desk.source.ndim == 2
    assert desk.source.channel_axis == 0
    assert desk.source.spacing == (2, 3)
    assert len(desk.viewer.layers) == 3
    assert not desk.opening.ways_out


def test_labels_on_a_stack_keep_it_a_volume(stack):
    desk = desk_on(Layer.create(stack[1], {"name": "x"}, "image"))
    desk.prompt.box((34, 74, 107, 147))
    assert not desk.opening.ways_out


def test_a_layer_whose_note_names_a_channel_axis_is_not_taken_for_a_volume(stack):
    note = {"napari_medfm": {"channel_axis": 0}}
    layer = Layer.create(stack[1], {"name": "x", "metadata": note}, "image")
    desk = desk_on()
    desk.viewer.add_layer(layer)
    assert not desk.session.images
    desk.choose_layer(layer)
    assert "channels" in desk.message
    desk.opening.ways_out[0].act()
    assert desk.source.channel_axis == 0


class Slow:
    """Pixels that tell who reads them."""

    def __init__(self, data):
        self.data, self.shape, self.dtype = data, data.shape, data.dtype
        self.ndim, self.reads = data.ndim, 0

    def __getitem__(self, index):
        self.reads += 1
        return self.data[index]


def test_an_image_on_disk_is_not_read_in_the_windows_thread(ball):
    pixels = Slow(ball[0])
    state = {"name": "ct", "contrast_limits": (0, 1), "multiscale": False}
    layer = Layer.create(pixels, state, "image")
    runner = HeldRunner()
    desk = desk_on(runner=runner)
    desk.viewer.add_layer(layer)
    before = pixels.reads
    desk.choose_layer(layer)
    assert pixels.reads == before
    assert desk.image is None
    runner.finish("open")
    assert desk.image == "ct"
    assert pixels.reads > before
    low, high = desk.source.window[0]
    assert low < 0.1
    assert high > 0.9


def test_a_layer_removed_while_it_is_opened_is_no_image(ball):
    state = {"name": "ct", "contrast_limits": (0, 1), "multiscale": False}
    layer = Layer.create(Slow(ball[0]), state, "image")
    desk = desk_on(runner=HeldRunner())
    desk.viewer.add_layer(layer)
    late = desk.runner.drained("open")
    desk.viewer.layers.remove(layer)
    late()
    assert desk.image is None
    assert not desk.session.images


def test_an_array_put_into_the_labels_layer_is_one_step(disc):
    desk = desk_on(Layer.create(disc[0], {"name": "ct"}, "image"))
    desk.prompt.box((34, 74, 107, 147))
    desk.prompt.accept()
    layer = desk.mirror.layer("ct", "labels")
    first = layer.data.copy()
    wanted = np.zeros_like(first)
    wanted[5:9, 5:9] = 1
    layer.data = wanted
    desk.runner.rest()
    assert np.array_equal(desk.session.labels("ct"), wanted)
    desk.undo()
    assert np.array_equal(layer.data, first)
    assert np.array_equal(desk.session.labels("ct"), first)
    depth = desk.session.workspace.depth
    desk.runner.rest()
    assert desk.session.workspace.depth == depth


def teach(desk, truth):
    lesion = desk.add_class("lesion").value
    for value, places in ((lesion, np.argwhere(truth)), (0, np.argwhere(~truth))):
        desk.choose_class(value)
        for place in places[:: len(places) // 4][:4]:
            desk.hand.click("examples", place, negative=False)
    desk.runner.rest()


@pytest.mark.parametrize("keep", [True, False])
def test_a_prediction_fills_in_around_what_was_accepted_by_hand(disc, keep):
    desk = desk_on(Layer.create(disc[0], {"name": "ct"}, "image"))
    mine = np.zeros(disc[1].shape, bool)
    mine[2:12, 2:12] = True
    desk.add_class("mine")
    desk.session.accept("ct", mine, "mine")
    desk.runner.rest()
    layer = desk.mirror.layer("ct", "labels")
    teach(desk, disc[1])
    assert desk.live.against_hand
    desk.live.keep_by_hand = keep
    before = desk.session.labels("ct")
    assert desk.live.accept()
    labels = desk.session.labels("ct")
    lesion = next(c.value for c in desk.classes if c.name == "lesion")
    assert (labels[disc[1]] == lesion).mean() > 0.7
    if keep:
        assert (labels[mine] == 1).all()
        assert "stayed" in desk.message
    else:
        assert not (labels[mine] == 1).any()
        assert "replaced" in desk.message
    desk.undo()
    assert np.array_equal(desk.session.labels("ct"), before)
    assert layer is desk.mirror.layer("ct", "labels")


def test_what_was_erased_by_hand_stays_erased(disc):
    desk = desk_on(Layer.create(disc[0], {"name": "ct"}, "image"))
    teach(desk, disc[1])
    desk.live.accept()
    layer = desk.mirror.layer("ct", "labels")
    data = layer.data.copy()
    data[65:75, 105:115] = 0
    layer.data = data
    desk.runner.rest()
    for _ in range(2):
        desk.live.accept()
        assert not desk.session.labels("ct")[65:75, 105:115].any()
        assert (desk.session.labels("ct")[disc[1]] == 1).mean() > 0.7


@pytest.mark.parametrize("slices", [1, 3])
def test_a_dicom_folder_is_labelled_saved_and_found_again(tmp_path, slices):
    folder = named_scan(tmp_path / "scan", slices)
    desk = desk_on(*from_file(folder))
    assert desk.image == "scan"
    image = desk.source
    assert image.source == folder
    session = desk.session
    session.add_class("lesion")
    session.accept("scan", np.ones(image.shape, bool), "lesion")
    assert "series='1.2.3'" in session.script()
    saved = session.save(tmp_path / "case.medfm")
    assert not saved.kept, "the folder holds its pixels"
    session.close()
    again = load_project(tmp_path / "case.medfm", read_only=True)
    assert not again.project.missing
    assert np.array_equal(again.images["scan"].data, image.data)
    assert again.images["scan"].affine.tolist() == image.affine.tolist()


def test_what_to_mind_is_warned_of_before_a_layer_is_written(tmp_path, monkeypatch):
    segmenter = ToySegmenter()
    segmenter.spec = replace(segmenter.spec, commercial=False)
    session = Session(encoder=ToyEncoder(), segmenter=segmenter)
    desk = desk_on(*from_file(named_scan(tmp_path / "Doe")), session=session)
    desk.add_class("lesion")
    mask = session.segment(desk.image, box=(4, 4, 30, 30), plane=0)
    assert desk.act(lambda: session.accept(desk.image, mask, "lesion"))
    data, meta, _ = desk.mirror.layer(desk.image, "labels").as_layer_data_tuple()

    def full(*_):
        raise WriteFailed("No space left")

    monkeypatch.setattr(napari_writer, "export_labels", full)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(WriteFailed):
            napari_writer.write_labels(str(tmp_path / "Jane.nii.gz"), data, meta)
    said = " ".join(str(one.message) for one in caught)
    assert "derived with a non-commercial model: toy-segmenter" in said
    assert "the file name 'Jane.nii.gz' comes from the patient's name" in said
