"""The export panel in a real window: what to mind, and labels from elsewhere."""

from dataclasses import replace

import numpy as np
from PIL import Image as Picture
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog
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
