"""A box, lasso or stroke with clicks: what the user says holds."""

from dataclasses import replace

import numpy as np
import pytest
from toys import StubbornSegmenter, ToySegmenter

from napari_medfm import Session
from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import Box
from napari_medfm.core.labels import Prompt
from napari_medfm.engine.crops import CropCache
from napari_medfm.engine.prompting import answer
from napari_medfm.engine.stability import iou
from napari_medfm.sample_data import load
from napari_medfm.verbs.asking import prompt_of, with_scribble


@pytest.fixture
def segmenter():
    toy = ToySegmenter()
    toy.spec = replace(toy.spec, input_size=192)
    return toy


def ask(rgb, prompt, segmenter):
    steps = answer(rgb, "x", prompt, segmenter, CropCache())
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


@pytest.fixture
def two():
    """A bright square in the middle of a box, a darker one in its corner."""
    grey = np.zeros((120, 120), np.float32)
    grey[50:71, 50:71] = 1
    grey[30:44, 30:44] = 0.5
    return np.repeat(grey[..., None], 3, -1)


def test_a_click_in_a_box_chooses_what_the_box_alone_does_not(two, segmenter):
    box = Box(28, 28, 92, 92)
    assert ask(two, Prompt(box=box), segmenter).mask[60, 60]
    click = Prompt(
        box=box, points=np.array([[37.0, 37]]), point_labels=np.array([1]) > 0
    )
    made = ask(two, click, segmenter)
    assert iou(made.mask, two[..., 0] == 0.5) > 0.8
    assert made.note == ""


def test_what_the_model_does_not_see_the_picture_answers(two):
    """The mask is the clicked object, and nobody vouches for it."""
    stubborn = StubbornSegmenter()
    stubborn.spec = replace(stubborn.spec, input_size=192)
    box = Box(28, 28, 92, 92)
    assert ask(two, Prompt(box=box), stubborn).score > 0.8
    prompt = Prompt(
        box=box, points=np.array([[37.0, 37]]), point_labels=np.array([True])
    )
    made = ask(two, prompt, stubborn)
    assert iou(made.mask, two[..., 0] == 0.5) > 0.7
    assert not made.mask[60, 60]
    assert "region of the clicked colour" in made.note
    assert made.score == 0


def test_a_picture_without_a_region_gets_a_disc_and_a_word(segmenter):
    """Two far corners of a box of one colour: everything is alike, nothing obeys."""
    flat = np.full((90, 90, 3), 0.5, np.float32)
    flat[60:70, 60:70] = 1
    stubborn = StubbornSegmenter()
    prompt = Prompt(
        box=Box(10, 10, 80, 80),
        points=np.array([[20.0, 20], [22.0, 24]]),
        point_labels=np.array([True, False]),
    )
    made = ask(flat, prompt, stubborn)
    assert made.mask[20, 20]
    assert not made.mask[22, 24]
    assert "small disc" in made.note


@pytest.mark.weights
def test_the_front_horns_of_the_ventricles():
    """The model's first answer to the box is the caudate nucleus beside them."""
    sample = load("radiology")
    session = Session()
    session.add_image(sample.data, name="brain", spacing=sample.spacing)
    clicks = [place[-2:] for place in sample.hints.positive]
    plane = sample.hints.plane
    made = session.segment("brain", box=sample.hints.box, points=clicks, plane=plane)
    grey = sample.data[plane][made.data]
    assert all(made.data[click] for click in clicks)
    assert 150 < grey.size < 400
    assert np.median(grey) < 100
    assert made.note == ""


def test_clicks_hold_whatever_the_model_says(
    segmenter,
):
    """Noise: no outline can obey, so a disc is painted and the user is told."""
    rng = np.random.default_rng(0)
    rgb = np.repeat(rng.random((90, 90, 1), np.float32), 3, -1)
    prompt = Prompt(
        box=Box(10, 10, 80, 80),
        points=np.array([[20.0, 20], [70, 70], [45, 45]]),
        point_labels=np.array([True, True, False]),
    )
    made = ask(rgb, prompt, segmenter)
    assert made.mask[20, 20]
    assert made.mask[70, 70]
    assert not made.mask[45, 45]
    assert made.note
    assert not made.mask[:8].any()


def test_a_lasso_is_never_left(two, segmenter):
    prompt = prompt_of((120, 120), polygon=[(48, 48), (48, 60), (72, 60), (72, 48)])
    made = ask(two, prompt, segmenter)
    assert made.mask[60, 55]
    assert not made.mask[:, 62:].any()
    assert not made.mask[:47].any()


def test_an_empty_lasso_becomes_the_mask(segmenter):
    flat = np.full((60, 60, 3), 0.5, np.float32)
    flat[30, 30] = 1
    prompt = prompt_of((60, 60), polygon=[(20, 20), (20, 40), (40, 40), (40, 20)])
    made = ask(flat, prompt, segmenter)
    assert made.mask.any()


@pytest.mark.parametrize(
    ("polygon", "says"),
    [
        ([(1, 1), (2, 2)], "three or more"),
        ([(1, 1), (2, 2), (np.nan, 3)], "finite"),
        ([(500, 500), (510, 500), (505, 520)], "outside"),
    ],
)
def test_a_bad_lasso_is_refused(polygon, says):
    with pytest.raises(BadInput, match=says):
        prompt_of((50, 50), polygon=polygon)


def test_a_stroke_becomes_places_spread_along_it():
    stroke = [(10, col) for col in range(5, 80)]
    points, labels = with_scribble([(3, 3)], [0], stroke)
    assert len(points) == 9
    assert labels.tolist() == [0] + [1] * 8
    assert points[1].tolist() == [10, 5]
    assert points[-1].tolist() == [10, 79]
    gaps = np.diff(points[1:, 1])
    assert gaps.max() - gaps.min() <= 1
    with pytest.raises(BadInput, match="scribble"):
        with_scribble(None, None, [1, 2, 3])


def test_lasso_and_stroke_in_a_session(encoder, segmenter, disc):
    image, truth = disc
    session = Session(encoder=encoder, segmenter=segmenter)
    session.add_image(image, name="x")
    corners = [(30, 70), (30, 150), (110, 150), (110, 70)]
    made = session.segment("x", polygon=corners)
    assert iou(made.data, truth) > 0.9
    assert made.provenance["prompt"]["lasso_pixels"] > truth.sum()
    stroke = session.segment("x", scribble=[(70, col) for col in range(90, 130)])
    assert iou(stroke.data, truth) > 0.9
    assert 0 < stroke.stability <= 1
    code = session.script()
    assert "polygon=[[30" in code or "polygon=[(30" in code
