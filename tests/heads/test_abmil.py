"""Attention over parts finds the one part of many that decides."""

import numpy as np
from scipy.optimize import check_grad

from napari_medfm import heads
from napari_medfm.engine.probability import softmax
from napari_medfm.heads.abmil import _slopes


def bags_of(count, seed):
    """Bags of 4-12 parts; class 1 if one part points along the first axis."""
    rng = np.random.default_rng(seed)
    bags, y = [], np.arange(count) % 2
    for value in y:
        bag = rng.normal(0, 1, (rng.integers(4, 13), 20)).astype(np.float32)
        if value:
            bag[rng.integers(len(bag))] += 6 * np.eye(20, dtype=np.float32)[0]
        bags.append(bag)
    return bags, y.astype(np.int64)


def test_it_finds_the_part_that_decides():
    train, y = bags_of(60, 0)
    test, truth = bags_of(60, 1)
    head = heads.make("abmil").fit(train, y)
    found = head.predict_proba(test)[:, 1] > 0.5
    mean = heads.make("logistic").fit(np.stack([b.mean(0) for b in train]), y)
    by_mean = mean.predict_proba(np.stack([b.mean(0) for b in test]))[:, 1] > 0.5
    assert (found == truth).mean() > 0.9
    assert (found == truth).mean() > (by_mean == truth).mean()
    hits = [
        head.attention(bag).argmax() == bag[:, 0].argmax()
        for bag, value in zip(test, truth)
        if value
    ]
    assert np.mean(hits) > 0.9
    np.testing.assert_allclose(head.attention(test[0]).sum(), 1)


def test_the_same_labels_give_the_same_bytes():
    bags, y = bags_of(20, 0)
    first = heads.make("abmil").fit(bags, y).tensors()
    second = heads.make("abmil").fit(bags, y).tensors()
    for name, tensor in first.items():
        assert tensor.tobytes() == second[name].tobytes()


def test_slopes_are_those_of_the_loss():
    rng = np.random.default_rng(0)
    parts = rng.normal(size=(5, 4, 6))
    inside = rng.random((5, 4)) > 0.3
    inside[:, 0] = True
    parts[~inside] = 0
    targets = np.eye(3)[rng.integers(0, 3, 5)]
    weights = rng.random(5)
    shapes = [(6, 2), (2,), (6, 3), (3,)]
    sizes = [int(np.prod(shape)) for shape in shapes]

    def split(flat):
        pieces = np.split(flat, np.cumsum(sizes)[:-1])
        return [piece.reshape(shape) for piece, shape in zip(pieces, shapes)]

    def loss(flat):
        into, attend, out, offset = split(flat)
        scores = np.where(inside, np.tanh(parts @ into) @ attend, -np.inf)
        pooled = np.einsum("bk,bkd->bd", softmax(scores), parts)
        chance = softmax(pooled @ out + offset)
        return -(weights * np.log((chance * targets).sum(1))).sum()

    def slope(flat):
        found = _slopes(split(flat), parts, inside, targets, weights)
        return np.concatenate([part.ravel() for part in found])

    start = rng.normal(size=sum(sizes))
    assert check_grad(loss, slope, start) < 1e-5
