"""From logits to probabilities, labels and uncertainty; from classes to weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def softmax(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Probabilities of logits along the last axis."""
    shifted = np.asarray(logits, np.float64)
    shifted = np.exp(shifted - shifted.max(-1, keepdims=True))
    probabilities: NDArray[np.float64] = shifted / shifted.sum(-1, keepdims=True)
    return probabilities


def bias_of(threshold: float) -> float:
    """Return what to add to a class's logit so that it counts from a probability on."""
    return float(np.log((1 - threshold) / threshold))


def log_of(probabilities: NDArray[np.floating[Any]], floor: float = 0.01) -> Floats:
    """Logits of probabilities that may be 0: first lifted by a shared ``floor``."""
    count = probabilities.shape[-1]
    lifted = (1 - floor) * np.asarray(probabilities, np.float64) + floor / count
    logits: Floats = np.log(lifted).astype(np.float32)
    return logits


def balanced(
    y: NDArray[np.int64], sample_weight: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Row weights by which every class weighs the same, and all as much as before."""
    weights = (
        np.ones(len(y)) if sample_weight is None else np.array(sample_weight, float)
    )
    _, index = np.unique(y, return_inverse=True)
    sums = np.bincount(index, weights)
    result: NDArray[np.float64] = weights * sums.sum() / (len(sums) * sums[index])
    return result


def decide(
    logits: Floats, values: Sequence[int]
) -> tuple[NDArray[Any], Floats, Floats]:
    """Choose the class of every pixel.

    Parameters
    ----------
    logits
        float32 (classes, height, width); overwritten.
    values
        Class value of each row.

    Returns
    -------
    labels, probabilities, uncertainty
        uint8 (uint16 above 255) class values; float32 (classes, height, width); and one
        minus the margin between the two most probable classes, 0 sure ... 1 unsure.
    """
    shape = logits.shape[1:]
    best = np.empty(shape, np.uint8 if len(values) < 256 else np.uint16)
    unsure = np.empty(shape, np.float32)
    for first in range(0, shape[0], 32):
        rows = slice(first, first + 32)
        _decide(logits[:, rows], best[rows], unsure[rows])
    table = np.asarray(values, np.uint8 if max(values) < 256 else np.uint16)
    if not np.array_equal(table, np.arange(len(table))):
        best = table[best]
    return best, logits, unsure


def _decide(logits: Floats, best: NDArray[Any], unsure: Floats) -> None:
    """Turn logits into probabilities in place, a few rows that fit the cache."""
    top = logits[0].copy()
    second = np.full_like(top, -np.inf)
    best[:] = 0
    for index in range(1, len(logits)):
        score = logits[index]
        np.copyto(best, index, where=score > top, casting="unsafe")
        np.maximum(second, np.minimum(score, top), out=second)
        np.maximum(top, score, out=top)
    logits -= top
    np.exp(logits, out=logits)
    total = logits.sum(0)
    np.reciprocal(total, out=total)
    logits *= total
    np.subtract(second, top, out=unsure)
    np.exp(unsure, out=unsure)
    unsure -= 1
    unsure *= total
    unsure += 1
