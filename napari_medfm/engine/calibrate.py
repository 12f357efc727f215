"""Priors and thresholds: what balanced clicks cannot know about an image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadInput
from napari_medfm.engine.probability import softmax

Doubles = NDArray[np.float64]


def bias_from_clicks(margins: NDArray[np.floating], inside: NDArray[np.bool_]) -> float:
    """Return the bias that puts the border midway between corrective clicks.

    Parameters
    ----------
    margins
        (n,): at each click the logit of a class less that of its best rival.
    inside
        (n,): whether the user says that the click belongs to the class.

    Returns
    -------
    float
        To be added to the logit of the class on this image: minus the midpoint of the
        two mean margins.

    Raises
    ------
    BadInput
        If there is not at least one click of each kind: one alone can do harm.
    """
    inside = np.asarray(inside, bool)
    if inside.all() or not inside.any():
        raise BadInput(
            "A threshold needs at least one click on the object and one beside it"
        )
    return -float(np.mean(margins[inside]) + np.mean(margins[~inside])) / 2


def biases_from_clicks(
    logits: NDArray[np.floating], clicked: Sequence[int], values: Sequence[int]
) -> dict[int, float]:
    """Return this image's bias of every class that was clicked on and beside.

    Parameters
    ----------
    logits
        (n, classes) of the model at the clicks, without earlier biases of the image.
    clicked
        Class value the user gave to each click.
    values
        Class value of each column. The first is the reference: it gets no bias.

    Raises
    ------
    BadInput
        If the clicks are all of one class.
    """
    given = np.asarray(clicked)
    if len(set(given.tolist())) < 2:
        raise BadInput(
            "A threshold needs at least one click on the object and one beside it"
        )
    biases = {}
    for column, value in enumerate(values):
        if column == 0 or not (given == value).any():
            continue
        rivals = np.delete(logits, column, axis=1).max(1)
        biases[int(value)] = bias_from_clicks(
            logits[:, column] - rivals, given == value
        )
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
