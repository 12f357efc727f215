"""Pooling experts: their summed logits, scale and thresholds from held-out labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_medfm.engine.probability import softmax

Doubles = NDArray[np.float64]
_GAP = 8.0
_LEAST_GAP = 0.1
_SCALES = (0.25, 8.0)


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


def levelled(
    logits: NDArray[np.floating], index: NDArray[np.integer]
) -> tuple[float, Doubles]:
    """Find the scale and the thresholds that held-out labels ask of summed logits.

    By them a typical label of a class and a typical one of the first class lie 8 apart,
    the border midway. Typical is the median: people click where a head is wrong, and
    what is wrong of a few clicks must not shift the border for all the others.

    Parameters
    ----------
    logits
        (n, classes) of held-out labels, the experts' summed; one row a label.
    index
        Column of the true class (n,).

    Returns
    -------
    scale, biases
        To multiply the logits by, 1/4 to 8, and to add to them then (classes,), of the
        first class 0. A class without labels here gets 0 too.
    """
    margins = np.asarray(logits, np.float64)[:, 1:] - logits[:, :1]
    low, high = np.full((2, margins.shape[1]), np.nan)
    for column in range(margins.shape[1]):
        if (index == 0).any() and (index == column + 1).any():
            low[column] = np.median(margins[index == 0, column])
            high[column] = np.median(margins[index == column + 1, column])
    if np.isnan(low).all():
        return 1.0, np.zeros(logits.shape[1])
    gap = np.nanmedian(np.maximum(high - low, _LEAST_GAP))
    scale = float(np.clip(_GAP / gap, *_SCALES))
    border = np.nan_to_num(-scale * (low + high) / 2)
    return scale, np.concatenate([[0.0], border])
