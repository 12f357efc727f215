"""Where one more label would teach most: undecided, and unlike what is labelled."""

from dataclasses import replace

import numpy as np
import pytest
from toys import ToyEncoder

from napari_medfm import Session, load_head
from napari_medfm.core.geometry import Grid
from napari_medfm.core.labels import Annotation, LabelClass
from napari_medfm.core.results import Embedding
from napari_medfm.engine.features import plane_features
from napari_medfm.engine.uncertainty import landmarks, novelty, uncertainty
from napari_medfm.verbs.examples import examples_of, known_tokens
from napari_medfm.verbs.predicting import predict_plane
from napari_medfm.verbs.suggesting import suggest
from napari_medfm.verbs.training import train

CLASSES = [LabelClass(name, v, "#ffffff") for v, name in enumerate(["left", "right"])]
LABELLED, UNLABELLED = slice(0, 95), slice(100, None)
BORDER = slice(0, 95), slice(66, 74)


def drain(steps):
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


@pytest.fixture
def three_kinds():
    """Left, right and their border above; below, like right, what nobody labels."""
    rng = np.random.default_rng(0)
    layers = rng.normal(0, 0.5, (20, 20, 2, 12))
    layers[:14, :10, :, 0] += 3
    layers[:14, 10:, :, 4] += 3
    layers[:14, 9:11, :, [0, 4]] = 1.5
    layers[14:, :, :, 4] += 3
    layers[14:, :, :, 8] += 6
    grid = Grid(20, 20, (7.0, 7.0), (3.0, 3.0))
    made = Embedding(layers.astype(np.float16), grid, "three", "toy")
    return plane_features(made, rng.random((140, 140, 1)).astype(np.float32))


@pytest.fixture
def taught(three_kinds):
    examples = []
    for number in range(12):
        value = number % 2
        pixel = [[5 + 7 * number, 30 + 80 * value]]
        mark = Annotation(
            number, "x", value, "pixel", "points", np.array(pixel, np.int32)
        )
        examples += examples_of(mark, "x", {0: three_kinds})
    model = drain(train(examples, CLASSES, "ridge"))
    return replace(model, known=known_tokens(examples)), examples


def test_a_kind_of_tissue_that_nobody_labelled_is_brightest(three_kinds, taught):
    model, _ = taught
    _, _, bright = predict_plane(model, three_kinds)
    _, _, margin = predict_plane(replace(model, known=None), three_kinds)
    assert bright.dtype == np.float32
    assert (bright <= margin + 0.1).all()
    assert np.median(bright[UNLABELLED]) > np.median(bright[BORDER])
    assert np.median(margin[UNLABELLED]) < np.median(margin[BORDER])
    assert np.median(bright[BORDER]) > 2 * np.median(bright[LABELLED])


def test_suggestions_go_there_and_say_so(three_kinds, taught):
    model, examples = taught
    for suggestion in suggest([(0, three_kinds)], model, examples, n=5):
        assert suggestion.position[0] >= 95
        assert suggestion.reason.startswith("Unlike anything you labelled; the head ")


def test_once_it_is_labelled_the_reason_is_the_head(three_kinds, taught):
    model, examples = taught
    pixels = np.mgrid[100:140, :140].reshape(2, -1).T.astype(np.int32)
    below = Annotation(99, "x", 0, "pixel", "mask", pixels)
    examples = [*examples, *examples_of(below, "x", {0: three_kinds})]
    reasons = [s.reason for s in suggest([(0, three_kinds)], model, examples, n=40)]
    assert any(r.startswith("The head is undecided between ") for r in reasons)


def test_many_tokens_are_asked_at_every_second(three_kinds, taught, monkeypatch):
    model, _ = taught
    _, _, every = predict_plane(model, three_kinds)
    monkeypatch.setattr("napari_medfm.verbs.predicting._TOKENS", 100)
    _, _, second = predict_plane(model, three_kinds)
    np.testing.assert_allclose(second[3::14, 3::14], every[3::14, 3::14], atol=1e-6)
    assert not np.array_equal(second, every)


def test_novelty_is_that_of_scikit_learn():
    from sklearn.metrics.pairwise import cosine_distances

    rng = np.random.default_rng(0)
    rows = rng.normal(size=(50, 7)).astype(np.float32)
    known = rng.normal(size=(9, 7)).astype(np.float32)
    expected = np.minimum(cosine_distances(rows, known).min(1), 1)
    np.testing.assert_allclose(novelty(rows, known), expected, atol=1e-5)
    assert (novelty(rows, known[:0]) == 1).all()
    margin = rng.random(50).astype(np.float32)
    found = uncertainty(margin, novelty(rows, known))
    np.testing.assert_allclose(found, expected * (0.1 + 0.9 * margin), atol=1e-5)


def test_landmarks_lie_near_everything():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(10, 16))
    rows = np.repeat(centres, 100, 0) + rng.normal(0, 0.01, (1000, 16))
    kept = landmarks(rows.astype(np.float32), most=12)
    assert kept.shape == (12, 16)
    assert novelty(centres.astype(np.float32), kept.astype(np.float32)).max() < 0.01


def test_it_travels_with_the_head(disc, tmp_path):
    s = Session(ToyEncoder(), cache_dir=tmp_path)
    s.add_image(disc[0], name="x")
    s.add_class("disc")
    s.annotate("x", "disc", points=np.argwhere(disc[1])[::200])
    s.annotate("x", "background", points=np.argwhere(~disc[1])[::900])
    s.fit("ridge")
    s.export_head(tmp_path / "a.head.safetensors")
    loaded = load_head(tmp_path / "a.head.safetensors", encoder=ToyEncoder())
    expected, found = s.predict("x"), loaded.predict(disc[0])
    assert np.array_equal(found.uncertainty, expected.uncertainty)
    top = np.sort(expected.probabilities, axis=0)
    margin = 1 - top[-1] + top[-2]
    assert expected.uncertainty.mean() < 0.8 * margin.mean()
