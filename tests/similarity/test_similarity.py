"""Similarity is a cosine: of plain tokens, or of whitened ones."""

import numpy as np
import pytest

from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import Grid
from napari_medfm.core.results import Embedding
from napari_medfm.engine.similarity import SimilarityIndex, similarity

GRID = Grid(9, 11, (7.0, 7.0), (3.0, 3.0))


def embedding(seed=0, encoder="toy", dim=16):
    rng = np.random.default_rng(seed)
    layers = rng.normal(1, 1, (9, 11, 2, dim)).astype(np.float16)
    layers[2:5, 3:7, -1, :4] += 3
    return Embedding(layers, GRID, f"key{seed}", encoder)


def cosine(tokens, row, col):
    tokens = tokens.astype(float)
    dots = tokens @ tokens[row, col]
    return dots / np.linalg.norm(tokens, axis=-1) / np.linalg.norm(tokens[row, col])


def test_without_whitening_it_is_the_plain_cosine():
    made = embedding()
    found = similarity({"a": made}, [("a", (3 + 7 * 3, 3 + 7 * 4))], whiten=False)
    assert found["a"].dtype == np.float32
    np.testing.assert_allclose(found["a"], cosine(made.tokens, 3, 4), atol=1e-6)


def test_with_whitening_it_is_the_cosine_of_whitened_tokens():
    made = embedding()
    rows = made.tokens.reshape(-1, 16).astype(float)
    centred = rows - rows.mean(0)
    matrix = centred.T @ centred / len(rows)
    matrix = 0.9 * matrix + 0.1 * np.trace(matrix) / 16 * np.eye(16)
    values, vectors = np.linalg.eigh(matrix)
    white = (centred @ vectors / np.sqrt(values)).reshape(9, 11, 16)
    found = similarity({"a": made}, [("a", (24, 31))])
    np.testing.assert_allclose(found["a"], cosine(white, 3, 4), atol=1e-4)


def test_the_clicked_place_scores_one_and_the_object_more_than_the_rest():
    found = similarity({"a": embedding()}, [("a", (24, 31))])["a"]
    assert found[3, 4] == pytest.approx(1, abs=1e-5)
    inside = np.zeros(found.shape, bool)
    inside[2:5, 3:7] = True
    assert found[inside].mean() > 0.3 > found[~inside].mean()


def test_a_negative_takes_away_only_from_what_resembles_it():
    made = {"a": embedding()}
    at, against = [("a", (24, 31))], [("a", (3, 3))]
    plain, less = similarity(made, at)["a"], similarity(made, at, against)["a"]
    own = similarity(made, against)["a"]
    assert less[0, 0] <= 0
    np.testing.assert_allclose(less[own <= 0], plain[own <= 0])
    assert (less <= plain + 1e-6).all()


def test_several_positives_give_the_best_of_each():
    made = {"a": embedding()}
    one, two = ("a", (24, 31)), ("a", (3, 3))
    both = similarity(made, [one, two])["a"]
    each = np.maximum(similarity(made, [one])["a"], similarity(made, [two])["a"])
    np.testing.assert_allclose(both, each, atol=1e-6)


def test_a_click_in_one_image_maps_others():
    made = {"a:0": embedding(0), "b:3": embedding(1)}
    found = similarity(made, [("a:0", (24, 31))])
    assert set(found) == {"a:0", "b:3"}
    inside = found["b:3"][2:5, 3:7].mean()
    assert inside > np.delete(found["b:3"], slice(2, 5), 0).mean() + 0.3


def test_a_prepared_index_answers_like_the_function():
    made = {"a": embedding()}
    index = SimilarityIndex.of(made)
    at = [("a", (40, 60))]
    assert index.maps(at)["a"].tobytes() == similarity(made, at)["a"].tobytes()


def test_scores_stay_in_range():
    made = {"a": embedding()}
    found = similarity(made, [("a", (3, 3))], [("a", (3, 3)), ("a", (60, 70))])["a"]
    assert found.min() >= -1
    assert found.max() <= 1


def test_a_constant_image_has_no_likeness():
    flat = Embedding(np.ones((9, 11, 2, 16), np.float16), GRID, "k", "toy")
    assert (similarity({"a": flat}, [("a", (3, 3))])["a"] == 0).all()


def test_what_cannot_be_compared_is_refused():
    made = {"a": embedding()}
    with pytest.raises(BadInput, match="at least one position"):
        similarity(made, [])
    with pytest.raises(BadInput, match="no embedding"):
        similarity(made, [("b", (3, 3))])
    with pytest.raises(BadInput, match="one encoder"):
        similarity({**made, "b": embedding(1, "other")}, [("a", (3, 3))])
