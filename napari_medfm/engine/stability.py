"""How sure a segmenter is of a mask: how little its threshold matters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

OFFSET = 1.0


def stability(
    logits: NDArray[np.float32], offset: float = OFFSET
) -> NDArray[np.float32]:
    """IoU of the masks above ``+offset`` and above ``-offset``.

    Parameters
    ----------
    logits
        (..., rows, cols).

    Returns
    -------
    array
        float32 (...) in [0, 1]; 0 where nothing is above.

    Notes
    -----
    The stability score of Kirillov et al., Segment Anything, 2023.
    """
    inner = np.count_nonzero(logits > offset, axis=(-2, -1))
    outer = np.count_nonzero(logits > -offset, axis=(-2, -1))
    ratio: NDArray[np.float32] = (inner / np.maximum(outer, 1)).astype(np.float32)
    return ratio


def iou(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Intersection over union of two masks; 1 for two empty ones."""
    union = np.count_nonzero(first | second)
    return np.count_nonzero(first & second) / union if union else 1.0
