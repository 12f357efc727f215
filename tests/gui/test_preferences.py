"""The page of preferences: real controls, a real file, work in real threads."""

import json
import os
import time
from pathlib import Path

import pytest
from gui.readable import CONTROLS, contrast, is_whole, named
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton
from toys import ToyEncoder, ToySegmenter

from napari_medfm.engine import cacheplace
from napari_medfm.engine.preferences import KEYS, settled
from napari_medfm.engine.weights import cache_folder, is_offline
from napari_medfm.widgets import preferences_page
from napari_medfm.widgets.settings import session_from_settings


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A preferred cache with weights; the environment says nothing."""
    for key in KEYS.values():
        for variable in key.variables:
            monkeypatch.delenv(variable, raising=False)
    folder = tmp_path / "old"
    (folder / "weights" / "toy").mkdir(parents=True)
    (folder / "weights" / "toy" / "model.safetensors").write_bytes(bytes(3_000_000))
    write(cache=str(folder))
    return folder


def write(**values):
    Path(os.environ["NAPARI_MEDFM_PREFERENCES"]).write_text(json.dumps(values))


def kept():
    return json.loads(Path(os.environ["NAPARI_MEDFM_PREFERENCES"]).read_text())


class Answers:
    """Answers the desk's questions, and keeps them."""

    def __init__(self, answer):
        self.answer, self.asked = answer, []

    def choose(self, question):
        self.asked.append(question)
        return self.answer

    def folder_where(self, title, start):
        return self.answer


class Page:
    """The page of one window."""

    def __init__(self, one):
        self.one = one
        self.page = one.widget.header.show_preferences()
        one.rest()

    def control(self, name):
        return next(
            p
            for p in self.page.findChildren(CONTROLS)
            if p.accessibleName() == KEYS[name].title
        )

    def press(self, text):
        found = next(
            b for b in self.page.findChildren(QPushButton) if b.text().startswith(text)
        )
        assert found.isEnabled()
        self.one.qtbot.mouseClick(found, Qt.MouseButton.LeftButton)
        self.one.rest()

    def texts(self):
        labels = self.page.findChildren(preferences_page.Hint)
        return "\n".join(label.text() for label in labels if label.isVisible())


@pytest.fixture
def page(cache, window, disc):
    made = Page(window(disc[0]))
    yield made
    made.page.close()


def test_each_control_keeps_what_is_chosen_for_the_next_start(page):
    qtbot = page.one.qtbot
    device = page.control("device")
    device.setFocus()
    device.setCurrentIndex(device.findData("cpu"))
    device.activated.emit(device.currentIndex())
    qtbot.keyClick(page.control("offline"), Qt.Key.Key_Space)
    hub = page.control("hub")
    hub.selectAll()
    qtbot.keyClicks(hub, "https://mirror.example.org")
    qtbot.keyClick(hub, Qt.Key.Key_Return)
    page.control("cache-size").setValue(3.5)
    page.control("undo-memory").setValue(64)
    encoder = page.control("encoder")
    encoder.activated.emit(encoder.findData("phikon"))
    page.one.rest()
    told = {
        "device": "cpu",
        "offline": "yes",
        "hub": "https://mirror.example.org",
        "cache-size": "3.5",
        "undo-memory": "64",
        "encoder": "phikon",
    }
    assert told.items() <= kept().items()
    assert is_offline()
    session = session_from_settings()
    assert session.encoder == "phikon"
    assert session.workspace.memory.max_bytes == 64 << 20
    assert session.workspace.planes.store.root == cache_folder() / "embeddings"


def test_it_says_when_each_counts_and_who_set_it(page, monkeypatch):
    text = page.texts()
    assert "A change counts at once." in text
    assert "A change counts in windows opened from now on." in text
    assert "A change counts for models loaded from now on." in text
    assert "Weights of 1 models, 3.0 MB" in text
    monkeypatch.setenv("NAPARI_MEDFM_DEVICE", "cpu")
    page.page.refresh()
    assert not page.control("device").isEnabled()
    assert page.control("device").currentData() == "cpu"
    assert "Set by NAPARI_MEDFM_DEVICE in the environment" in page.texts()


def test_what_cannot_be_is_refused_and_the_control_goes_back(page):
    device = page.control("device")
    device.activated.emit(device.findData("mps"))
    page.one.rest()
    assert "There is no device 'mps'" in page.texts()
    assert device.currentData() == "best"
    hub = page.control("hub")
    hub.selectAll()
    page.one.qtbot.keyClicks(hub, "nonsense")
    page.one.qtbot.keyClick(hub, Qt.Key.Key_Return)
    page.one.rest()
    assert "like https://huggingface.co" in page.texts()
    assert hub.text() == "https://huggingface.co"
    assert page.page.isVisible()
    assert set(kept()) == {"cache"}


def test_the_cache_is_moved_with_what_it_holds(page, cache, tmp_path):
    one, new = page.one, tmp_path / "new"
    one.desk.projects.dialogs = Answers("move")
    page.page.dialogs = Answers(new)
    page.press("Change")
    asked = one.desk.projects.dialogs.asked[0]
    assert "weights of 1 models (3.0 MB)" in asked.text
    assert kept()["cache"] == str(new)
    assert (new / "weights" / "toy" / "model.safetensors").is_file()
    assert not (cache / "weights" / "toy").exists()
    assert one.desk.session.workspace.planes.store.root == new / "embeddings"
    assert page.control("cache").text() == str(new)
    assert "3.0 MB were moved" in page.texts()
    one.desk.similar.click((70, 110), negative=False)
    one.rest()
    assert list((new / "embeddings").iterdir())


def test_the_cache_is_left_where_it_was(page, cache, tmp_path):
    page.one.desk.projects.dialogs = Answers("leave")
    page.page.dialogs = Answers(tmp_path / "new")
    page.press("Change")
    assert settled("cache").value == str(tmp_path / "new")
    assert (cache / "weights" / "toy" / "model.safetensors").is_file()
    assert "is left as it was" in page.texts()


def test_no_answer_changes_nothing(page, cache, tmp_path):
    page.one.desk.projects.dialogs = Answers("cancel")
    page.page.dialogs = Answers(tmp_path / "new")
    page.press("Change")
    page.press("Remove embeddings")
    assert settled("cache").value == str(cache)
    assert (cache / "weights" / "toy" / "model.safetensors").is_file()


def test_a_folder_that_cannot_be_written_is_refused(page, cache, tmp_path):
    (tmp_path / "plain").write_text("")
    page.one.desk.projects.dialogs = Answers("move")
    page.page.dialogs = Answers(tmp_path / "plain" / "x")
    page.press("Change")
    assert "Nothing can be written in" in page.texts()
    assert not page.one.desk.projects.dialogs.asked
    assert settled("cache").value == str(cache)


def test_embeddings_are_removed_and_nothing_else(page, cache):
    one = page.one
    one.desk.similar.click((70, 110), negative=False)
    one.desk.add_class("lesion")
    one.rest()
    assert list((cache / "embeddings").iterdir())
    one.desk.projects.dialogs = Answers("clear")
    page.press("Remove embeddings")
    assert not list((cache / "embeddings").iterdir())
    assert (cache / "weights" / "toy" / "model.safetensors").is_file()
    assert list(Path(os.environ["NAPARI_MEDFM_DRAFTS"]).iterdir())
    assert "0 embeddings" in page.texts()
    one.desk.similar.click((60, 100), negative=False)
    one.rest()
    assert not one.desk.is_problem


def test_a_slow_disk_does_not_freeze_the_window(page, heartbeat, monkeypatch):
    def slow(path, listed=cacheplace._listed):
        time.sleep(0.4)
        return listed(path)

    monkeypatch.setattr(cacheplace, "_listed", slow)
    page.page.hide()
    heartbeat.start()
    page.page.show()
    page.one.qtbot.wait(200)
    assert page.one.desk.preferring._counting.pending
    page.one.rest()
    assert heartbeat.stop() < 0.35


def test_folders_are_shown_or_said_not_to_be_there(page, cache, monkeypatch):
    shown = []

    def opened(url):
        shown.append(url.toLocalFile())
        return len(shown) < 2

    monkeypatch.setattr(preferences_page.QDesktopServices, "openUrl", opened)
    page.press("Open folder")
    assert shown == [str(cache)]
    page.press("Open folder")
    assert "No file manager" in page.one.desk.message
    monkeypatch.setenv("NAPARI_MEDFM_DRAFTS", str(cache / "none"))
    page.press("Open drafts")
    assert "not there yet" in page.one.desk.message
    assert len(shown) == 2


def test_all_as_at_first_leaves_the_cache_where_it_is(page, cache):
    page.control("undo-memory").setValue(64)
    page.one.rest()
    page.press("All as at first")
    assert kept() == {"cache": str(cache)}
    assert page.control("undo-memory").value() == 256


def test_a_damaged_file_is_told(cache, window, disc):
    Path(os.environ["NAPARI_MEDFM_PREFERENCES"]).write_text("{")
    page = Page(window(disc[0]))
    assert "cannot be read and is left out" in page.texts()
    page.page.close()


def test_the_key_the_menu_and_the_wheel_open_one_page(window, disc):
    one = window(disc[0])
    header = one.widget.header
    one.qtbot.mouseClick(header._wheel, Qt.MouseButton.LeftButton)
    page = header._page
    assert page.isVisible()
    page.close()
    action = next(a for a in header._project.actions() if "Preferences" in a.text())
    assert action.shortcut().toString() == "Ctrl+Alt+Shift+P"
    action.trigger()
    assert page.isVisible()
    page.close()
    one.rest()


def test_a_session_with_wishes_of_its_own_says_so(window, disc, tmp_path):
    from napari_medfm.session import Session

    one = window(disc[0])
    one.desk.session = Session(ToyEncoder(), ToySegmenter(), cache_dir=tmp_path)
    page = Page(one)
    assert f"This window works with {tmp_path}" in page.texts()
    page.page.close()


def test_every_control_has_a_name_and_teaches(page):
    found = [
        p for p in page.page.findChildren(CONTROLS) if p.isVisible() and is_whole(p)
    ]
    assert len(found) > 12
    assert not [type(p) for p in found if not named(p)]
    assert not [named(p) for p in found if not p.toolTip()]
    unreached = [p for p in found if not p.focusPolicy() & Qt.FocusPolicy.TabFocus]
    assert not unreached


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_what_is_written_can_be_read(page, theme):
    page.one.viewer.theme = theme
    page.one.qtbot.wait(100)
    faint = [
        (part.text()[:30], round(contrast(part), 2))
        for part in page.page.findChildren((QPushButton, preferences_page.QLabel))
        if part.text() and part.isVisible() and part.isEnabled()
        if contrast(part) < 4.5
    ]
    assert not faint
