"""Step 3 in the window: many objects at once."""

from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QLineEdit, QPushButton
from toys import ToyNamer

PLACES = [(30, 30), (30, 80), (30, 130), (30, 175), (100, 40), (100, 90)]


def field():
    rows, cols = np.mgrid[:140, :200]
    grey = np.full((140, 200), 25, np.uint8)
    for row, col in PLACES:
        grey[(rows - row) ** 2 + (cols - col) ** 2 < 100] = 255
    return grey


@pytest.fixture
def one(window):
    made = window(field())
    namer = ToyNamer()
    namer.spec = replace(namer.spec, input_size=256)
    made.desk.session.use_segmenter(namer)
    made.desk.add_class("cell")
    made.open("Prompt")
    made.qtbot.wait(50)
    return made


def part(one, kind, name):
    (found,) = (w for w in one.widget.findChildren(kind) if w.accessibleName() == name)
    return found


def pick(one, words):
    """Pick a way as a user does who opens the list and presses Enter."""
    ways = part(one, QComboBox, "What to find")
    (index,) = (k for k in range(ways.count()) if words in ways.itemText(k))
    ways.setFocus()
    ways.setCurrentIndex(index)
    ways.textActivated.emit(ways.itemText(index))
    return ways


def test_words_find_many_a_click_drops_one_enter_takes_the_rest(one):
    pick(one, "words")
    words = part(one, QLineEdit, "What to find, in words")
    assert words.isVisible()
    words.setText("bright")
    one.qtbot.keyClick(words, Qt.Key.Key_Return)
    one.until(lambda: one.desk.many.count == 6)
    one.qtbot.wait(50)
    assert one.layer("found").visible
    assert part(one, QPushButton, "Drop or keep").isChecked()
    one.click(*PLACES[0])
    one.until(lambda: one.desk.many.count == 5)
    assert not one.desk.session.labels("ct").any()
    one.press("Make labels")
    labels = one.desk.session.labels("ct")
    assert [int(labels[place]) for place in PLACES] == [0, 1, 1, 1, 1, 1]
    one.qtbot.wait(50)
    assert not part(one, QPushButton, "Drop or keep").isVisible()


def test_an_outline_offers_all_like_it(one):
    ways = part(one, QComboBox, "What to find")
    assert "outline" not in ways.currentText()
    one.desk.tools.arm("box")
    one.drag((18, 18), (42, 42))
    one.until(lambda: one.desk.prompt.mask is not None)
    one.qtbot.wait(50)
    assert ways.currentText() == "all like the outline in hand"
    one.press("Find them")
    one.until(lambda: one.desk.many.found is not None, timeout=60_000)
    assert one.desk.many.count == 6
    one.qtbot.wait(50)
    one.press("Classify them")
    assert one.desk.objects.map is not None
    assert one.desk.many.found is None


def test_a_picked_way_stays(one):
    ways = pick(one, "stand out")
    one.desk.tools.arm("box")
    one.drag((18, 18), (42, 42))
    one.until(lambda: one.desk.prompt.mask is not None)
    one.qtbot.wait(50)
    assert ways.currentText() == "all that stand out"
    one.press("Find them")
    one.until(lambda: one.desk.many.found is not None)
    one.qtbot.wait(50)
    one.press("Put aside")
    assert one.desk.many.found is None
