"""Refining what a head or a prompt gave: edges, crumbs, objects that touch.

All functions are pure and take one plane. Edge refinement follows the picture's
edges: it helps where they are true borders and costs a little where they are not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.integer[Any]]


def guided(
    probabilities: Floats, channels: Floats, radius: int = 4, smooth: float = 1e-3
) -> Floats:
    """Filter probabilities so that their edges are those of the picture.

    The guided filter of He, Sun and Tang (2013) with the mean of the channels as guide.

    Parameters
    ----------
    probabilities
        (classes, height, width).
    channels
        (height, width, channels) in [0, 1].
    radius
        Half the window, in pixels.
    smooth
        Variance of the guide below which a window counts as flat.

    Returns
    -------
    float32 (classes, height, width)
        Not negative; the sum over classes is 1.
    """
    from scipy.ndimage import uniform_filter

    def mean(values: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = uniform_filter(values, 2 * radius + 1)
        return found

    guide = np.asarray(channels, np.float64).mean(-1)
    centre = mean(guide)
    spread = mean(guide * guide) - centre * centre
    filtered = np.empty(probabilities.shape, np.float64)
    for row, values in zip(filtered, probabilities.astype(np.float64), strict=True):
        middle = mean(values)
        slope = (mean(guide * values) - centre * middle) / (spread + smooth)
        row[:] = mean(slope) * guide + mean(middle - slope * centre)
    return _shares(filtered)


def local_crf(
    probabilities: Floats,
    channels: Floats,
    radius: int = 3,
    steps: int = 4,
    weight: float = 3.0,
) -> Floats:
    """Let each pixel agree with near neighbours of the same colour.

    Mean-field inference in a conditional random field (Kraehenbuehl and Koltun 2011)
    whose pairs reach ``radius`` pixels; colour counts relative to its spread.

    Parameters
    ----------
    probabilities, channels
        As `guided`.
    weight
        Of all neighbours together against the pixel's own logit.

    Returns
    -------
    float32 (classes, height, width)
    """
    unary = np.log(np.maximum(probabilities.astype(np.float64), 1e-4))
    colour = np.moveaxis(channels.astype(np.float64), -1, 0)
    spread = max(float(colour.std()), 1e-3) / 2
    pairs = []
    for down in range(-radius, radius + 1):
        for across in range(-radius, radius + 1):
            if down == across == 0:
                continue
            apart = colour - _moved(colour, down, across)
            near = (down**2 + across**2) / (2 * (radius / 2) ** 2)
            alike = np.exp(-near - (apart**2).mean(0) / (2 * spread**2))
            pairs.append((down, across, alike))
    total = np.maximum(sum(alike for _, _, alike in pairs), 1e-9)
    belief = _softmax(unary)
    for _ in range(steps):
        message = sum(alike * _moved(belief, d, a) for d, a, alike in pairs) / total
        belief = _softmax(unary + weight * message)
    return belief.astype(np.float32)


def random_walk(
    probabilities: Floats, channels: Floats, sure: float = 0.9, edges: float = 130.0
) -> Floats:
    """Decide unsure pixels by random walks from the sure ones (Grady 2006).

    Parameters
    ----------
    probabilities, channels
        As `guided`.
    sure
        Probability from which a pixel is a seed. If fewer than two classes have one,
        nothing is changed.
    edges
        How much an edge of the picture hinders a walk.

    Returns
    -------
    float32 (classes, height, width)
    """
    from skimage.segmentation import random_walker

    best = probabilities.argmax(0)
    seeds = np.where(probabilities.max(0) >= sure, best + 1, 0)
    present = np.unique(seeds[seeds > 0])
    if len(present) < 2 or (seeds > 0).all():
        return probabilities.astype(np.float32)
    numbered = np.searchsorted(present, seeds) + 1
    numbered[seeds == 0] = 0
    walk: Callable[..., Any] = random_walker
    found = walk(
        channels.astype(np.float64),
        numbered,
        beta=edges,
        mode="cg_j",
        return_full_prob=True,
        channel_axis=-1,
        tol=1e-4,
        prob_tol=0.01,
    )
    result = np.zeros(probabilities.shape)
    result[present - 1] = found
    return _shares(result)


def cleaned(labels: Ints, smallest: int, largest_hole: int) -> Ints:
    """Remove crumbs and fill pinholes, class by class.

    Parameters
    ----------
    labels
        Class values (height, width); 0 is background.
    smallest
        Connected pieces of fewer pixels become what surrounds them most.
    largest_hole
        Holes of at most so many pixels, that one class encloses, become that class.
    """
    from scipy import ndimage

    found = labels.copy()
    for value in np.unique(labels):
        pieces, count = ndimage.label(found == value)
        if not count:
            continue
        sizes = np.bincount(pieces.ravel())
        most = largest_hole + 1 if value == 0 else smallest
        for number in np.flatnonzero(sizes[1:] < most) + 1:
            piece = pieces == number
            rim = ndimage.binary_dilation(piece) & ~piece
            around, how_often = np.unique(found[rim], return_counts=True)
            if len(around) and (value or len(around) == 1):
                found[piece] = around[how_often.argmax()]
    return found


def instances(mask: NDArray[np.bool_], apart: float = 4.0) -> NDArray[np.int32]:
    """Split touching objects at their necks (watershed of the distance to the rim).

    Parameters
    ----------
    mask
        bool (height, width).
    apart
        Least distance between the middles of two objects, in pixels.

    Returns
    -------
    int32 (height, width)
        0 outside, 1, 2, ... the objects.
    """
    from scipy import ndimage
    from skimage.feature import peak_local_max
    from skimage.segmentation import watershed

    if not mask.any():
        return np.zeros(mask.shape, np.int32)
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    depth = ndimage.gaussian_filter(depth, apart / 4)
    pieces, _ = ndimage.label(mask)
    peaks: Callable[..., Any] = peak_local_max
    middles = peaks(depth, min_distance=max(1, round(apart)), labels=pieces)
    markers = np.zeros(mask.shape, np.int32)
    markers[tuple(middles.T)] = np.arange(1, len(middles) + 1)
    flood: Callable[..., NDArray[np.int32]] = watershed
    return flood(-depth, markers, mask=mask).astype(np.int32)


def _moved(values: NDArray[np.float64], down: int, across: int) -> NDArray[np.float64]:
    """Shift the last two axes; the border is repeated."""
    height, width = values.shape[-2:]
    rows = np.clip(np.arange(height) + down, 0, height - 1)
    cols = np.clip(np.arange(width) + across, 0, width - 1)
    return values[..., rows[:, None], cols]


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    raised = np.exp(logits - logits.max(0))
    shares: NDArray[np.float64] = raised / raised.sum(0)
    return shares


def _shares(values: NDArray[np.float64]) -> Floats:
    kept = np.maximum(values, 1e-6)
    shares: Floats = (kept / kept.sum(0)).astype(np.float32)
    return shares
