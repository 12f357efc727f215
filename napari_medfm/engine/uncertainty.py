"""Where a label would help most: unsure, new, and spread out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def margin_uncertainty(logits: NDArray[np.floating]) -> Floats:
    """One minus the margin between the two most probable classes of each row (n, k)."""
    from napari_medfm.engine.probability import softmax

    ordered = np.sort(softmax(logits), axis=1)
    return (1 - (ordered[:, -1] - ordered[:, -2])).astype(np.float32)


def novelty(rows: Floats, known: Floats) -> Floats:
    """Cosine distance (n,) in [0, 1] of each row to the nearest known row.

    1 everywhere if nothing is known.
    """
    if not len(known):
        return np.ones(len(rows), np.float32)
    nearest = (_unit(rows) @ _unit(known).T).max(1)
    distance: Floats = np.clip((1 - nearest) / 2, 0, 1)
    return distance


def k_centre(rows: Floats, first: int, count: int) -> list[int]:
    """Choose rows far from one another, greedily from the first (Gonzalez 1985)."""
    unit = _unit(rows)
    chosen = [first]
    nearest = unit @ unit[first]
    while len(chosen) < min(count, len(rows)):
        masked = nearest.copy()
        masked[chosen] = np.inf
        chosen.append(int(masked.argmin()))
        nearest = np.maximum(nearest, unit @ unit[chosen[-1]])
    return chosen


def _unit(rows: Floats) -> Floats:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Floats = rows / np.maximum(length, np.float32(1e-6))
    return unit
