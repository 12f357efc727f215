"""Sums that ridge regression needs, kept apart per annotation, and its closed form.

Sums of different annotations, images, users or sites are added; nothing else of the
pixels is needed, so heads merge without sharing images. Undo is the sum without one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadInput
from napari_medfm.engine.threads import one_blas_thread

Doubles = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RidgeSums:
    """What ridge regression remembers of labelled rows.

    Parameters
    ----------
    values
        Class values (k,), int64, ascending.
    weight
        Sum of row weights per class (k,).
    x
        Weighted sum of rows per class (k, dim).
    xx
        Weighted sum of outer products per class (k, dim, dim).
    """

    values: NDArray[np.int64]
    weight: Doubles
    x: Doubles
    xx: Doubles

    @classmethod
    def of(
        cls, rows: NDArray[np.floating], value: int, weights: Doubles | None = None
    ) -> RidgeSums:
        """Sum rows (n, dim) of one class, each with a weight (1 if not given)."""
        exact = np.asarray(rows, np.float64)
        weights = np.ones(len(exact)) if weights is None else weights
        with one_blas_thread():
            weighted = exact * weights[:, None]
            outer = weighted.T @ exact
        return cls(
            np.array([value], np.int64),
            np.array([weights.sum()]),
            weighted.sum(0)[None],
            outer[None],
        )

    @property
    def dim(self) -> int:
        """Numbers per row."""
        return int(self.x.shape[1])

    def __add__(self, other: RidgeSums) -> RidgeSums:
        """Join the sums of two sets of rows."""
        return fold([self, other])

    def scaled(self, factor: float) -> RidgeSums:
        """Return sums in which every row weighs ``factor`` times as much."""
        return RidgeSums(
            self.values, self.weight * factor, self.x * factor, self.xx * factor
        )


def fold(parts: Iterable[RidgeSums]) -> RidgeSums:
    """Add sums one after the other, in the order given.

    The same parts in the same order give the same bits; another order the same numbers
    up to rounding.

    Raises
    ------
    BadInput
        If there is nothing to add, or rows of different encoders meet.
    """
    parts = list(parts)
    if not parts:
        raise BadInput("There are no labels to learn from")
    if len({part.dim for part in parts}) > 1:
        raise BadInput("Sums of different encoders cannot be added")
    values = np.unique(np.concatenate([part.values for part in parts]))
    dim = parts[0].dim
    total = RidgeSums(
        values,
        np.zeros(len(values)),
        np.zeros((len(values), dim)),
        np.zeros((len(values), dim, dim)),
    )
    for part in parts:
        for row, index in enumerate(np.searchsorted(values, part.values)):
            total.weight[index] += part.weight[row]
            total.x[index] += part.x[row]
            total.xx[index] += part.xx[row]
    return total


def solve(
    sums: RidgeSums, penalty: float, class_weights: Sequence[float] | None = None
) -> tuple[Doubles, Doubles]:
    """Fit one linear score per class to targets +1 (the class) and -1 (the others).

    Equal to ``sklearn.linear_model.Ridge(alpha=penalty)`` with sample weights.

    Parameters
    ----------
    penalty
        On the squared coefficients; the intercept is free.
    class_weights
        Weight of a row of each class; if None, classes are balanced: each weighs the
        same in sum, and all together as much as the rows do.

    Returns
    -------
    coefficients (dim, k), intercepts (k,)
    """
    from scipy.linalg import cho_factor, cho_solve

    count = len(sums.values)
    total = sums.weight.sum()
    if class_weights is None:
        scale = total / (count * sums.weight)
    else:
        scale = np.asarray(class_weights, np.float64)
    weight = sums.weight * scale
    total = weight.sum()
    x = sums.x * scale[:, None]
    mean = x.sum(0) / total
    target = 2 * weight / total - 1
    with one_blas_thread():
        matrix = np.tensordot(scale, sums.xx, 1)
        matrix -= total * np.outer(mean, mean)
        matrix[np.diag_indices_from(matrix)] += penalty
        right = 2 * x.T - x.sum(0)[:, None] - total * np.outer(mean, target)
        factor = cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False)
        coefficients = cho_solve(factor, right, check_finite=False)
    return coefficients, target - mean @ coefficients
