"""A slide in the window: what is on screen first, the rest behind, nothing whole."""

import gc
import time

import numpy as np
import psutil
import pytest
from qtpy.QtCore import Qt
from slides import DISCS, RADIUS, SIDE, TISSUE, Reads, WideToy, make_slide, truth
from toys import ToySegmenter

from napari_medfm.bridge.mirror import Mirror
from napari_medfm.core.geometry import Box
from napari_medfm.widgets.runner import QtLoop

A_SCREEN = 1 << 22


@pytest.fixture(scope="module")
def levels(tmp_path_factory):
    return make_slide(tmp_path_factory.mktemp("slide"))


class Own:
    """Processor seconds that our own code took in the window's thread, at most.

    What napari takes to put a layer into its window is told apart, as the measure.
    """

    def __init__(self, monkeypatch):
        self.longest, self.what, self.of_napari = 0.0, None, 0.0
        call = QtLoop._call

        show, napari = Mirror.show, [0.0]

        def shown(mirror, *args, **kwargs):
            start = time.thread_time()
            layer = show(mirror, *args, **kwargs)
            took = time.thread_time() - start
            napari[0] += took
            self.of_napari = max(self.of_napari, took)
            return layer

        def timed(loop, act):
            start, napari[0] = time.thread_time(), 0.0
            call(loop, act)
            took = time.thread_time() - start - napari[0]
            if took > self.longest:
                self.longest, self.what = took, act

        monkeypatch.setattr(QtLoop, "_call", timed)
        monkeypatch.setattr(Mirror, "show", shown)


@pytest.fixture
def slide(window, levels, monkeypatch):
    reads, own = Reads(monkeypatch), Own(monkeypatch)
    gc.collect()
    gc.freeze()  # what other tests left behind is not looked through again and again

    def make(delay=0.0):
        one = window(encoder=WideToy(delay), segmenter=ToySegmenter())
        one.viewer.add_image(levels, name="slide", rgb=True, multiscale=True)
        one.until(lambda: one.desk.image == "slide")
        one.reads, one.own = reads, own
        return one

    yield make
    gc.unfreeze()


def look_at(one, row, col, zoom):
    one.viewer.scene.camera.center = (0, row, col)
    one.viewer.scene.camera.zoom = zoom
    one.qtbot.wait(400)


def dice(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())


def test_similar_places_first_on_screen_then_all_over_the_slide(slide):
    one = slide(delay=0.02)
    desk = one.desk
    memory = psutil.Process().memory_info().rss
    look_at(one, 8700, 8700, 0.8)
    one.open("Similar")
    one.press("Find similar")
    one.click(*DISCS[0])
    first = []
    one.viewer.layers.events.inserted.connect(
        lambda _: first.append(desk.similar.map.complete)
    )
    one.until(lambda: one.layer("similarity") is not None, timeout=20_000)
    assert one.runner.busy("similarity rest")
    assert one.layer("similarity").multiscale
    shape, scale = one.layer("similarity").data[0].shape, one.layer("similarity").scale
    assert np.allclose(np.multiply(shape, scale), SIDE)
    one.rest()
    assert desk.similar.map.complete > first[0]
    known = np.isfinite(desk.similar.map.values)
    assert 0.01 < known.mean() < 0.05
    low, high = desk.similar.limits
    desk.similar.set_threshold((low + high) / 2)
    one.press("Make labels")
    one.until(lambda: one.layer("labels") is not None)
    one.rest()
    labels = desk.session.labels("slide")
    box = Box(*TISSUE).slices
    assert dice(labels[box] == 1, truth(TISSUE)) > 0.85
    assert np.count_nonzero(labels[box]) == np.count_nonzero(labels)
    one.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    one.until(lambda: one.layer("labels") is None)
    assert one.reads.most.get("window", 0) < A_SCREEN
    assert one.reads.most["workers"] < A_SCREEN
    assert psutil.Process().memory_info().rss - memory < 900 << 20


def test_the_rest_is_stopped_and_goes_on(slide):
    one = slide(delay=0.15)
    look_at(one, 8700, 8700, 0.8)
    one.open("Similar")
    one.press("Find similar")
    one.click(*DISCS[0])
    one.until(lambda: one.runner.busy("similarity rest"), timeout=20_000)
    one.until(one.widget.status._cancel.isVisible)
    one.press("Cancel")
    one.until(one.widget.panels["Similar"]._rest.isVisible)
    stopped = one.desk.similar.map.complete
    assert "Stopped" in one.desk.message
    one.press("Read the rest of the slide")
    one.rest()
    assert one.desk.similar.map.complete > stopped
    assert not one.desk.similar.unfinished


def test_outlines_and_predictions_of_a_slide(slide):
    one = slide()
    desk = one.desk
    desk.live.automatic = False
    look_at(one, 8700, 8700, 0.8)
    desk.add_class("tumour")
    one.open("Prompt")
    one.key(Qt.Key.Key_B)
    (row, col), far = DISCS[0], RADIUS + 20
    one.drag((row - far, col - far), (row + far, col + far))
    one.until(lambda: desk.prompt.mask is not None)
    mask = desk.prompt.mask
    assert dice(mask.data, truth(mask.region)) > 0.93
    layer = one.layer("mask")
    assert layer.data.shape == mask.data.shape
    assert np.allclose(layer.translate, mask.region[:2])
    one.key(Qt.Key.Key_Return)
    one.until(lambda: one.layer("labels") is not None)
    assert one.layer("labels").multiscale
    assert one.layer("labels").data[0][row, col] == 1

    one.open("Label")
    one.press("Click examples")
    for value, places in ((1, [DISCS[0], (8650, 8600)]), (0, [(8400, 8400)])):
        one.key(getattr(Qt.Key, f"Key_{value}"))
        for place in places:
            one.click(*place)
    one.until(lambda: one.layer("prediction") is not None, timeout=30_000)
    one.rest()
    found = desk.live.prediction
    assert found.region is not None
    assert found.region.height <= 2048
    assert dice(found.labels == 1, truth(found.region)) > 0.8
    look_at(one, *DISCS[2], 0.8)
    one.until(lambda: desk.live.prediction.region != found.region, timeout=30_000)
    one.rest()
    one.press("Predict the whole slide")
    one.until(lambda: desk.live.whole, timeout=60_000)
    assert one.layer("prediction").multiscale
    one.press("Accept prediction")
    one.until(lambda: "Accepted" in desk.message, timeout=30_000)
    one.rest()
    assert (
        dice(desk.session.labels("slide")[Box(*TISSUE).slices] == 1, truth(TISSUE))
        > 0.8
    )
    assert one.reads.most.get("window", 0) < A_SCREEN
    assert one.reads.most["workers"] < A_SCREEN
    # Accepting a whole slide is written down in the window's thread before it counts.
    assert one.own.longest < one.own.of_napari, one.own.what
