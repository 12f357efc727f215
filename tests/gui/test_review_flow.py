"""Step 5 in the window: real clicks, real worker threads."""

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QLabel, QListWidget, QPushButton
from toys import OtherToy, ToyEncoder

from napari_medfm.bridge.catalogue import Offer
from napari_medfm.widgets.plot_view import PlotView


def teach(one, truth, count=6):
    one.desk.live.automatic = False
    one.desk.add_class("lesion")
    for value, places in ((1, np.argwhere(truth)), (0, np.argwhere(~truth))):
        one.desk.choose_class(value)
        for place in places[:: len(places) // count][:count]:
            one.desk.marking.click(tuple(map(float, place)))
    one.rest()


def part(one, kind, name):
    (found,) = (w for w in one.widget.findChildren(kind) if w.accessibleName() == name)
    return found


def texts(one):
    return [x.text() for x in one.widget.findChildren(QLabel) if x.isVisible()]


def test_without_labels_it_says_what_is_missing(window, disc):
    one = window(disc[0])
    one.open("Review")
    one.qtbot.wait(50)
    assert any("nothing to test yet" in text for text in texts(one))
    dead = [b for b in one.widget.findChildren(QPushButton) if b.isVisible()]
    assert not next(b for b in dead if b.text() == "Take me there").isEnabled()


def test_from_the_next_place_to_its_label(window, disc):
    one = window(disc[0])
    teach(one, disc[1])
    one.open("Review")
    one.qtbot.wait(50)
    one.press("Take me there")
    one.until(lambda: one.desk.review.suggesting.place is not None)
    one.qtbot.wait(50)
    place = one.desk.review.suggesting.place
    assert any(place.reason in text for text in texts(one))
    before = len(one.desk.session.annotations)
    one.press("lesion")
    one.rest()
    made = one.desk.session.annotations
    assert len(made) == before + 1
    assert made[-1].pixels.tolist() == [list(place.position)]
    assert one.layer("prediction") is not None


def contrast(widget):
    """Of the pixels of a widget that differ most in brightness; 1 is none."""
    image = widget.grab().toImage()
    seen = [
        image.pixelColor(x, y).lightness()
        for x in range(0, image.width(), 2)
        for y in range(0, image.height(), 2)
    ]
    ground = np.median(seen)
    return max((max(seen) + 13) / (ground + 13), (ground + 13) / (min(seen) + 13))


def test_the_report_is_made_in_the_background_and_drawn(window, disc, heartbeat):
    one = window(disc[0])
    teach(one, disc[1])
    one.open("Review")
    one.qtbot.wait(100)
    heartbeat.start()
    one.press("Test it honestly")
    one.until(lambda: one.desk.review.testing.report is not None, timeout=200_000)
    one.qtbot.wait(100)
    assert heartbeat.stop() < 1.0
    plots = [w for w in one.widget.findChildren(PlotView) if w.isVisible()]
    assert len(plots) >= 3
    for plot in plots:
        assert plot.accessibleName()
        assert plot.grab().toImage().width() == plot.width()
        right = plot.mapTo(one.widget, plot.rect().topRight()).x()
        assert right < one.widget.width()
    assert any("Right for" in text for text in texts(one))
    for theme in ("light", "dark"):
        one.viewer.theme = theme
        one.qtbot.wait(300)
        for plot in one.widget.findChildren(PlotView):
            if plot.isVisible():
                assert contrast(plot) > 3, theme
    one.desk.choose_class(0)
    one.desk.marking.click((4.0, 4.0))
    one.rest()
    one.qtbot.wait(50)
    assert not [w for w in one.widget.findChildren(PlotView) if w.isVisible()]


def test_a_test_can_be_cancelled(window, disc):
    one = window(disc[0], encoder=ToyEncoder())
    teach(one, disc[1], count=12)
    one.open("Review")
    one.qtbot.wait(50)
    one.press("Test it honestly")
    assert one.desk.review.testing.pending
    one.runner.cancel_by_user()
    one.rest()
    assert one.desk.review.testing.report is None
    one.qtbot.wait(50)
    one.press("Test it honestly")
    one.until(lambda: one.desk.review.testing.report is not None, timeout=200_000)


def test_the_uncertainty_box(window, disc):
    one = window(disc[0])
    teach(one, disc[1])
    one.open("Review")
    one.qtbot.wait(50)
    box = part(one, QCheckBox, "Show where it is unsure")
    box.click()
    one.until(lambda: one.layer("uncertainty") is not None)
    one.viewer.layers.remove(one.layer("uncertainty"))
    one.qtbot.wait(50)
    assert not box.isChecked()


def test_a_wrong_label_is_found_looked_at_and_removed(window, disc):
    one = window(disc[0])
    teach(one, disc[1], count=12)
    one.desk.choose_class(1)
    one.desk.marking.click((12.0, 12.0))
    one.rest()
    wrong = one.desk.session.annotations[-1].id
    one.open("Review")
    one.qtbot.wait(50)
    one.press("Check my labels")
    one.until(lambda: bool(one.desk.review.doubting.doubts))
    one.qtbot.wait(50)
    listed = part(one, QListWidget, "Labels that may be wrong")
    first = listed.visualItemRect(listed.item(0)).center()
    one.qtbot.mouseClick(listed.viewport(), Qt.MouseButton.LeftButton, pos=first)
    one.until(lambda: one.layer("pointer") is not None)
    assert one.layer("pointer").data.tolist() == [[12, 12]]
    one.press("Remove it")
    one.rest()
    assert wrong not in {a.id for a in one.desk.session.annotations}


def test_refining_is_previewed_accepted_and_undone(window, disc):
    one = window(disc[0])
    dirty = disc[1].copy()
    dirty[10:12, 10:12] = True
    one.desk.add_class("lesion")
    one.desk.act(lambda: one.desk.session.accept("ct", dirty, "lesion"))
    one.open("Review")
    one.qtbot.wait(50)
    how = part(one, QComboBox, "How to refine it")
    assert how.currentText() == "Tidy up"
    one.press("Preview")
    one.until(lambda: one.layer("refined") is not None)
    one.qtbot.wait(50)
    one.press("Accept refined")
    assert np.array_equal(one.desk.session.labels("ct") == 1, disc[1])
    one.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert np.array_equal(one.desk.session.labels("ct") == 1, dirty)


def test_another_encoder_on_the_same_labels(window, disc, monkeypatch, heartbeat):
    one = window(disc[0])
    teach(one, disc[1])
    rivals = one.desk.review.rivals
    other = OtherToy()
    session = one.desk.session
    find = session.workspace.find_encoder
    monkeypatch.setattr(
        session.workspace,
        "find_encoder",
        lambda name: find(other if name == other.spec.name else name),
    )
    offered = [Offer(other.spec.name, other.spec, True)]
    monkeypatch.setattr(type(rivals), "offers", property(lambda _: offered))
    one.open("Review")
    one.desk.changed.emit()
    one.qtbot.wait(50)
    assert part(one, QComboBox, "Encoder to compare with").isVisible()
    one.press("Compare on my labels")
    one.until(lambda: rivals.comparison is not None, timeout=20_000)
    one.qtbot.wait(50)
    assert any(rivals.comparison.verdict in text for text in texts(one))
    assert any("Licence: BSD-3-Clause" in text for text in texts(one))
    assert session.encoder == "toy-encoder"
    one.desk.marking.click((3.0, 3.0))
    one.qtbot.wait(50)
    assert rivals.comparison is None
