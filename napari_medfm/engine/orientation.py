"""World axes: from the (z, y, x) order of arrays to the (x, y, z) order of files."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def swap_axis_order(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Reverse the order of the array axes and of the world axes of an affine.

    An image here is (plane, row, col) in a world of (z, y, x); NIfTI counts
    (i, j, k) in a world of (x, y, z). The numbers are only permuted, so that doing it
    twice gives back the very same matrix.

    Parameters
    ----------
    affine
        Homogeneous (n + 1, n + 1) matrix.
    """
    ndim = affine.shape[0] - 1
    order = [*range(ndim - 1, -1, -1), ndim]
    return np.ascontiguousarray(affine[np.ix_(order, order)])
