"""Changing classes and removing single marks through the window."""

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QColorDialog, QInputDialog, QListWidget

from napari_medfm.widgets.class_list import ClassList
from napari_medfm.widgets.mark_list import MarkList


def act(menu, text):
    (found,) = (a for a in menu.actions() if a.text().startswith(text))
    return found


def class_list(one):
    return next(w for w in one.widget.findChildren(ClassList) if w.isVisible())


def test_rename_recolour_merge_delete(window, disc, monkeypatch):
    one = window(disc[0])
    one.desk.live.automatic = False
    for name in ("lesion", "vessel", "other"):
        one.desk.add_class(name)
    one.open("Label")
    one.qtbot.wait(50)
    classes = class_list(one)
    one.desk.choose_class(1)
    one.qtbot.wait(30)
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: ("tumour", True))
    act(classes.menu(), "Rename").trigger()
    assert one.desk.classes[1].name == "tumour"
    monkeypatch.setattr(QColorDialog, "getColor", lambda *_: QColor("#123456"))
    act(classes.menu(), "Colour").trigger()
    assert one.desk.classes[1].colour == "#123456"
    one.qtbot.wait(30)
    into = next(a.menu() for a in classes.menu().actions() if a.menu())
    act(into, "vessel").trigger()
    assert [c.name for c in one.desk.classes] == ["background", "vessel", "other"]
    one.qtbot.wait(30)
    act(classes.menu(), "Delete vessel").trigger()
    assert [c.name for c in one.desk.classes] == ["background", "other"]
    one.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert [c.name for c in one.desk.classes] == ["background", "vessel", "other"]


def test_background_has_nothing_to_change(window, disc):
    one = window(disc[0])
    one.desk.live.automatic = False
    one.open("Label")
    one.desk.choose_class(0)
    one.qtbot.wait(50)
    assert not any(a.isEnabled() for a in class_list(one).menu().actions())


def test_a_mark_is_listed_looked_at_and_removed_alone(window, disc):
    one = window(disc[0])
    one.desk.live.automatic = False
    one.desk.add_class("lesion")
    for place in ((60, 100), (70, 110), (80, 120)):
        one.desk.marking.click(tuple(map(float, place)))
    one.open("Label")
    one.qtbot.wait(50)
    one.press("List marks")
    one.qtbot.wait(30)
    marks = one.widget.findChild(MarkList).findChild(QListWidget)
    assert marks.count() == 3
    at = marks.visualItemRect(marks.item(1)).center()
    one.qtbot.mouseClick(marks.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert one.layer("pointer").data.tolist() == [[70, 110]]
    one.press("Remove this mark")
    one.qtbot.wait(30)
    assert marks.count() == 2
    left = [a.pixels[0].tolist() for a in one.desk.session.annotations]
    assert left == [[60, 100], [80, 120]]


def test_marks_from_a_layer_and_places_to_ignore(window, disc):
    one = window(disc[0])
    one.desk.live.automatic = False
    one.desk.add_class("lesion")
    one.viewer.add_labels(disc[1].astype(np.uint8), name="mine")
    one.viewer.layers.selection.active = one.viewer.layers["ct"]
    one.open("Label")
    one.qtbot.wait(50)
    menu = one.widget.findChild(MarkList).menu()
    act(menu, "layer “mine”").trigger()
    assert len(one.desk.session.annotations[0].pixels) == disc[1].sum()
    one.press("Click examples")
    one.qtbot.wait(30)
    one.press("Ignore here")
    one.click(20, 20)
    one.qtbot.wait(30)
    assert one.desk.session.annotations[-1].value == -1
    one.press("Ignore here")
    assert not one.desk.marking.ignores
    one.rest()


def test_only_probably_and_the_rest(window, disc):
    one = window(disc[0])
    one.desk.live.automatic = False
    one.desk.add_class("lesion")
    one.open("Label")
    one.qtbot.wait(50)
    one.press("Click examples")
    one.qtbot.wait(30)
    one.press("Only probably")
    one.click(70, 110)
    one.press("Only probably")
    one.click(74, 110)
    one.qtbot.wait(30)
    assert [a.weight for a in one.desk.session.annotations] == [0.25, 1]
    one.press("The rest is probably background")
    rest = one.desk.session.annotations[-1]
    assert (rest.value, rest.weight) == (0, 0.1)
    assert len(one.layer("examples").data) == 2 + len(rest.pixels)
    one.rest()


def test_a_lasso_marks_what_it_circles(window, disc):
    one = window(disc[0])
    one.desk.live.automatic = False
    one.desk.add_class("lesion")
    one.open("Label")
    one.qtbot.wait(50)
    one.press("Lasso")
    one.drag((50, 90), (50, 130), (90, 130), (90, 90), (52, 90))
    (made,) = one.desk.session.annotations
    assert made.kind == "mask"
    assert 0.9 * 1600 < len(made.pixels) < 1.15 * 1600
    assert made.pixels.min(0) == pytest.approx([50, 90], abs=3)
    strokes = np.asarray(one.layer("strokes").data)
    assert (strokes > 0).sum() == len(made.pixels)
    one.drag((20, 20), (20, 60))
    assert len(one.desk.session.annotations) == 1
    assert "Draw around" in one.desk.message
    assert (np.asarray(one.layer("strokes").data) > 0).sum() == len(made.pixels)
    one.key(Qt.Key.Key_L)
    assert one.desk.tools.armed is None
