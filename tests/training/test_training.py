"""Training: the same labels give the same bytes, and a good mask."""

import json

import numpy as np
import pytest

from napari_medfm.core.errors import BadInput
from napari_medfm.core.labels import Annotation
from napari_medfm.verbs.predicting import pixel_logits, plane_logits, predict_plane
from napari_medfm.verbs.training import RECIPES, examples_of, train

TRUTH = np.zeros((140, 154), int)
TRUTH[:70] = 1


def drain(steps):
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def fit(examples, classes, recipe, rest=(), **card):
    return drain(train(examples, classes, recipe, rest, card=card))


@pytest.mark.parametrize("recipe", RECIPES)
class TestEveryRecipe:
    def test_finds_the_half(self, recipe, examples, classes, planes, rest):
        model = fit(examples, classes, recipe, rest)
        labels, probabilities, uncertainty = predict_plane(model, planes["a"])
        assert (labels == TRUTH).mean() > 0.8
        assert labels.dtype == np.uint8
        assert probabilities.dtype == uncertainty.dtype == np.float32
        assert probabilities.shape == (2, 140, 154)
        np.testing.assert_allclose(probabilities.sum(0), 1, atol=1e-5)
        assert np.array_equal(probabilities.argmax(0), labels)
        top = np.sort(probabilities, axis=0)
        np.testing.assert_allclose(uncertainty, 1 - top[-1] + top[-2], atol=1e-5)

    def test_the_order_of_labels_changes_no_byte(self, recipe, examples, classes, rest):
        first = fit(examples, classes, recipe, rest)
        second = fit(examples[::-1], classes, recipe, rest)
        assert first.card == second.card
        assert first.tensors().keys() == second.tensors().keys()
        for name, array in first.tensors().items():
            assert array.tobytes() == second.tensors()[name].tobytes()

    def test_the_card_tells_where_every_label_came_from(
        self, recipe, examples, classes, rest
    ):
        card = fit(examples, classes, recipe, rest, encoder={"name": "toy"}).card
        assert json.loads(json.dumps(card, allow_nan=False)) == card
        assert card["encoder"] == {"name": "toy"}
        assert card["label_counts"] == {"background": 20, "top": 20}
        assert [a["id"] for a in card["annotations"]] == list(range(40))


def test_undo_gives_the_head_before_bit_for_bit(examples, classes):
    before = fit(examples[:-1], classes, "ridge").tensors()
    fit(examples, classes, "ridge")
    after = fit(examples[:-1], classes, "ridge").tensors()
    assert all(before[name].tobytes() == after[name].tobytes() for name in before)


def test_pixels_alone_get_the_logits_of_the_whole(examples, classes, planes):
    pixels = np.random.default_rng(0).integers(0, (140, 154), (50, 2))
    for recipe in ("ridge", "knn", "logistic", "forest"):
        model = fit(examples, classes, recipe)
        whole = plane_logits(model, planes["b"])
        some = pixel_logits(model.experts, planes["b"], pixels)[0]
        np.testing.assert_allclose(
            some, whole[:, pixels[:, 0], pixels[:, 1]].T, atol=1e-4
        )


def test_the_live_head_is_scikit_learns_ridge(examples, classes, planes):
    from sklearn.linear_model import Ridge

    model = fit(examples, classes, "ridge")
    X = np.concatenate([e.rows("tokens") for e in examples]).astype(float)
    y = np.array([1.0 if e.value == 1 else -1.0 for e in examples])
    reference = Ridge(alpha=0.3 * X.shape[1]).fit(X, y)
    head = model.experts[0].head
    np.testing.assert_allclose(head.coef_[:, 1], reference.coef_, atol=1e-6)


def test_a_bias_moves_one_image(examples, classes, planes):
    model = fit(examples, classes, "ridge")
    plain = predict_plane(model, planes["a"])[0].mean()
    more = predict_plane(model, planes["a"], {1: 2.0})[0].mean()
    assert more > plain > predict_plane(model, planes["a"], {1: -2.0})[0].mean()
    assert predict_plane(model, planes["a"], {7: 9.0})[0].mean() == plain


def test_fewer_than_two_classes_say_what_to_do(examples, classes):
    only = [e for e in examples if e.value == 1]
    with pytest.raises(BadInput, match=r"so far: top.*Background counts"):
        fit(only, classes, "ridge")
    with pytest.raises(BadInput, match="none"):
        fit([], classes, "ridge")


def test_an_unknown_recipe_names_the_known(examples, classes):
    with pytest.raises(BadInput, match="ridge, "):
        fit(examples, classes, "best")


def test_classes_without_labels_are_not_learned(examples, classes):
    assert fit(examples, classes, "ridge").values == (0, 1)


def test_class_values_may_be_large(planes, classes):
    from napari_medfm.core.labels import LabelClass

    far = (LabelClass("x", 7, "#fff"), LabelClass("y", 900, "#fff"))
    given = [
        Annotation(i, "a", v, "pixel", "points", np.array([[r, 50]], np.int32))
        for i, (v, r) in enumerate([(7, 20), (900, 120)])
    ]
    examples = [e for a in given for e in examples_of(a, "a", {0: planes["a"]})]
    labels = predict_plane(fit(examples, far, "ridge"), planes["a"])[0]
    assert labels.dtype == np.uint16
    assert set(np.unique(labels)) == {7, 900}


def test_another_encoder_or_other_channels_are_refused(examples, classes, planes):
    from dataclasses import replace

    wide = replace(planes["a"], layers=np.repeat(planes["a"].layers, 2, axis=-1))
    with pytest.raises(BadInput, match="another encoder"):
        predict_plane(fit(examples, classes, "ridge"), wide)
    colour = replace(planes["a"], channels=np.repeat(planes["a"].channels, 3, axis=-1))
    with pytest.raises(BadInput, match="number of channels"):
        predict_plane(fit(examples, classes, "forest"), colour)


def test_one_click_a_class_on_one_image_is_enough_for_all_recipes(
    classes, planes, rest
):
    given = [
        Annotation(i, "a", v, "pixel", "points", np.array([[r, 60]], np.int32))
        for i, (v, r) in enumerate([(1, 30), (0, 110)])
    ]
    examples = [e for a in given for e in examples_of(a, "a", {0: planes["a"]})]
    for recipe in RECIPES:
        model = fit(examples, classes, recipe, rest[:1])
        assert predict_plane(model, planes["a"])[0].shape == (140, 154)
    assert "nothing could be held out" in model.card["validation"]["reason"]


def test_painted_regions_become_weighted_tokens(planes):
    mask = np.argwhere(TRUTH == 1).astype(np.int32)
    painted = Annotation(3, "a", 1, "pixel", "mask", mask)
    (example,) = examples_of(painted, "a", {0: planes["a"]})
    assert len(example.pixels) == 256
    assert len(example.token_index) == len(np.unique(example.token_index)) <= 256
    assert example.token_weight.mean() == pytest.approx(1)
    assert example.weights("filters").sum() == pytest.approx(
        example.weights("tokens").sum()
    )
    again = examples_of(painted, "a", {0: planes["a"]})[0]
    assert np.array_equal(again.pixels, example.pixels)


def test_a_stroke_through_a_volume_gives_an_example_a_plane(planes):
    pixels = np.array([[4, 10, 10], [4, 10, 11], [6, 99, 3]], np.int32)
    given = Annotation(1, "v", 2, "pixel", "mask", pixels)
    found = examples_of(given, "v", {4: planes["a"], 6: planes["b"]})
    assert [(e.plane, len(e.pixels)) for e in found] == [(4, 2), (6, 1)]
    assert found[1].features is planes["b"]


def test_a_pool_keeps_its_table(examples, classes, rest):
    model = fit(examples, classes, "auto", rest)
    table = model.card["validation"]
    assert set(table["losses"]) == {"pool", "blend", "logistic", "ridge", "forest"}
    assert table["how"] == "leave one group out"
    assert model.recipe in table["reason"]
    assert len(model.card["calibration"]["expert_weights"]) == len(model.experts)


def test_labels_that_the_model_contradicts_bias_their_own_image_only(
    examples, classes, planes
):
    """Every label on b says top, where the model sees the other tissue too."""
    from dataclasses import replace

    strange = [replace(e, value=1) if e.image == "b" else e for e in examples]
    card = fit(strange, classes, "logistic").card
    assert set(card["image_biases"]) <= {"a", "b"}
    assert card["image_biases"]["b"]["1"] > 0.3
    before = fit(examples, classes, "logistic")
    again = fit(examples, classes, "logistic")
    assert before.card["image_biases"] == again.card["image_biases"]
