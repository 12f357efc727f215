"""A report as sentences and plots: true words, well-formed pictures, safe names."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from napari_medfm.engine.plots import Ink, bars, curve, matrix
from napari_medfm.engine.sentences import figures, sentences, word_for
from napari_medfm.engine.validate import LEAVE_OUT, Report

REPORT = Report(
    recipe="pool",
    how=LEAVE_OUT,
    folds=3,
    dice={"background": 0.93, "gland <b>": 0.71},
    balanced_accuracy=0.8,
    log_loss=0.4,
    label_counts={"background": 12, "gland <b>": 12},
    learning_curve=((1, 0.5), (2, 0.7)),
    click_curve=((5, 0.6), (10, 0.7), (20, 0.85)),
    confusion=((10, 2), (4, 8)),
    calibration=((0.5, 0.4), (0.95, 0.7)),
    warnings=("few labels",),
)
read = ET.fromstring
SVG = "{http://www.w3.org/2000/svg}"


def test_it_says_what_was_tested_and_what_is_wrong():
    text = " ".join(sentences(REPORT))
    assert "3 images or patients" in text
    assert "80%" in text
    assert "gland <b> was taken for background (33% of its marks)" in text
    assert "too sure of itself" in text
    assert "More marks still help: the last half of them brought 15%" in text
    assert "lies on the same image 1.0 times as often as by chance" in text
    assert "Careful: few labels." in text
    assert "neighbours from the same image: 1.0 x chance" in REPORT.lines()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"how": "spatial blocks of one image"}, "one part of the image"),
        ({"calibration": ((0.6, 0.9),)}, "more careful than it need be"),
        ({"calibration": ((0.6, 0.62),)}, "can be believed"),
        ({"click_curve": ((5, 0.8), (10, 0.81))}, "another image"),
    ],
)
def test_other_reports_are_told_otherwise(changes, words):
    assert words in " ".join(sentences(replace(REPORT, **changes)))


def test_nothing_is_said_of_what_is_not_there():
    bare = replace(REPORT, click_curve=(), confusion=(), calibration=(), warnings=())
    assert len(sentences(replace(bare, how="spatial blocks of one image"))) == 1
    assert len(sentences(replace(bare, same_group_ratio=3.0))) == 1


def test_words_for_dice():
    assert [word_for(v) for v in (0.95, 0.8, 0.6, 0.1)] == [
        "very good",
        "good",
        "fair",
        "poor",
    ]
    assert word_for(float("nan")) == "not tested"


def test_every_plot_is_well_formed_and_names_are_text():
    drawn = figures(REPORT, {"gland <b>": "#e69f00"}, Ink())
    assert len(drawn) == 5
    for title, svg in drawn:
        root = read(svg)
        assert title
        assert root.tag == f"{SVG}svg"
        for rect in root.iter(f"{SVG}rect"):
            assert float(rect.get("width")) >= 0
    texts = [t.text for t in read(drawn[0][1]).iter(f"{SVG}text")]
    assert "gland <b>" in texts
    assert "0.71" in texts


def test_bars_are_as_long_as_their_values():
    root = read(bars([("a", 0.5, "#112233"), ("b", 1.0, "#445566")], Ink()))
    length = {r.get("fill"): float(r.get("width")) for r in root.iter(f"{SVG}rect")}
    assert length["#445566"] == pytest.approx(2 * length["#112233"])


def test_an_unknown_value_is_a_question_mark():
    assert "?" in bars([("a", float("nan"), "#112233")], Ink())


def test_a_curve_rises_with_its_values():
    root = read(curve(((1, 0.2), (4, 0.9)), "x", "y", Ink()))
    (x0, y0), (x1, y1) = (
        (float(c.get("cx")), float(c.get("cy"))) for c in root.iter(f"{SVG}circle")
    )
    assert x0 < x1
    assert y0 > y1


def test_a_matrix_has_a_number_in_each_cell():
    root = read(matrix(["a", "b"], ((7, 1), (0, 9)), Ink()))
    texts = [t.text for t in root.iter(f"{SVG}text")]
    assert [t for t in texts if t.isdigit()] == ["7", "1", "0", "9"]
