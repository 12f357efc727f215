"""Projects in a real window: the menu, its keys, its questions, and closing."""

import time

import numpy as np
import pytest
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import (
    QApplication,
    QFileDialog,
    QLabel,
    QLineEdit,
    QMainWindow,
    QMessageBox,
    QPushButton,
)

from napari_medfm import drafts, load_project
from napari_medfm.project.draft import drafts_folder


@pytest.fixture(autouse=True)
def own_config(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def places(monkeypatch):
    """What the user picks in file dialogs, in order."""
    chosen = []
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *_: (str(chosen.pop(0)), "")
    )
    monkeypatch.setattr(
        QFileDialog, "getExistingDirectory", lambda *_: str(chosen.pop(0))
    )
    return chosen


def answer(qtbot, label, seen):
    """Press a button of the next message box, as soon as it is there."""

    def press():
        box = QApplication.activeModalWidget()
        if not isinstance(box, QMessageBox):
            QTimer.singleShot(20, press)
            return
        seen.append(box.text())
        for button in box.buttons():
            if button.text().replace("&", "") == label:
                qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
                return
        seen.append([b.text() for b in box.buttons()])
        box.reject()

    QTimer.singleShot(0, press)


def action(one, title):
    menu = one.widget.header._project._menu
    found = [a for a in menu.actions() if a.text() == title]
    assert found, f"no {title!r} in {[a.text() for a in menu.actions()]}"
    assert found[0].isEnabled()
    return found[0]


def state(one):
    texts = [
        x.text()
        for x in one.widget.header.findChildren(QLabel)
        if x.accessibleName() == "State of the project"
    ]
    return texts[0]


def teach(one):
    desk = one.desk
    desk.live.automatic = False
    desk.add_class("lesion")
    desk.tools.arm("examples")
    one.click(70, 110)
    one.key(Qt.Key.Key_0)
    one.click(10, 10)
    one.rest()
    desk.tools.disarm()


def save(one, places, path):
    places.append(path)
    action(one, "Save").trigger()
    one.until(path.with_suffix(".medfm").exists)
    one.rest()
    one.until(lambda: "Saved" in state(one))


def test_save_open_and_undo_through_the_window(window, disc, tmp_path, places):
    one = window(disc[0])
    assert state(one) == "Nothing to save yet"
    teach(one)
    one.until(lambda: "3 changes not saved" in state(one))
    save(one, places, tmp_path / "case")
    assert state(one) == "case.medfm: Saved"
    labelling = one.desk.session.labelling
    action(one, "New").trigger()
    one.qtbot.wait(50)
    one.desk = one.widget.desk
    assert not one.viewer.layers
    assert state(one) == "Nothing to save yet"
    places.append(tmp_path / "case.medfm")
    action(one, "Open…").trigger()
    one.until(lambda: one.widget.desk.session.project is not None)
    one.desk = one.widget.desk
    one.rest()
    assert len(one.desk.session.annotations) == len(labelling.annotations) == 2
    assert one.layer("examples") is not None
    one.until(lambda: one.layer("prediction") is not None)
    one.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert len(one.desk.session.annotations) == 1
    one.until(lambda: "1 change since the last save" in state(one))
    one.rest()
    one.widget.open_section("Label")
    field = one.widget.panels["Label"].findChild(QLineEdit)
    one.qtbot.keyClicks(field, "vessel")
    one.qtbot.keyClick(field, Qt.Key.Key_Return)
    assert [c.name for c in one.desk.classes][-1] == "vessel"
    one.desk.session.close()
    with pytest.warns(UserWarning, match="after the last save"):
        again = load_project(tmp_path / "case.medfm")
    assert [c.name for c in again.classes][-1] == "vessel"
    again.close()


def test_the_keys_save(window, disc, tmp_path, places):
    one = window(disc[0])
    teach(one)
    places.append(tmp_path / "case.medfm")
    one.viewer.window.activate()
    one.until(lambda: QApplication.activeWindow() is not None)
    both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    one.key(Qt.Key.Key_S, both)
    one.until(lambda: "Saved" in state(one))
    one.rest()
    one.desk.session.close()


def test_recent_projects_are_in_the_menu(window, disc, tmp_path, places):
    one = window(disc[0])
    teach(one)
    save(one, places, tmp_path / "case.medfm")
    action(one, "New").trigger()
    one.qtbot.wait(50)
    menu = one.widget.header._project
    menu._menu.aboutToShow.emit()
    (recent,) = menu._recent.actions()
    assert recent.text().startswith("case.medfm")
    recent.trigger()
    one.until(lambda: one.widget.desk.session.project is not None)
    one.rest()
    one.widget.desk.session.close()


def test_saving_does_not_stop_the_window(window, places, tmp_path, heartbeat):
    rng = np.random.default_rng(0)
    volume = rng.integers(0, 4000, (40, 512, 512)).astype(np.uint16)
    one = window(volume)
    one.rest()
    one.desk.add_class("lesion")
    one.desk.session.accept("ct", volume > 2000, "lesion")
    one.qtbot.wait(300)
    places.append(tmp_path / "big.medfm")
    began = time.perf_counter()
    heartbeat.start()
    action(one, "Save").trigger()
    one.until(lambda: "Saved" in state(one), timeout=60_000)
    longest, took = heartbeat.stop(), time.perf_counter() - began
    assert longest < took / 3, f"{longest:.2f} s of {took:.1f} s"
    one.rest()
    one.desk.session.close()


def folders():
    home = drafts_folder()
    return list(home.iterdir()) if home.exists() else []


def main_window(one):
    found = one.widget
    while not isinstance(found, QMainWindow):
        found = found.parentWidget()
    return found


def test_closing_asks_and_stays_open(window, disc):
    one = window(disc[0])
    teach(one)
    seen = []
    answer(one.qtbot, "Cancel", seen)
    main_window(one).close()
    assert "3 changes would be lost" in seen[0]
    assert main_window(one).isVisible()
    assert len(folders()) == 1


def ask_to_close(one, monkeypatch):
    """Close as the user does, but for the end of it; return what came through."""
    main, closed = main_window(one), []
    monkeypatch.setattr(main, "close", lambda: closed.append("later"))
    event = QCloseEvent()
    if not one.widget._closing.eventFilter(main, event):
        closed.append("at once")
    return closed


def test_closing_can_save_first(window, disc, tmp_path, places, monkeypatch):
    one = window(disc[0])
    teach(one)
    places.append(tmp_path / "case.medfm")
    answer(one.qtbot, "Save…", [])
    with monkeypatch.context() as patched:
        closed = ask_to_close(one, patched)
        assert not closed
        one.until(lambda: closed == ["later"])
    found = load_project(tmp_path / "case.medfm", read_only=True)
    assert len(found.annotations) == 2
    one.desk.session.close()


def test_closing_asks_nothing_where_nothing_was_done(window, disc, monkeypatch):
    one = window(disc[0])
    with monkeypatch.context() as patched:
        assert ask_to_close(one, patched) == ["at once"]


def test_closing_can_discard(window, disc, monkeypatch):
    one, seen = window(disc[0]), []
    teach(one)
    answer(one.qtbot, "Discard them", seen)
    with monkeypatch.context() as patched:
        assert folders()
        assert ask_to_close(one, patched) == ["at once"]
    assert seen
    assert not folders()


def test_a_program_that_closes_its_viewer_is_not_asked(window, disc):
    one = window(disc[0])
    teach(one)
    one.viewer.close()
    one.desk.session.close()
    (left,) = drafts()
    assert left.changes == 3


def test_strokes_after_the_last_save_are_offered(window, disc, tmp_path, places):
    one = window(disc[0])
    teach(one)
    save(one, places, tmp_path / "case.medfm")
    one.desk.tools.arm("brush")
    one.drag((20, 20), (20, 60))
    one.rest()
    one.desk.session.close()
    other, seen = window(disc[0]), []
    other.rest()
    answer(other.qtbot, "Bring them back", seen)
    places.append(tmp_path / "case.medfm")
    action(other, "Open…").trigger()
    other.until(lambda: other.widget.desk.session.project is not None)
    assert "1 change since its last save" in seen[0]
    other.desk = other.widget.desk
    other.rest()
    other.until(lambda: other.layer("strokes") is not None)
    other.desk.session.close()


def test_the_menu_is_reached_by_tab_and_named(window, disc):
    one = window(disc[0])
    button = one.widget.header._project.findChild(QPushButton)
    assert button.accessibleName() == "Project"
    assert button.toolTip()
    assert button.focusPolicy() & Qt.FocusPolicy.TabFocus
    for item in one.widget.header._project._menu.actions():
        assert item.isSeparator() or item.menu() or item.toolTip()
