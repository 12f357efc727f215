"""Where the colours of a picture change."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_BLUR = 1.0


def edges_of(picture: NDArray[np.float32]) -> NDArray[np.floating[Any]]:
    """Return the gradient's length (rows, cols), summed over the three colours."""
    from scipy import ndimage

    edges: NDArray[np.floating[Any]] = np.sum(
        [ndimage.gaussian_gradient_magnitude(picture[..., k], _BLUR) for k in range(3)],
        axis=0,
    )
    return edges


def edge_strength(edges: NDArray[np.floating[Any]], region: NDArray[np.bool_]) -> float:
    """Return the mean of `edges_of` along a region's outline."""
    from scipy import ndimage

    outline = ndimage.binary_dilation(region) & ~ndimage.binary_erosion(region)
    return float(np.mean(edges[outline])) if outline.any() else 0.0
