"""Pooling experts: a weighted sum of logits, the weights from honest predictions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_medfm.engine.probability import balanced, softmax

Doubles = NDArray[np.float64]
EVEN = 2.0
_PULL = 40.0
_MOST = 4.0


def log_loss(
    logits: NDArray[np.floating], index: NDArray[np.integer], weights: Doubles
) -> float:
    """Weighted mean of minus the log-probability of the true class.

    Parameters
    ----------
    logits, index, weights
        (n, classes), column of the true class (n,), weight of each row (n,).
    """
    return float(np.average(row_losses(logits, index), weights=weights))


def row_losses(
    logits: NDArray[np.floating], index: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Return minus the log-probability of the true class of each row (n,)."""
    probability = softmax(logits)[np.arange(len(index)), index]
    losses: Doubles = -np.log(np.maximum(probability, 1e-12))
    return losses


def pool_weights(
    logits: Sequence[NDArray[np.floating]],
    index: NDArray[np.integer],
    voices: int | None = None,
) -> tuple[float, ...]:
    """Find the weights of experts whose weighted logits explain held-out labels best.

    A logarithmic pool; with one expert this is temperature scaling. Weights lie in
    [0, 4] and are drawn to 2 each, as strongly as 40 labels would. That is more than
    few labels ask for: people click where a head is wrong, so that it looks less sure
    there than it may be of the image (``docs/recipes.md`` has the measurements).

    Parameters
    ----------
    logits
        Of each expert (n, classes), from predictions on groups it was not trained on.
    index
        Column of the true class (n,).
    voices
        How many labels the rows come from; as many as rows if None.
    """
    from scipy.optimize import minimize

    stack = np.stack([np.asarray(part, np.float64) for part in logits])
    weights = balanced(np.asarray(index, np.int64), None)
    weights = weights / weights.sum()
    even = np.full(len(stack), EVEN)
    pull = _PULL / max(voices or len(index), 1)
    targets = np.eye(stack.shape[2])[index]

    def loss(scale: Doubles) -> tuple[float, Doubles]:
        mixed = np.tensordot(scale, stack, 1)
        error = (softmax(mixed) - targets) * weights[:, None]
        value = log_loss(mixed, index, weights) + pull * np.sum((scale - even) ** 2)
        slope = np.tensordot(stack, error, ([1, 2], [0, 1])) + 2 * pull * (scale - even)
        return value, slope

    bounds = [(0.0, _MOST)] * len(stack)
    found = minimize(loss, even, jac=True, method="L-BFGS-B", bounds=bounds)
    return tuple(float(value) for value in found.x)
