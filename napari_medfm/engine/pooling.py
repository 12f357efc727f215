"""From the tokens of a plane to a few rows that stand for all of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_WINDOWS = 4


def window_rows(tokens: NDArray[np.float16]) -> Floats:
    """Pool tokens (rows, cols, dim) in at most 4 x 4 windows.

    Returns
    -------
    array
        float32 (windows, 2 * dim), row by row over the plane: mean and spread of the
        tokens in each window. Not centred on the plane: at this level the whole look
        of an image is what counts.
    """
    exact = tokens.astype(np.float32)
    found = []
    for band in np.array_split(exact, min(_WINDOWS, len(exact)), axis=0):
        for window in np.array_split(band, min(_WINDOWS, band.shape[1]), axis=1):
            flat = window.reshape(-1, window.shape[-1])
            found.append(np.concatenate([flat.mean(0), flat.std(0)]))
    return np.stack(found)
