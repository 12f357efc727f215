"""Every control has a name, is reached by Tab in the order of reading, and can be read.

The bound of contrast is that of WCAG 2.1 for text, 4.5 to 1.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cutoff import cut_off
from gui.readable import CONTROLS, contrast, is_whole, named
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import QAbstractButton, QLabel, QPushButton, QScrollArea, QWidget

from napari_medfm.widgets.parts import swatch

ORIGIN = QPoint(0, 0)


def controls(one):
    """The controls a user meets, with the step each is in; inner parts left out."""
    found = []
    for title, section in one.widget.sections.items():
        one.open(title)
        one.qtbot.wait(20)
        found += [
            (title, part)
            for part in section.findChildren(QWidget)
            if isinstance(part, CONTROLS) and part.isVisible() and is_whole(part)
        ]
    return found


@pytest.fixture
def taught(window, disc):
    """A window in which every step has something to show."""
    one = window(disc[0])
    desk = one.desk
    desk.live.automatic = False  # recipes are weighed in other tests
    desk.add_class("lesion")
    desk.similar.click((70, 110), negative=False)
    one.rest()
    desk.prompt.box((30, 70, 110, 150))
    one.rest()
    for value, places in ((1, [(70, 110), (60, 100)]), (0, [(10, 10), (150, 30)])):
        desk.choose_class(value)
        for place in places:
            desk.marking.click(place)
    one.rest()
    return one


def of_parent(part):
    """A tip that Qt shows because the part around it has one."""
    return part.parent().toolTip()


def test_every_control_has_a_name_and_teaches(taught):
    found = controls(taught)
    assert len(found) > 40
    nameless = [(t, type(p).__name__) for t, p in found if not named(p)]
    assert not nameless
    silent = [(t, named(p)) for t, p in found if not (p.toolTip() or of_parent(p))]
    assert not silent, repr(silent)


def test_every_control_is_reached_by_tab_in_the_order_of_reading(taught):
    for title, section in taught.widget.sections.items():
        taught.open(title)
        taught.qtbot.wait(20)
        here = [
            p
            for p in section.findChildren(QWidget)
            if isinstance(p, CONTROLS)
            and p.isVisible()
            and p.isEnabled()
            and is_whole(p)
        ]
        unreached = [
            named(p) for p in here if not p.focusPolicy() & Qt.FocusPolicy.TabFocus
        ]
        assert not unreached, title
        order = chain(section, here)
        assert len(order) == len(here), title
        tops = [p.mapTo(section, p.rect().center()) for p in order]
        rows = [(at.y(), at.x()) for at in tops]
        for (above, _), (below, _), part in zip(
            rows, rows[1:], order[1:], strict=False
        ):
            assert below > above - 40, (title, named(part), rows)


def chain(section, parts):
    """The parts in the order in which Tab goes through them."""
    wanted, found = set(parts), []
    part = section.nextInFocusChain()
    start = part
    while True:
        if part in wanted:
            found.append(part)
        part = part.nextInFocusChain()
        if part is start:
            return found


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_no_text_is_cut_off(taught, theme):
    taught.viewer.theme = theme
    taught.desk.tools.arm("brush")
    taught.desk.review.suggesting.next()
    taught.rest()
    cut = {}
    for title in taught.widget.sections:
        taught.open(title)
        taught.qtbot.wait(100)
        cut[title] = cut_off(taught.widget)
    assert not any(cut.values()), cut


def test_no_text_is_cut_off_at_twice_the_size():
    script = Path(__file__).with_name("scaled_window.py")
    done = subprocess.run(  # noqa: S603  this program
        [sys.executable, script],
        env={**os.environ, "QT_SCALE_FACTOR": "2"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.stdout.strip() == "scale 2.0", done.stdout + done.stderr


def test_the_prediction_is_accepted_without_scrolling_on_a_laptop(taught):
    taught.desk.prompt.accept("lesion")
    taught.rest()
    taught.open("Label")
    taught.desk.tools.arm("examples")
    taught.qtbot.wait(200)
    view = taught.widget.findChild(QScrollArea).viewport()
    button = next(
        b
        for b in taught.widget.findChildren(QPushButton)
        if b.text().startswith("Accept prediction")
    )
    assert button.isVisible()
    assert view.rect().contains(button.rect().translated(button.mapTo(view, ORIGIN)))


def test_a_chosen_class_keeps_its_colour(qapp):
    icon, mode = swatch("#e69f00"), QIcon.Mode
    chosen, other = (icon.pixmap(14, 14, m) for m in (mode.Selected, mode.Normal))
    assert chosen.toImage() == other.toImage()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_what_is_written_can_be_read(taught, theme):
    taught.viewer.theme = theme
    taught.qtbot.wait(100)
    faint = []
    for title, section in taught.widget.sections.items():
        taught.open(title)
        taught.qtbot.wait(20)
        for part in section.findChildren(QWidget):
            words = isinstance(part, (QLabel, QAbstractButton)) and part.text()
            if words and part.isVisible() and part.isEnabled():
                ratio = contrast(part)
                if ratio < 4.5:
                    faint.append((title, part.text()[:30], round(ratio, 2)))
    assert not faint
