"""The catalogue in a window: searched, filtered, read; weights got and refused."""

from dataclasses import replace

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QFileDialog, QMessageBox, QPushButton
from toys import ToyEncoder

from napari_medfm import encoders
from napari_medfm.bridge.browsing import OwnModel, Sought, card, found
from napari_medfm.core.errors import BadFile
from napari_medfm.engine import fetching
from napari_medfm.verbs.choosing import listed
from napari_medfm.widgets import model_browser
from napari_medfm.widgets.own_model import OwnModelDialog
from tests.weights.conftest import Server

OPEN, GATED = "lunit-dino-s16", "hibou-b"


@pytest.fixture
def hub(monkeypatch):
    server = Server()
    monkeypatch.setattr(fetching, "TIMEOUT", 0.5)
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    monkeypatch.delenv("NAPARI_MEDFM_OFFLINE", raising=False)
    yield server
    server.close()


def browser(window, disc):
    one = window(disc[0])
    one.open("Models")
    one.press("All models")
    found = one.widget.panels["Models"].browser
    one.until(found.isVisible)
    return one, found


def press(one, dialog, text):
    buttons = [b for b in dialog.findChildren(QPushButton) if b.text() == text]
    assert buttons[0].isVisible()
    assert buttons[0].isEnabled()
    one.qtbot.mouseClick(buttons[0], Qt.MouseButton.LeftButton)


def show(one, dialog, name):
    dialog.filters.words.setText(name)
    dialog.choose(name)
    assert dialog.model.spec.name == name


def agree(monkeypatch, asked):
    def question(_, title, text):
        asked.append((title, text))
        return QMessageBox.StandardButton.Yes

    monkeypatch.setattr(QMessageBox, "question", question)


def place_of(name):
    """The path that the hub is asked for."""
    (source,) = (s for s in encoders.spec_of(name).sources if s.kind == "hub")
    return f"/{source.ref}/resolve/main/{source.member}"


def names(sought, cache=None):
    return {model.spec.name for model in found(sought, cache)}


def test_words_and_filters_find_models(tmp_path):
    every = names(Sought(usable=False), tmp_path)
    assert len(every) > 150
    assert "quiltnet-b32" in names(Sought("pathology texts"), tmp_path)
    assert "dinov2-small" not in names(Sought("pathology texts"), tmp_path)
    assert "titan" not in names(Sought("titan"), tmp_path)
    assert "titan" in names(Sought("titan", usable=False), tmp_path)
    assert names(Sought("no such thing at all"), tmp_path) == set()
    for sought, holds in (
        (Sought(commercial=True), lambda s: s.commercial),
        (Sought(free=True), lambda s: not s.gated),
        (Sought(domain="radiology"), lambda s: s.domain == "radiology"),
        (Sought(most=1e8), lambda s: 0 < s.size <= 1e8),
        (Sought(), lambda s: not s.absent),
    ):
        models = found(sought, tmp_path)
        assert models
        assert all(holds(model.spec) for model in models)
    kinds = {m.kind for m in found(Sought(kind="segmenter"), tmp_path)}
    assert kinds == {"segmenter"}


def test_every_card_says_purpose_terms_and_how_to_get_it(tmp_path):
    for model in listed(tmp_path):
        told = dict(card(model))
        assert told["What it is for"]
        assert model.spec.licence in told["Terms"]
        assert "no medical device" in told["Terms"]
        assert ("NOT for commercial" in told["Terms"]) != model.spec.commercial
        assert told.get("Weights") or told.get("Not loaded here")


def test_the_window_searches_filters_and_shows_a_card(window, disc):
    one, dialog = browser(window, disc)
    one.qtbot.keyClicks(dialog.filters.words, "pathology")
    one.qtbot.mouseClick(dialog.filters.free, Qt.MouseButton.LeftButton)
    dialog.filters.free.setChecked(True)
    assert {m.spec.domain for m in dialog._models} >= {"pathology"}
    assert not any(m.spec.gated for m in dialog._models)
    dialog.filters.free.setChecked(False)
    show(one, dialog, GATED)
    text = dialog._card.toPlainText()
    assert "Access is asked for" in text
    assert "gated" in text
    dialog.filters.words.setText("nothing is called this")
    assert dialog.model is None
    assert "No model fits" in dialog._card.toPlainText()
    dialog.close()


def test_getting_says_size_host_and_licence_first(window, disc, monkeypatch):
    one, dialog = browser(window, disc)
    asked, got = [], []

    def question(_, title, text):
        asked.append(text)
        return QMessageBox.StandardButton.No

    monkeypatch.setattr(QMessageBox, "question", question)
    monkeypatch.setattr(encoders, "fetch", lambda name, **_: got.append(name))
    show(one, dialog, OPEN)
    press(one, dialog, "Get it…")
    assert got == []
    for said in ("87 MB", "huggingface.co", "Lunit"):
        assert said in asked[0]
    dialog.close()


@pytest.mark.parametrize(
    ("name", "trouble", "said"),
    [
        (GATED, {"status": 401}, "https://huggingface.co/histai/hibou-b"),
        (GATED, {"status": 403}, "https://huggingface.co/histai/hibou-b"),
        (OPEN, {"status": 404}, "404"),
        (OPEN, {"body": bytes(400_000), "cut": 100_000}, "again"),
        (OPEN, {"body": b"no weights at all" * 999}, "weights"),
    ],
)
def test_a_hub_in_trouble_is_said_and_the_defaults_still_work(
    window, disc, hub, monkeypatch, name, trouble, said
):
    one, dialog = browser(window, disc)
    agree(monkeypatch, [])
    hub.serve(place_of(name), **trouble)
    show(one, dialog, name)
    press(one, dialog, "Get it…")
    one.until(lambda: one.desk.is_problem, timeout=20_000)
    one.rest()
    assert said in one.desk.message
    assert not encoders.is_installed(name)
    one.desk.similar.click((70.0, 110.0), negative=False)
    one.until(lambda: one.desk.similar.map is not None)
    dialog.close()


def test_a_hub_that_hangs_freezes_nothing_and_can_be_cancelled(
    window, disc, hub, monkeypatch, heartbeat
):
    one, dialog = browser(window, disc)
    agree(monkeypatch, [])
    monkeypatch.setattr(fetching, "TIMEOUT", 30)
    hub.serve(place_of(OPEN), bytes(30_000_000), pause=0.2)
    show(one, dialog, OPEN)
    heartbeat.start()
    press(one, dialog, "Get it…")
    one.until(one.widget.status._cancel.isVisible)
    one.desk.similar.click((70.0, 110.0), negative=False)
    one.until(lambda: one.desk.similar.map is not None)
    longest = heartbeat.stop()
    one.press("Cancel")
    one.rest()
    assert not encoders.is_installed(OPEN)
    assert longest < 5  # a window that waits for the hub would wait for 30 s
    dialog.close()


def test_a_file_is_taken_after_it_was_checked(window, disc, monkeypatch, tmp_path):
    one, dialog = browser(window, disc)
    file = tmp_path / "w.safetensors"
    file.write_bytes(b"weights")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(file), ""))
    taken = []

    def import_file(name, path, *, cache_dir=None):
        taken.append((name, path))
        if len(taken) == 1:
            raise BadFile("w.safetensors is of another model")
        return path

    monkeypatch.setattr(encoders, "import_file", import_file)
    show(one, dialog, GATED)
    press(one, dialog, "From a file…")
    one.until(lambda: one.desk.is_problem)
    assert "another model" in one.desk.message
    one.until(dialog._file.isEnabled)
    press(one, dialog, "From a file…")
    one.until(lambda: "is ready" in one.desk.message)
    assert taken == [(GATED, file)] * 2
    dialog.close()


def test_the_fields_of_an_own_model_follow_its_file(qtbot, tmp_path):
    dialog = OwnModelDialog()
    qtbot.addWidget(dialog)
    dialog.show()
    ok = dialog.buttons.button(dialog.buttons.StandardButton.Ok)
    assert not ok.isEnabled()
    for name in ("mine.onnx", "mine.pt2", "My Model (1).safetensors"):
        (tmp_path / name).write_bytes(b"x")
    dialog.file.setText(str(tmp_path / "mine.onnx"))
    assert dialog.patch.isVisible()
    assert not dialog.network.isVisible()
    assert not dialog.trusted.isVisible()
    assert ok.isEnabled()
    dialog.file.setText(str(tmp_path / "mine.pt2"))
    assert dialog.trusted.isVisible()
    assert not ok.isEnabled()
    dialog.trusted.setChecked(True)
    assert ok.isEnabled()
    dialog.file.setText(str(tmp_path / "My Model (1).safetensors"))
    assert dialog.network.isVisible()
    assert not ok.isEnabled()
    dialog.network.setText("vit_small_patch14_dinov2")
    assert ok.isEnabled()
    assert dialog.value().name == "my-model--1"
    assert dialog.value().network == "vit_small_patch14_dinov2"
    dialog.file.setText(str(tmp_path / "gone.onnx"))
    assert not ok.isEnabled()


def test_an_exported_network_of_ones_own_is_used(window, disc, tmp_path, monkeypatch):
    path = tmp_path / "mine.pt2"
    path.write_bytes(b"program")
    asked = {}

    def wrap(file, **facts):
        asked.update(facts, file=file)
        made = ToyEncoder()
        made.spec = replace(made.spec, name=facts["name"])
        return made

    monkeypatch.setattr(encoders, "wrap", wrap)
    one, dialog = browser(window, disc)
    own = OwnModel(path, patch=14, normalisation="half", trusted=True)

    class Filled:
        def __init__(self, _):
            pass

        def exec(self):
            return QDialog.DialogCode.Accepted

        def value(self):
            return own

    monkeypatch.setattr(model_browser, "OwnModelDialog", Filled)
    press(one, dialog, "A model of my own…")
    one.until(lambda: one.desk.session.encoder == "mine", timeout=20_000)
    assert asked["file"] == path
    assert asked["trust"]
    assert asked["patch"] == 14
    assert asked["mean"] == (0.5, 0.5, 0.5)
    one.desk.similar.click((70.0, 110.0), negative=False)
    one.until(lambda: one.desk.similar.map is not None, timeout=20_000)
    dialog.close()
