"""Where a label would help most: unsure, new, and spread out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_medfm.engine.threads import one_blas_thread

Floats = NDArray[np.float32]
_UNSEEN = 0.1
_LEAST = 1e-6


def margin_uncertainty(logits: NDArray[np.floating]) -> Floats:
    """One minus the margin between the two most probable classes of each row (n, k)."""
    from napari_medfm.engine.probability import softmax

    ordered = np.sort(softmax(logits), axis=1)
    return (1 - (ordered[:, -1] - ordered[:, -2])).astype(np.float32)


def novelty(rows: Floats, known: Floats) -> Floats:
    """How unlike the nearest known row each row is: 1 - cosine (n,), in [0, 1].

    1 for what shares nothing with any of them, or if nothing is known.
    """
    if not len(known):
        return np.ones(len(rows), np.float32)
    with one_blas_thread():
        nearest = (rows @ _unit(known).T).max(1)
    nearest /= np.maximum(np.linalg.norm(rows, axis=1), np.float32(_LEAST))
    distance: Floats = np.clip(1 - nearest, 0, 1)
    return distance


def uncertainty(margin: Floats, new: Floats) -> Floats:
    """Margin times novelty, in [0, 1]: where one more label would teach most.

    Heads can be sure of what they have never seen: the margin counts as a tenth at
    least, so that what is new does not vanish.
    """
    found: Floats = margin * np.float32(1 - _UNSEEN)
    found += np.float32(_UNSEEN)
    found *= new
    return found


def landmarks(rows: Floats, most: int = 64) -> NDArray[np.float16]:
    """Choose unit rows that lie near all rows (n, dim), for `novelty`."""
    chosen = k_centre(rows, 0, most) if len(rows) > most else slice(None)
    return _unit(rows[chosen]).astype(np.float16)


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
    unit: Floats = rows / np.maximum(length, np.float32(_LEAST))
    return unit
