"""Step 7 in the window: a contact sheet, keys, a head, an order, a table."""

import csv

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QFileDialog

from napari_medfm.widgets.contact_sheet import ContactSheet


def picture(seed, spread):
    noise = np.random.default_rng(seed).normal(0.5, spread, (56, 70))
    return (255 * noise.clip(0, 1)).astype(np.uint8)


def part(one, kind, name):
    (found,) = (w for w in one.widget.findChildren(kind) if w.accessibleName() == name)
    return found


def pick(one, sheet, place):
    at = sheet.visualItemRect(sheet.item(place)).center()
    one.qtbot.mouseClick(sheet.viewport(), Qt.MouseButton.LeftButton, pos=at)


def full(one, count=8):
    """A window with pictures, smooth and rough in turn, on the sheet."""
    for n in range(count):
        data = picture(n, 0.3 if n % 2 else 0.02)
        one.viewer.add_image(data, name=f"i{n}", rgb=False)
    one.desk.add_class("smooth")
    one.desk.add_class("rough")
    one.rest()
    one.open("Images")
    one.qtbot.wait(50)
    if one.desk.images.unread:
        one.press("Add")
    one.rest()
    sheet = part(one, ContactSheet, "Contact sheet")
    one.until(lambda: sheet.count() == count)
    one.until(lambda: len(one.desk.images.thumbs) == count)
    return sheet


def test_label_by_key_learn_sort_and_write(window, tmp_path, monkeypatch):
    one = window()
    sheet = full(one)
    for place in range(4):
        pick(one, sheet, place)
        one.qtbot.keyClick(sheet, "2" if place % 2 else "1")
        one.qtbot.wait(30)
    said = {i.title: c.name for i, c in one.desk.images.said.items()}
    assert said == {"i0": "smooth", "i1": "rough", "i2": "smooth", "i3": "rough"}
    one.press("Learn and classify")
    one.until(lambda: len(one.desk.images.facts) == 8, timeout=60_000)
    one.rest()
    one.qtbot.wait(50)
    order = part(one, QComboBox, "Order of the sheet")
    assert order.currentText() == "least sure first"
    texts = [sheet.item(k).text() for k in range(8)]
    assert all(("smooth" in t) or ("rough" in t) for t in texts)
    shown = [t.split("\n")[0] for t in texts]
    assert shown == [item.title for item in one.desk.images.sheet]
    out = tmp_path / "a.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(out), ""))
    one.press("Table as CSV")
    one.until(out.exists)
    one.rest()
    with out.open() as file:
        assert len(list(csv.DictReader(file))) == 8


def test_several_at_once_by_button_and_delete(window):
    one = window()
    sheet = full(one, 4)
    sheet.select([0, 2])
    sheet.selectionMoved.emit()
    one.press("smooth")
    one.qtbot.wait(30)
    assert {i.title for i in one.desk.images.said} == {"i0", "i2"}
    sheet.select([0])
    one.qtbot.keyClick(sheet, Qt.Key.Key_Delete)
    assert {i.title for i in one.desk.images.said} == {"i2"}


def test_a_double_click_opens_the_image(window):
    one = window()
    sheet = full(one, 4)
    sheet.itemActivated.emit(sheet.item(1))
    assert one.desk.image == "i1"


def test_planes_of_a_volume(window):
    stack = np.stack([picture(n, 0.3 if n % 2 else 0.02) for n in range(6)])
    one = window(stack)
    one.desk.add_class("rough")
    one.open("Images")
    sheet = part(one, ContactSheet, "Contact sheet")
    one.until(lambda: sheet.count() == 6)
    one.until(lambda: len(one.desk.images.thumbs) == 6)
    pick(one, sheet, 1)
    one.press("Sort by likeness")
    one.until(lambda: len(one.desk.images.facts) == 6, timeout=60_000)
    one.rest()
    one.qtbot.wait(50)
    assert {sheet.item(k).text().split("\n")[0] for k in range(3)} == {
        "plane 2",
        "plane 4",
        "plane 6",
    }
    assert sheet.selected() == [0]


def test_a_closed_sheet_reads_nothing(window, disc):
    one = window(disc[0])
    one.desk.changed.emit()
    one.qtbot.wait(80)
    assert one.desk.images.thumbs == {}
