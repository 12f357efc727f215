"""What a cell shows of our values: right numbers, safe text, no pixels of elsewhere."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image as Picture
from toys import ToyEncoder, ToySegmenter

from napari_medfm import list_models
from napari_medfm.notebook import _reprs as reprs
from napari_medfm.session import Session


@pytest.fixture
def session(disc):
    made = Session(encoder=ToyEncoder(), segmenter=ToySegmenter())
    made.add_image(disc[0], name="<b>ct</b>")
    made.add_class("a & b")
    return made


def picture(html):
    code = re.search(r"base64,([^']+)'", html).group(1)
    return np.asarray(Picture.open(io.BytesIO(base64.b64decode(code))))


def test_names_cannot_become_markup(session):
    html = reprs.session_html(session)
    assert "<b>ct</b>" not in html
    assert "&lt;b&gt;ct&lt;/b&gt;" in html
    assert "a &amp; b" in html


def test_a_session_shows_its_labels(session, disc):
    truth = disc[1]
    before = picture(reprs.session_html(session)).astype(int)
    session.accept("<b>ct</b>", truth, "a & b")
    after = picture(reprs.session_html(session)).astype(int)
    assert (np.abs(after - before).sum(-1)[truth] > 0).mean() > 0.9
    assert np.array_equal(after[~truth], before[~truth])


def test_a_mask_shows_its_pixels_and_score(session, disc):
    mask = session.segment("<b>ct</b>", box=(33, 73, 107, 147))
    html = reprs.mask_html(mask)
    assert np.array_equal(picture(html).any(-1), mask.data)
    assert f"{int(mask.data.sum()):,}" in html
    assert "toy-segmenter" in html


def test_a_prediction_and_its_head(session, disc):
    for name, places in (
        ("a & b", [(70, 110), (60, 100)]),
        ("background", [(10, 10), (150, 20)]),
    ):
        session.annotate("<b>ct</b>", name, points=places)
    head = session.fit("ridge")
    found = session.predict("<b>ct</b>")
    html = reprs.prediction_html(found)
    assert np.array_equal(picture(html).any(-1), found.labels > 0)
    assert f"{(found.labels == 1).mean():.1%}" in html
    card = reprs.head_html(head)
    assert "toy-encoder" in card
    assert "a &amp; b" in card


def test_a_report_shows_sentences_and_plots(session):
    for name, places in (
        ("a & b", [(70, 110), (60, 100), (80, 120), (75, 100)]),
        ("background", [(10, 10), (150, 20), (150, 180), (10, 180)]),
    ):
        session.annotate("<b>ct</b>", name, points=places)
    html = reprs.report_html(session.report("ridge"))
    assert "a &amp; b" in html
    assert "one image only" in html
    assert html.count("<svg") == html.count("</svg>") >= 3


def test_every_model_has_a_card():
    for spec in list_models():
        html = reprs.model_html(spec)
        assert spec.name in html
        assert "commercial use" in html


def test_outside_a_notebook_nothing_is_registered(monkeypatch):
    monkeypatch.setitem(reprs.sys.modules, "IPython", None)
    reprs.register()
