"""Priors and thresholds: what balanced clicks cannot know about an image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_medfm.engine.probability import softmax

Doubles = NDArray[np.float64]
_NEWTON = 12


def fitted_biases(
    logits: NDArray[np.floating],
    index: NDArray[np.integer],
    weights: Doubles | None = None,
    spread: float = 1.0,
) -> Doubles:
    """Return what to add to the logits of one image so that its clicks come true.

    The most probable biases if they are spread normally about zero: one click moves
    them a little, several that agree move them as far as they ask.

    Parameters
    ----------
    logits
        (n, classes) of the model at the clicks.
    index
        Column of the class that the user gave to each click (n,).
    weights
        Of each click; 1 if None.
    spread
        Standard deviation of the biases before any click.

    Returns
    -------
    float64 (classes,)
        The first class is the reference and gets 0.
    """
    count = logits.shape[1]
    given = np.eye(count)[index][:, 1:]
    weights = np.ones(len(index)) if weights is None else weights
    biases = np.zeros(count)
    for _ in range(_NEWTON):
        shares = softmax(logits + biases)[:, 1:]
        slope = weights @ (shares - given) + biases[1:] / spread**2
        weighted = shares * weights[:, None]
        curve = np.diag(weighted.sum(0)) - weighted.T @ shares
        curve[np.diag_indices_from(curve)] += 1 / spread**2
        biases[1:] -= np.clip(np.linalg.solve(curve, slope), -1, 1)
    return biases


def log_prior(
    logits: NDArray[np.floating], weight: float = 0.5, steps: int = 3
) -> Doubles:
    """Estimate the share of each class without labels, as a bias on its logit.

    Expectation-maximisation on the logits (n, classes) of unlabelled pixels (Saerens et
    al. 2002), stopped after a few steps and tempered, because run to the end it drops
    rare classes.

    Returns
    -------
    float64 (classes,)
        ``weight`` times the logarithm of the share, the mean of all classes zero.
    """
    scores = np.asarray(logits, np.float64)
    prior = np.full(scores.shape[1], 1 / scores.shape[1])
    for _ in range(steps):
        prior = softmax(scores + np.log(prior)).mean(0)
        prior = np.maximum(prior, 1e-4) / np.maximum(prior, 1e-4).sum()
    share = np.log(prior)
    bias: Doubles = weight * (share - share.mean())
    return bias
