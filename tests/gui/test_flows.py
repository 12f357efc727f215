"""The whole way through the window: clicks on the canvas, buttons, keys, threads."""

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QPushButton,
)
from toys import ToyEncoder, ToySegmenter

from napari_medfm.widgets.dock import MedfmWidget


def dice(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())


def named(one, kind, name):
    """The first control of the dock that a screen reader calls so."""
    return next(w for w in one.widget.findChildren(kind) if w.accessibleName() == name)


def add_class(one, name):
    field = named(one, QLineEdit, "Name of a new class")
    one.qtbot.keyClicks(field, name)
    one.qtbot.keyClick(field, Qt.Key.Key_Return)


def teach(one, truth):
    one.open("Label")
    add_class(one, "lesion")
    one.press("Click examples")
    for value, places in ((1, np.argwhere(truth)), (0, np.argwhere(~truth))):
        one.key(getattr(Qt.Key, f"Key_{value}"))
        assert one.desk.chosen == value
        for place in places[len(places) // 8 :: len(places) // 4][:4]:
            one.click(*place)
    one.until(lambda: one.layer("prediction") is not None)


def test_the_whole_way(window, disc, tmp_path, monkeypatch):
    data, truth = disc
    one = window(data, scale=(2, 3), translate=(7, -4))
    desk = one.desk

    one.open("Similar")
    one.press("Find similar")
    one.click(70, 110)
    one.until(lambda: one.layer("similarity") is not None)
    one.click(10, 10, modifier=Qt.KeyboardModifier.AltModifier)
    one.until(lambda: len(desk.similar.wish.against) == 1)
    one.rest()
    low, high = desk.similar.limits
    desk.similar.set_threshold((low + high) / 2)
    one.press("Make labels")
    assert dice(one.layer("labels").data == 1, truth) > 0.7

    one.open("Prompt")
    one.key(Qt.Key.Key_B)
    assert desk.tools.armed == "box"
    one.drag((34, 74), (107, 147))
    one.until(lambda: desk.prompt.mask is not None)
    assert dice(desk.prompt.mask.data, truth) > 0.9
    one.key(Qt.Key.Key_Return)
    assert desk.prompt.mask is None
    assert desk.tools.armed == "box"
    one.key(Qt.Key.Key_Escape)
    assert desk.tools.armed is None

    one.desk.chosen = 1
    teach(one, truth)
    one.until(lambda: dice(one.layer("prediction").data == 1, truth) > 0.8)
    one.rest()
    assert "Tested" in desk.live.verdict or "Recipe" in desk.live.verdict
    named(one, QCheckBox, "Keep what I accepted by hand").setChecked(False)
    one.press("Accept prediction")
    assert np.array_equal(desk.session.labels("ct"), desk.live.prediction.labels)

    one.open("Export")
    out = tmp_path / "out.tif"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(out), ""))
    one.press("Export masks")
    one.until(out.exists)
    one.rest()
    import tifffile

    assert np.array_equal(tifffile.imread(out), desk.session.labels("ct"))
    assert (tmp_path / "out.tif.provenance.json").exists()
    head = tmp_path / "lesion.head.safetensors"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(head), ""))
    one.press("Export head")
    one.until(head.exists)
    one.rest()

    one.press("Copy as Python")
    assert "s.annotate('ct'" in QApplication.clipboard().text()

    other = np.ascontiguousarray(data[::-1])
    one.viewer.add_image(other, name="second")
    one.until(lambda: desk.image == "second")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(head), ""))
    one.press("Load head")
    one.until(lambda: one.layer("prediction") is not None)
    found = one.layer("prediction").data
    assert dice(found > 0, truth[::-1]) > 0.8


def test_undo_and_redo_by_key_and_button(window, disc):
    one = window(disc[0])
    one.desk.tools.arm("box")
    one.drag((34, 74), (107, 147))
    one.until(lambda: one.desk.prompt.mask is not None)
    one.key(Qt.Key.Key_Return)
    accepted = one.layer("labels").data.copy()
    one.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert one.layer("labels") is None
    assert one.desk.prompt.mask is not None
    both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    one.key(Qt.Key.Key_Z, both)
    assert np.array_equal(one.layer("labels").data, accepted)
    one.qtbot.wait(30)
    one.press("Undo")
    assert one.layer("labels") is None


def test_undo_in_the_selected_labels_layer_is_ours(window, disc):
    one = window(disc[0])
    one.desk.tools.arm("box")
    one.drag((34, 74), (107, 147))
    one.until(lambda: one.desk.prompt.mask is not None)
    one.key(Qt.Key.Key_Return)
    one.key(Qt.Key.Key_Escape)
    layer = one.layer("labels")
    first = layer.data.copy()
    one.viewer.layers.selection.active = layer
    layer.selected_label, layer.mode, layer.brush_size = 1, "paint", 9
    one.qtbot.wait(100)
    one.drag((20, 20), (20, 60))
    one.until(lambda: one.desk.session.labels("ct")[20, 40] == 1)
    one.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert np.array_equal(one.layer("labels").data, first)
    assert np.array_equal(one.desk.session.labels("ct"), first)


def test_brush_strokes_teach(window, disc):
    one = window(disc[0])
    one.open("Label")
    add_class(one, "lesion")
    one.press("Brush")
    one.drag((70, 95), (70, 125))
    one.key(Qt.Key.Key_0)
    one.drag((20, 20), (20, 60), (60, 20))
    one.until(lambda: one.layer("prediction") is not None)
    one.rest()
    assert dice(one.layer("prediction").data == 1, disc[1]) > 0.8
    assert one.viewer.scene.camera.mouse_pan is False
    one.key(Qt.Key.Key_Escape)
    assert one.viewer.scene.camera.mouse_pan is True


def test_right_click_is_negative_and_drag_is_no_click(window, disc):
    one = window(disc[0])
    one.desk.tools.arm("similar")
    one.drag((70, 110), (20, 20))
    assert one.desk.similar.wish.at == ()
    one.click(70, 110)
    one.click(20, 20, button=Qt.MouseButton.RightButton)
    assert len(one.desk.similar.wish.at) == 1
    assert len(one.desk.similar.wish.against) == 1
    assert one.desk.similar.wish.at[0] == pytest.approx((70, 110), abs=1)
    one.rest()


def test_cancel_button_stops_and_says_so(window, disc):
    encoder = ToyEncoder(delay=0.5)
    one = window(disc[0], encoder=encoder)
    one.open("Models")
    one.press("Prepare the image")
    one.qtbot.wait(400)
    one.press("Cancel")
    assert "cancelled" in one.desk.message
    assert one.runner.current is None
    calls = encoder.calls
    one.qtbot.wait(900)
    assert encoder.calls <= calls + 1
    one.open("Similar")
    encoder.delay = 0.0
    one.press("Find similar")
    one.click(70, 110)
    one.until(lambda: one.desk.similar.map is not None)


@pytest.mark.parametrize("how", ["rename", "remove"])
def test_the_layer_changes_while_a_job_runs(window, disc, how):
    one = window(disc[0], segmenter=ToySegmenter(delay=0.4))
    layer = one.viewer.layers["ct"]
    one.desk.tools.arm("box")
    one.drag((34, 74), (107, 147))
    # On a busy machine the preview has made the crop, and the answer is there at once.
    there = one.desk.session.mask
    one.until(lambda: one.runner.busy("segment") or there("ct") is not None)
    if how == "rename":
        layer.name = "other"
    else:
        one.viewer.layers.remove(layer)
    one.until(lambda: one.desk.session.mask("ct") is not None)
    one.rest()
    assert not one.desk.is_problem
    if how == "rename":
        assert one.layer("mask") is not None
    else:
        assert list(one.viewer.layers) == []
        one.viewer.add_layer(layer)
        one.until(lambda: one.layer("mask") is not None)


def test_closing_the_window_with_a_job_under_way(window, disc):
    one = window(disc[0], encoder=ToyEncoder(delay=0.5))
    one.desk.tools.arm("similar")
    one.click(70, 110)
    one.until(lambda: one.runner.busy("similarity"))
    one.viewer.close()
    one.qtbot.wait(200)
    assert one.runner.current is None


def test_two_windows_two_sessions(window, disc):
    one, other = window(disc[0]), window(disc[0])
    assert one.desk is not other.desk
    add_class(one, "lesion")
    assert len(other.desk.classes) == 1


def test_the_dock_closed_and_opened_again_keeps_the_session(window, disc):
    one = window(disc[0])
    add_class(one, "lesion")
    again = MedfmWidget(one.viewer)
    assert again.desk is one.desk
    again.deleteLater()


def test_a_volume_plane_by_plane(window, ball):
    one = window(ball[0], scale=(5, 1, 1))
    one.viewer.dims.set_current_step(0, 6)
    teach_plane = ball[1][6]
    one.open("Label")
    add_class(one, "lesion")
    one.press("Click examples")
    for value, places in (
        (1, np.argwhere(teach_plane)),
        (0, np.argwhere(~teach_plane)),
    ):
        one.key(getattr(Qt.Key, f"Key_{value}"))
        for place in places[len(places) // 8 :: len(places) // 4][:4]:
            one.click(6, *place)
    one.until(lambda: one.layer("prediction") is not None)
    one.rest()
    one.viewer.dims.set_current_step(0, 8)
    one.until(
        lambda: (
            one.layer("prediction") is not None
            and one.layer("prediction").data_to_world((0, 0, 0))[0] == 40
        )
    )
    one.rest()
    one.press("Predict all planes")
    one.until(lambda: one.desk.live.whole)
    one.rest()
    one.press("Accept prediction")
    assert dice(one.desk.session.labels("ct") == 1, ball[1]) > 0.6


def test_bad_layers_say_why(window):
    one = window()
    assert "Open an image" in one.widget.header._next.text()
    one.viewer.add_image(np.zeros((2, 3, 8, 9)), name="film", rgb=False)
    assert "Split Stack" in one.desk.message
    one.viewer.add_image(np.full((8, 9), np.nan), name="empty", contrast_limits=(0, 1))
    assert "no finite pixel" in one.desk.message
    one.qtbot.wait(50)


def test_every_control_has_a_name_and_nothing_is_cut_off(window, disc):
    one = window(disc[0])
    one.viewer.window.resize(1366, 740)
    teach(one, disc[1])
    one.rest()
    for section in one.widget.sections:
        one.open(section)
        one.qtbot.wait(60)
        for button in one.widget.findChildren(QPushButton):
            if button.isVisible():
                assert button.accessibleName()
                assert button.toolTip()
                needed = button.fontMetrics().horizontalAdvance(button.text())
                assert needed <= button.width() - 6, button.text()
        parts = [*one.widget.findChildren(QPushButton)]
        for part in [*parts, *one.widget.findChildren(QComboBox)]:
            if part.isVisible():
                right = part.mapTo(one.widget, part.rect().topRight()).x()
                assert right < one.widget.width(), part.accessibleName()
        for label in one.widget.findChildren(QLabel):
            if label.isVisible() and label.wordWrap() and label.text():
                assert label.height() >= label.heightForWidth(label.width())


def test_the_demo_opens_at_the_plane_that_its_hints_are_for(
    monkeypatch, make_napari_viewer
):
    from napari_medfm.app import demo
    from napari_medfm.sample_data import load

    monkeypatch.setattr("napari.Viewer", make_napari_viewer)
    viewer = demo("radiology", show=False)
    assert viewer.dims.current_step[0] == load("radiology").hints.plane


def test_the_outline_shows_while_the_box_is_still_dragged(window, disc):
    from dataclasses import replace

    segmenter = ToySegmenter()
    segmenter.spec = replace(segmenter.spec, input_size=192)
    one = window(disc[0], segmenter=segmenter)
    one.open("Prompt")
    one.key(Qt.Key.Key_B)
    one.until(lambda: segmenter.encodes == 1)
    one.rest()
    start, end = one.point(33, 73), one.point(108, 148)
    native = one.viewer.window._qt_viewer.canvas.native
    one.qtbot.mouseMove(native, start)
    one.qtbot.mousePress(native, Qt.MouseButton.LeftButton, pos=start)
    for share in (0.3, 0.6, 1):
        one.qtbot.wait(15)
        one.move(start + (end - start) * share)
    one.until(lambda: one.layer("mask") is not None)
    assert one.desk.prompt.mask is None
    assert dice(np.asarray(one.layer("mask").data) > 0, disc[1]) > 0.8
    one.qtbot.mouseRelease(native, Qt.MouseButton.LeftButton, pos=end)
    one.until(lambda: one.desk.prompt.mask is not None)
    one.rest()
    assert dice(one.desk.prompt.mask.data, disc[1]) > 0.8


def test_the_key_sheet_lists_every_key(window, disc):
    from napari_medfm.widgets.key_sheet import KeySheet

    one = window(disc[0])
    one.press("Keys")
    (sheet,) = one.widget.findChildren(KeySheet)
    assert sheet.isVisible()
    words = " ".join(label.text() for label in sheet.findChildren(QLabel))
    for key in ("S", "B", "P", "E", "D", "O", "M", "T", "N", "Enter", "Esc", "1 to 9"):
        assert f"<b>{key}</b>" in words
    assert "<b>Ctrl+Z</b>" in words or "<b>Cmd+Z</b>" in words
    sheet.close()


def test_fewer_clicks_than_before_in_a_layer_that_is_not_seen(window, disc):
    one = window(disc[0])
    similar = one.desk.similar
    for place in ((70, 110), (60, 100), (80, 120)):
        similar.click(place, negative=False)
    one.rest()
    similar.clear()
    assert one.layer("queries") is None
    similar.click((70, 110), negative=True)
    one.rest()
    assert one.layer("queries").visible
    assert len(one.layer("queries").data) == 1
