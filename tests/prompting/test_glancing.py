"""Looking before a prompt is asked: cheap, and without a trace in the session."""

from dataclasses import replace

import numpy as np
import pytest
from napari.components import ViewerModel
from toys import ToyEncoder, ToySegmenter

from napari_medfm import Session
from napari_medfm.bridge.desk import Desk
from napari_medfm.bridge.running import InlineRunner
from napari_medfm.core.geometry import Box
from napari_medfm.engine.crops import CropCache
from napari_medfm.engine.stability import iou

BOX = (33, 73, 108, 148)


@pytest.fixture
def session(disc, segmenter):
    made = Session(encoder=ToyEncoder(), segmenter=segmenter)
    made.add_image(disc[0], name="x")
    return made


def test_a_look_is_what_the_first_click_would_pay_for(session, segmenter):
    assert session.look("x") is True
    assert segmenter.encodes == 1
    assert session.look("x") is True
    assert segmenter.encodes == 1
    session.segment("x", points=[(70, 110)])
    after = segmenter.encodes - 1
    other = ToySegmenter()
    fresh = Session(encoder=ToyEncoder(), segmenter=other)
    fresh.add_image(session.images["x"].data, name="x")
    fresh.segment("x", points=[(70, 110)])
    assert after == other.encodes - 1


def test_wide_planes_are_not_looked_at(segmenter):
    session = Session(encoder=ToyEncoder(), segmenter=segmenter)
    width = 4 * segmenter.spec.input_size + 1
    session.add_image(np.random.default_rng(0).random((8, width)), name="x")
    assert session.look("x") is False
    assert segmenter.encodes == 0


def test_a_glance_sees_only_what_is_embedded(session, segmenter, disc):
    assert session.glance("x", BOX) is None
    assert segmenter.encodes == segmenter.decodes == 0
    session.look("x")
    seen = session.glance("x", BOX)
    assert segmenter.encodes == 1
    assert segmenter.decodes == 1
    assert iou(seen.data, disc[1]) > 0.8
    assert session.glance("x", (10, 10, 14, 14)) is None, "too small to be seen"


def test_a_glance_leaves_no_trace(session):
    told = []
    session.changed.connect(told.append)
    before, script = session.labelling, session.script()
    session.look("x")
    session.glance("x", BOX)
    assert session.labelling is before
    assert session.script() == script
    assert told == []


def test_the_smallest_crop_around_is_taken(segmenter):
    rgb = np.random.default_rng(0).random((64, 64, 3), np.float32)
    cache = CropCache()
    for box in (Box(0, 0, 64, 64), Box(8, 8, 40, 40), Box(30, 30, 62, 62)):
        cache.get(rgb, "p", box, segmenter)
    inner = Box(10, 10, 20, 20)
    assert cache.closest("p", inner, segmenter).box == Box(8, 8, 40, 40)
    assert cache.closest("p", Box(5, 5, 20, 20), segmenter).box == Box(0, 0, 64, 64)
    assert cache.closest("p", Box(5, 5, 70, 20), segmenter) is None
    assert cache.closest("q", inner, segmenter) is None
    segmenter.weights_hash = "other"
    assert cache.closest("p", inner, segmenter) is None


@pytest.fixture
def desk(disc):
    viewer = ViewerModel()
    viewer.add_image(disc[0], name="ct", rgb=False)
    segmenter = ToySegmenter()
    segmenter.spec = replace(segmenter.spec, input_size=192)
    session = Session(encoder=ToyEncoder(), segmenter=segmenter)
    return Desk(viewer, session, InlineRunner())


def test_arming_a_prompt_looks_once(desk):
    segmenter = desk.session.workspace.segmenter.get()
    desk.tools.arm("similar")
    desk.runner.rest()
    assert segmenter.encodes == 0
    desk.tools.arm("points")
    desk.runner.rest()
    desk.tools.arm("box")
    desk.runner.rest()
    assert segmenter.encodes == 1


def test_putting_the_tool_down_before_the_rest_costs_nothing(desk):
    desk.tools.arm("points")
    desk.tools.disarm()
    desk.runner.rest()
    assert desk.session.workspace.segmenter.get().encodes == 0


def test_a_dragged_box_is_previewed_and_then_answered(desk, disc):
    desk.tools.arm("box")
    desk.runner.rest()
    before = desk.session.labelling
    desk.hand.box_moves((33, 73), (108, 148))
    desk.runner.rest()
    layer = desk.mirror.layer("ct", "mask")
    assert iou(np.asarray(layer.data) > 0, disc[1]) > 0.8
    faint = layer.opacity
    assert desk.session.labelling is before
    desk.hand.box_done((33, 73), (108, 148))
    desk.runner.rest()
    layer = desk.mirror.layer("ct", "mask")
    assert layer.opacity > faint
    assert desk.prompt.mask is not None


def test_a_drag_that_was_a_click_shows_no_preview_afterwards(desk):
    desk.tools.arm("box")
    desk.runner.rest()
    desk.hand.box_moves((33, 73), (108, 148))
    desk.prompt.preview.ends()
    desk.runner.rest()
    assert desk.mirror.layer("ct", "mask") is None
