"""Texts as prompts in the window: typed, sent, shown, and the sentences edited."""

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLineEdit, QPlainTextEdit

from tests.texts.test_texts import ToyTowers

BRIGHT_RIGHT = np.zeros((112, 112, 3), np.uint8)
BRIGHT_RIGHT[:, 56:] = 255


def field(one, name):
    panel = one.widget.panels["Similar"]
    kinds = (QLineEdit, QPlainTextEdit)
    found = [w for kind in kinds for w in panel.findChildren(kind)]
    return next(w for w in found if w.accessibleName() == name)


def worded(window):
    one = window(BRIGHT_RIGHT, encoder=ToyTowers(), rgb=True)
    one.open("Similar")
    one.until(field(one, "In words").isVisible)
    return one


def test_words_light_up_where_they_fit_and_become_labels(window):
    one = worded(window)
    desk = one.desk
    one.qtbot.keyClicks(field(one, "In words"), "bright")
    one.qtbot.keyClicks(field(one, "But not"), "dark, red")
    one.qtbot.keyClick(field(one, "But not"), Qt.Key.Key_Return)
    one.until(lambda: one.layer("similarity") is not None)
    shown = one.layer("similarity").data
    assert shown[:, 80:].min() > 0.5 > shown[:, :30].max()
    assert "against_text=('dark', 'red')" in desk.session.script()
    one.press("Make labels")
    assert (one.layer("labels").data[:, 80:] == 1).all()
    assert (one.layer("labels").data[:, :30] == 0).all()
    regions = desk.session.labelling.accepted[-1].provenance
    assert regions["prompt"]["like"] == ["bright"]


def test_sentences_are_the_models_own_until_they_are_edited(window):
    one = worded(window)
    towers = one.desk.session.workspace.encoder.get()
    one.press("Sentences")
    sentences = field(one, "Sentences")
    assert sentences.isVisible()
    assert sentences.toPlainText() == "a {}.\nthe {} one."
    one.qtbot.keyClicks(field(one, "In words"), "bright")
    one.press("Find these words")
    one.until(lambda: one.desk.similar.map is not None)
    assert towers.asked == ["a bright.", "the bright one."]
    towers.asked.clear()
    sentences.setPlainText("stained {}\n\n")
    one.press("Find these words")
    one.until(lambda: towers.asked == ["stained bright"])
    one.rest()
    sentences.setPlainText("stained")
    one.press("Find these words")
    one.until(lambda: one.desk.is_problem)
    assert "needs a" in one.desk.message


def test_a_click_after_words_asks_for_places(window):
    one = worded(window)
    one.qtbot.keyClicks(field(one, "In words"), "bright")
    one.press("Find these words")
    one.until(lambda: one.desk.similar.map is not None)
    one.press("Find similar")
    one.click(50, 20)
    one.until(lambda: one.desk.similar.wish.at != ())
    assert one.desk.similar.wish.words is None
    one.rest()
    assert one.desk.similar.map is not None
    one.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert one.desk.similar.wish.words.text == ("bright",)


def test_nothing_written_says_what_to_write(window):
    one = worded(window)
    one.press("Find these words")
    assert "Write what you look for" in one.desk.message


def test_without_a_text_tower_there_is_no_field(window, disc):
    one = window(disc[0])
    one.open("Similar")
    one.qtbot.wait(50)
    assert not field(one, "In words").isVisible()
    one.desk.session.use_encoder(ToyTowers())
    one.until(field(one, "In words").isVisible)
