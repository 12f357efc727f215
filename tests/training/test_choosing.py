"""Which recipe `auto` takes: another than the usual only if the labels are sure."""

from types import MappingProxyType

import numpy as np
import pytest

from napari_medfm.engine.pool import log_loss
from napari_medfm.engine.projection import AXES, Projection
from napari_medfm.engine.validate import Folds
from napari_medfm.verbs.recipes import PARTS, HeldOut, Projections, honest_logits
from napari_medfm.verbs.training import choose

NAMES = ("pool", "forest")
SEED = 4


def held_out_by(better, clicks, seed=0, rows=1):
    """Held-out logits in which the trees on filters are right by so much more."""
    rng = np.random.default_rng(seed)
    index = np.repeat(np.arange(clicks) % 2, rows)
    right = np.where(np.arange(2) == index[:, None], 1.0, -1.0)

    def right_by(margin):
        return right * np.repeat(rng.normal(margin, 1, (clicks, 1)), rows, axis=0)

    parts = {part: right_by(0.5) for part in PARTS["pool"]}
    (filters,) = PARTS["forest"]
    parts[filters] = right_by(0.5 + better)
    return HeldOut(
        MappingProxyType({k: v.astype(np.float32) for k, v in parts.items()}),
        index,
        np.ones(len(index)),
        np.arange(len(index)) // max(1, len(index) // 4),
        np.repeat(np.arange(clicks), rows),
        Folds(tuple(np.arange(clicks) % 4), "leave one group out"),
    )


def test_a_clear_winner_is_taken():
    chosen, table = choose(NAMES, held_out_by(2.0, 60))
    assert chosen == "forest"
    assert "least log-loss" in table["reason"]


def test_a_few_clicks_are_no_proof():
    """The loss is less, but by less than it varies from click to click."""
    held = held_out_by(0.8, 10, seed=SEED)
    chosen, table = choose(NAMES, held)
    assert table["losses"]["forest"] < table["losses"]["pool"]
    assert chosen == "pool"
    assert "too few to be sure" in table["reason"]


def test_a_painted_region_has_one_voice():
    """Many pixels of few strokes prove no more than the strokes do."""
    held = held_out_by(0.8, 10, seed=SEED, rows=64)
    assert choose(NAMES, held)[0] == "pool"


def test_losses_are_the_weighted_mean():
    held = held_out_by(0.5, 12)
    _, table = choose(NAMES, held)
    for name in NAMES:
        logits = honest_logits(PARTS[name], held)
        expected = log_loss(logits, held.index, held.weights)
        assert table["losses"][name] == pytest.approx(expected)


def test_without_anything_held_out_the_usual_is_taken():
    assert choose(NAMES, None)[0] == "pool"


def test_axes_of_planes_are_computed_once(examples):
    known = Projections()
    assert known.of(examples) is known.of(examples[::-1])


@pytest.mark.parametrize("seed", range(5))
def test_axes_are_those_of_scikit_learn(planes, seed):
    from sklearn.decomposition import PCA

    rng = np.random.default_rng(seed)
    plane = next(iter(planes.values()))
    rows = plane.rows("deep", slice(None))
    found = Projection.of([plane])
    count = found.axes.shape[1]
    assert count <= AXES
    unit = found.axes / np.linalg.norm(found.axes, axis=0)
    theirs = PCA(count).fit(rows.astype(np.float64))
    direction = rng.normal(size=rows.shape[1])
    ours = unit @ (unit.T @ direction)
    expected = theirs.components_.T @ (theirs.components_ @ direction)
    np.testing.assert_allclose(ours, expected, atol=1e-2)
