"""Unlabelled places: faint background that shows what few clicks did not."""

from dataclasses import replace

import numpy as np
import pytest

from napari_medfm.core.labels import Annotation
from napari_medfm.verbs import recipes
from napari_medfm.verbs.predicting import predict_plane
from napari_medfm.verbs.training import examples_of, train
from napari_medfm.verbs.unlabelled import faint, places_per_plane, unlabelled
from napari_medfm.verbs.validating import report

NOTHING = np.empty((0, 2), int)


def drain(steps):
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def test_what_is_labelled_is_not_drawn(planes):
    left = np.stack(np.indices((140, 100)), -1).reshape(-1, 2)
    found = unlabelled("a", "a", 0, planes["a"], left)
    assert 0 < len(found.pixels) < 100
    assert (found.pixels[:, 1] >= 100).all()
    assert found.value == 0
    everything = np.stack(np.indices((140, 154)), -1).reshape(-1, 2)
    none = unlabelled("a", "a", 0, planes["a"], everything)
    assert len(none.pixels) == 0
    assert none.features is planes["a"]


def test_a_plane_that_is_labelled_all_over_still_speaks_for_the_prior(
    planes, examples, classes
):
    everything = np.stack(np.indices((140, 154)), -1).reshape(-1, 2)
    none = [unlabelled(n, n, 0, planes[n], everything) for n in "ab"]
    assert faint(none, examples) == []
    told = drain(train(examples, classes, "pool", none)).card["calibration"]
    assert told["unlabelled_places"] == 0
    assert np.abs(told["log_prior"]).max() > 0


def test_the_same_places_each_time_and_others_on_another_plane(planes):
    first = unlabelled("a", "a", 0, planes["a"], NOTHING)
    again = unlabelled("a", "a", 0, planes["a"], NOTHING)
    other = unlabelled("a", "a", 1, planes["a"], NOTHING)
    np.testing.assert_array_equal(first.pixels, again.pixels)
    assert not np.array_equal(first.pixels, other.pixels)


@pytest.mark.parametrize("planes_labelled", [1, 6, 50, 1000])
def test_many_planes_have_fewer_places_each(planes_labelled):
    assert 4 <= places_per_plane(planes_labelled) <= 100
    assert planes_labelled * places_per_plane(planes_labelled) <= max(
        600, 4 * planes_labelled
    )


def test_all_together_weigh_as_much_as_the_labels_of_background(examples, rest):
    weighed = faint(rest, examples)
    total = sum(e.weights("tokens").sum() for e in weighed)
    assert total == pytest.approx(sum(e.value == 0 for e in examples))
    assert sum(e.weights("filters").sum() for e in weighed) == pytest.approx(total)


def test_without_labels_of_background_nothing_is_background(examples, rest):
    assert faint(rest, [e for e in examples if e.value == 1]) == []


def test_where_tissues_tile_the_picture_the_rest_is_not_background(planes):
    """Nearly all that is not taken is the object."""
    layers = planes["a"].layers.copy()
    layers[:10, :, :, :3] += 4
    plane = replace(planes["a"], layers=layers)
    rng = np.random.default_rng(1)
    examples = []
    for number in range(24):
        row = rng.integers(0, 66) if number % 2 else rng.integers(74, 138)
        pixels = np.array([[row, rng.integers(0, 154)]], np.int32)
        given = Annotation(number, "a", number % 2, "pixel", "points", pixels)
        examples += examples_of(given, "a", {0: plane})
    assert faint([unlabelled("a", "a", 0, plane, NOTHING)], examples)
    everywhere = np.stack(np.indices((140, 154)), -1).reshape(-1, 2)
    lower = everywhere[everywhere[:, 0] >= 74]
    assert faint([unlabelled("a", "a", 0, plane, lower)], examples) == []


def test_a_held_out_image_is_not_looked_at(examples, rest, monkeypatch):
    """Not even its unlabelled places take part in what is tested on it."""
    seen = []

    def fit_part(part, known, projections):
        seen.append({e.group for e in known})
        return real(part, known, projections)

    real = recipes.fit_part
    monkeypatch.setattr(recipes, "fit_part", fit_part)
    drain(recipes.held_out(examples, recipes.PARTS["logistic"], [0, 1], rest))
    assert seen == [{"b"}, {"a"}]


def test_background_that_no_click_shows_is_not_taken_for_the_object(planes, classes):
    """Clicks on one corner of the background; unlabelled places lie in all of it."""
    plane = planes["a"]
    layers = plane.layers.copy()
    layers[17:, :, :, 3:6] += 2.0  # a third tissue, a little like the object
    layers[17:, :, :, :3] += 1.5
    channels = plane.channels.copy()
    channels[119:] += 0.35
    plane = replace(plane, layers=layers, channels=channels)
    rng = np.random.default_rng(0)
    examples = []
    for number in range(6):
        value = number % 2
        row = rng.integers(0, 66) if value else rng.integers(74, 90)
        pixels = np.array([[row, rng.integers(0, 154)]], np.int32)
        given = Annotation(number, "a", value, "pixel", "points", pixels)
        examples += examples_of(given, "a", {0: plane})
    rest = [unlabelled("a", "a", 0, plane, NOTHING)]

    def wrong(places):
        model = drain(train(examples, classes, "pool", places))
        return (predict_plane(model, plane)[0][119:] == 1).mean()

    assert wrong(rest) < 0.75 * wrong([])


@pytest.mark.parametrize("recipe", ["ridge", "logistic", "pool"])
def test_a_report_is_of_the_head_that_fit_makes(recipe, examples, classes, rest):
    """One head of labels alone is tested as such; a pool sees unlabelled places."""
    alone = drain(report(examples, classes, recipe))
    found = drain(report(examples, classes, recipe, rest))
    assert (found.log_loss == alone.log_loss) == (recipe != "pool")


def test_the_card_says_how_many(examples, classes, rest):
    model = drain(train(examples, classes, "pool", rest))
    told = model.card["calibration"]
    assert told["unlabelled_places"] == sum(len(e.pixels) for e in rest)
    assert len(told["thresholds"]) == 2
