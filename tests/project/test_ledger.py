"""What labelling cost."""

import csv
import itertools

import numpy as np
import pytest
from PIL import Image

from napari_medfm.cli import main
from napari_medfm.core import calls
from napari_medfm.core.errors import BadInput


@pytest.fixture
def clock(monkeypatch):
    """Ten seconds between any two calls."""
    ticks = itertools.count(1_000_000, 10)
    monkeypatch.setattr(calls, "now", lambda: float(next(ticks)))


def test_gestures_and_seconds_are_counted(session, disc, clock):
    image, truth = disc
    session.add_image(image, name="a")
    session.add_image(image, name="b")
    session.add_class("lesion")
    session.annotate("a", "lesion", points=[(70, 110)])
    session.annotate("a", "background", mask=~truth & (np.indices(truth.shape)[0] < 9))
    session.segment("a", points=[(70, 110)])
    session.segment("a", points=[(70, 110), (60, 100)])
    session.accept("a", session.segment("a", box=(30, 70, 110, 150)), "lesion")
    session.undo()
    session.redo()
    session.similarity("b", at=[(70, 110)])
    session.similarity("b", at=[(70, 110), (60, 100)], against=[(5, 5)])
    a, b = session.ledger()
    assert (a.image, a.clicks, a.strokes, a.boxes) == ("a", 3, 1, 1)
    assert (a.accepted, a.edits, a.undone) == (1, 0, 1)
    assert (b.clicks, b.strokes, b.accepted) == (3, 0, 0)
    assert a.unchanged == 1
    assert b.unchanged is None
    assert (a.seconds, b.seconds) == (80, 40)


def test_each_kind_of_gesture_is_counted_once(session, disc, clock):
    image, truth = disc
    session.add_image(image, name="a")
    session.add_class("lesion")
    around = (30, 70, 110, 150)
    session.annotate("a", "lesion", box=around)
    session.annotate("a", "lesion", polygon=[(60, 100), (60, 120), (80, 110)])
    session.segment("a", box=around)
    session.segment("a", box=around, points=[(70, 110)], point_labels=[1])
    session.segment("a", box=(20, 60, 110, 150))
    session.annotate_image("a", "lesion")
    session.use_objects("a", truth)
    session.annotate_object("a", "lesion", at=(70, 110))
    session.embed("a")
    (a,) = session.ledger()
    assert (a.boxes, a.strokes, a.clicks) == (3, 1, 3)
    assert a.seconds == 90


def test_a_pause_counts_as_a_minute(session, disc, monkeypatch):
    ticks = iter([0.0, 5.0, 5.5, 20_000.0, 20_001.0])
    monkeypatch.setattr(calls, "now", lambda: next(ticks))
    session.add_image(disc[0], name="a")
    session.add_class("lesion")
    for point in ((1, 1), (2, 2), (3, 3)):
        session.annotate("a", "lesion", points=[point])
    assert session.ledger()[0].seconds == 5 + 0.5 + 60 + 1


def test_edits_are_measured_in_pixels(session, disc):
    image, truth = disc
    session.add_image(image, name="a")
    session.add_class("lesion")
    session.accept("a", truth, "lesion")
    edited = session.labels("a").copy()
    edited[:70] = 0
    session.accept("a", edited, origin="edited")
    (effort,) = session.ledger()
    assert (effort.accepted, effort.edits) == (1, 1)
    assert effort.unchanged == pytest.approx(truth[70:].sum() / truth.sum(), abs=1e-4)


def test_python_writes_table_and_picture(worked, tmp_path):
    table, picture = tmp_path / "effort.csv", tmp_path / "effort.PNG"
    assert worked.export_ledger(table) == table
    assert worked.export_ledger(str(picture)) == picture
    rows = list(csv.DictReader(table.read_text("utf-8").splitlines()))
    assert [row["image"] for row in rows] == ["file", "array", "volume"]
    with Image.open(picture) as page:
        assert page.format == "PNG"
        assert len(page.getcolors(10_000)) > 3
    with pytest.raises(BadInput, match=r"\.csv or a \.png file, not 'effort.txt'"):
        worked.export_ledger(tmp_path / "effort.txt")
    with pytest.raises(BadInput):
        worked.export_ledger("")


def test_the_shell_writes_table_and_plot(worked, tmp_path, capsys):
    worked.save(tmp_path / "case.medfm")
    efforts = worked.ledger()
    worked.close()
    words = ["ledger", str(tmp_path / "case.medfm")]
    out = ["--csv", str(tmp_path / "l.csv"), "--plot", str(tmp_path / "l.png")]
    assert main([*words, *out]) == 0
    assert "volume" in capsys.readouterr().out
    with (tmp_path / "l.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == ["file", "array", "volume"]
    assert [int(row["clicks"]) for row in rows] == [e.clicks for e in efforts]
    with Image.open(tmp_path / "l.png") as plot:
        colours = {colour for _, colour in plot.getcolors(100_000)}
    assert {(0, 114, 178), (230, 159, 0), (0, 158, 115)} <= colours
    assert main([*words, *out]) == 2
    assert main([*words, "--csv", str(tmp_path / "l.txt")]) == 2
    assert main([*words, *out, "--overwrite"]) == 0
