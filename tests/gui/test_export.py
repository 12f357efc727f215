"""The export panel in a real window: what to mind, and labels from elsewhere."""

from dataclasses import replace

import numpy as np
from PIL import Image as Picture
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QLabel
from toys import ToySegmenter


def test_what_to_mind_is_agreed_to_before_a_file_is_written(
    window, disc, tmp_path, monkeypatch
):
    segmenter = ToySegmenter()
    segmenter.spec = replace(segmenter.spec, commercial=False)
    one = window(disc[0], segmenter=segmenter)
    one.desk.tools.arm("box")
    one.drag((34, 74), (107, 147))
    one.until(lambda: one.desk.prompt.mask is not None)
    one.key(Qt.Key.Key_Return)
    one.open("Export")
    out = tmp_path / "out.tif"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(out), ""))
    one.qtbot.wait(30)
    one.press("Export masks")
    one.qtbot.wait(30)
    one.press("Cancel")
    one.rest()
    assert not out.exists()
    one.press("Export masks")
    one.qtbot.wait(30)
    one.press("Write anyway")
    one.until(out.exists)
    one.rest()


def test_a_prediction_that_is_not_accepted_is_not_taken_for_written(window, disc):
    one = window(disc[0])
    desk = one.desk
    desk.live.automatic = False  # recipes are weighed in other tests
    desk.add_class("lesion")
    desk.prompt.box((34, 74, 107, 147))
    one.rest()
    desk.prompt.accept("lesion")
    for value, place in ((1, (70, 110)), (0, (10, 10))):
        desk.choose_class(value)
        desk.marking.click(place)
    one.rest()
    one.open("Export")

    def is_said():
        said = [label.text() for label in one.widget.findChildren(QLabel)]
        return any("The prediction is not among them" in words for words in said)

    one.until(is_said)
    desk.live.accept()
    one.until(lambda: not is_said())
    one.rest()


def test_labels_of_another_program_come_in(window, disc, tmp_path, monkeypatch):
    path = tmp_path / "labels.png"
    Picture.fromarray(disc[1].astype(np.uint8)).save(path)
    one = window(disc[0])
    one.open("Export")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    one.press("Import labels")
    one.until(lambda: one.layer("labels") is not None)
    assert np.array_equal(one.layer("labels").data == 1, disc[1])
    one.rest()


def test_measurements_a_dataset_and_onnx(window, disc, tmp_path, monkeypatch):
    one = window(disc[0])
    desk, session = one.desk, one.desk.session
    desk.live.automatic = False
    desk.add_class("lesion")
    one.open("Export")
    panel = one.widget.panels["Export"]
    assert not panel._table.isEnabled()
    assert not panel._dataset.isEnabled()
    session.annotate("ct", "lesion", points=[(70, 110), (60, 100)])
    session.annotate("ct", "background", points=[(10, 10), (150, 20)])
    session.fit("ridge")
    desk.act(lambda: session.accept("ct", disc[1], "lesion"))
    one.rest()
    one.until(panel._table.isEnabled)
    places = {
        "Measurements…": (tmp_path / "a.csv", ""),
        "For nnU-Net…": (tmp_path / "Dataset001_A", ""),
        "Export head…": (tmp_path / "a", "For other programs (*.onnx)"),
    }
    for title, (path, kind) in places.items():
        chosen = (str(path), kind)
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, c=chosen: c)
        one.press(title)
        one.rest()
    assert str(int(disc[1].sum())) in (tmp_path / "a.csv").read_text()
    assert (tmp_path / "Dataset001_A" / "dataset.json").exists()
    assert (tmp_path / "a.onnx").exists()
