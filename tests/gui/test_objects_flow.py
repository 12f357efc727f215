"""Step 6 in the window: objects from a layer, clicked, classified, written."""

import csv

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QFileDialog, QLabel

from napari_medfm.widgets.object_table import ObjectTable


def cells():
    """Eight squares, dark and bright in turn, and their numbers."""
    image = np.full((90, 160), 128, np.uint8)
    objects = np.zeros(image.shape, np.int32)
    for k in range(8):
        row, col = 10 + 42 * (k // 4), 8 + 38 * (k % 4)
        where = (slice(row, row + 24), slice(col, col + 26))
        image[where] = 225 if k % 2 else 30
        objects[where] = k + 1
    return image, objects


def part(one, kind, name):
    (found,) = (w for w in one.widget.findChildren(kind) if w.accessibleName() == name)
    return found


def test_from_a_layer_to_a_table(window, tmp_path, monkeypatch):
    image, objects = cells()
    one = window(image)
    one.viewer.add_labels(objects, name="nuclei")
    one.viewer.layers.selection.active = one.viewer.layers["ct"]
    one.desk.add_class("dark")
    one.desk.add_class("bright")
    one.open("Objects")
    one.qtbot.wait(50)
    sources = part(one, QComboBox, "Where the objects come from")
    assert "nuclei" in sources.currentText()
    one.press("Use these objects")
    table = part(one, ObjectTable, "Objects")
    one.until(lambda: table.model().rowCount() == 8)
    one.press("Click objects")
    for key, places in (("1", [(20, 20), (20, 96)]), ("2", [(20, 60), (20, 134)])):
        one.key(getattr(Qt.Key, f"Key_{key}"))
        for place in places:
            one.click(*place)
    one.until(lambda: one.desk.objects.prediction is not None)
    one.rest()
    one.qtbot.wait(50)
    assert [row.found for row in one.desk.objects.rows] == ["dark", "bright"] * 4
    cell = table.model().index(6, 2)
    assert cell.data() == "dark"

    at = table.visualRect(table.model().index(7, 0)).center()
    one.qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=at)
    number = table.value()
    assert one.desk.objects.selected == number
    assert one.layer("objects").selected_label == number
    centre = one.desk.objects.rows[number - 1].centre
    assert np.allclose(one.layer("pointer").data, [centre])
    one.press("Only select")
    one.click(20, 60)
    one.qtbot.wait(50)
    assert table.value() == 2
    assert len(one.desk.session.annotations) == 4

    out = tmp_path / "cells.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(out), ""))
    one.press("Table as CSV")
    one.until(out.exists)
    one.rest()
    with out.open() as file:
        assert len(list(csv.DictReader(file))) == 8
    one.press("Make labels")
    labels = one.desk.session.labels("ct")
    assert set(labels[objects == 7]) == {1}
    one.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert not one.desk.session.labels("ct").any()


def test_columns_sort(window):
    image, objects = cells()
    one = window(image)
    one.viewer.add_labels(objects, name="nuclei")
    one.viewer.layers.selection.active = one.viewer.layers["ct"]
    one.open("Objects")
    one.qtbot.wait(50)
    one.press("Use these objects")
    table = part(one, ObjectTable, "Objects")
    one.until(lambda: table.model().rowCount() == 8)
    table.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    assert table.model().index(0, 0).data() == "8"
    one.desk.objects.select(1)
    one.qtbot.wait(50)
    assert table.value() == 1
    assert table.currentIndex().row() == 7


def test_without_objects_it_says_what_this_is_for(window, disc):
    one = window(disc[0])
    one.open("Objects")
    one.qtbot.wait(50)
    texts = [x.text() for x in one.widget.findChildren(QLabel) if x.isVisible()]
    assert any("which kind" in text for text in texts)


def test_thousands_of_objects_stop_nothing(window, heartbeat):
    rows, cols = np.mgrid[:1024, :1024]
    objects = (rows // 16) * 64 + cols // 16 + 1
    objects[(rows % 16 < 2) | (cols % 16 < 2)] = 0
    image = (objects % 7 * 30).astype(np.uint8)
    one = window(image)
    one.viewer.add_labels(objects.astype(np.int32), name="nuclei")
    one.viewer.layers.selection.active = one.viewer.layers["ct"]
    one.desk.add_class("a")
    one.open("Objects")
    one.qtbot.wait(50)
    one.press("Use these objects")
    table = part(one, ObjectTable, "Objects")
    one.until(lambda: table.model().rowCount() == 4096)
    one.rest()
    heartbeat.start()
    for number in (5, 900, 4000):
        one.desk.objects.select(number)
        one.qtbot.wait(50)
    one.desk.choose_class(1)
    one.desk.objects.label(7)
    one.rest()
    one.qtbot.wait(100)
    longest = heartbeat.stop()
    assert longest < 1.5
