"""Ridge regression on class indicators: closed form, additive, immediate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_medfm.engine.probability import balanced, softmax
from napari_medfm.engine.scoring import HeadSpec
from napari_medfm.engine.sums import RidgeSums, fold, solve
from napari_medfm.engine.tensors import classes_of, only, take

SPEC = HeadSpec(
    name="ridge",
    title="Ridge",
    linear=True,
    intended_use="the live answer while drawing; heads that merge",
)


class Ridge:
    """Balanced ridge with the penalty ``relative_penalty * features``.

    Parameters
    ----------
    relative_penalty
        Penalty per feature; 0.3 ranked best with few labels.
    sharpness
        Logits are scores (+1 for the class, -1 for the others) times this.
    """

    spec = SPEC

    def __init__(self, relative_penalty: float = 0.3, sharpness: float = 3.0) -> None:
        self.relative_penalty = relative_penalty
        self.sharpness = sharpness

    def fit(
        self,
        X: NDArray[np.float32],
        y: NDArray[np.int64],
        sample_weight: NDArray[np.float64] | None = None,
    ) -> Self:
        """Learn from rows; classes are balanced."""
        weights = balanced(y, sample_weight)
        parts = [
            RidgeSums.of(X[y == value], int(value), weights[y == value])
            for value in np.unique(y)
        ]
        return self.fit_sums(fold(parts))

    def fit_sums(self, sums: RidgeSums) -> Self:
        """Learn from sums alone; classes are balanced."""
        coefficients, intercepts = solve(sums, self.relative_penalty * sums.dim)
        self.classes_ = sums.values
        self.coef_ = coefficients.astype(np.float32)
        self.intercept_ = intercepts.astype(np.float32)
        return self

    @property
    def linear_(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Coefficients (features, classes) and intercepts of the logits."""
        sharpness = np.float32(self.sharpness)
        return self.coef_ * sharpness, self.intercept_ * sharpness

    def decision_function(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits (n, classes)."""
        coefficients, intercepts = self.linear_
        logits: NDArray[np.float32] = X @ coefficients + intercepts
        return logits

    def predict_proba(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probabilities (n, classes)."""
        return softmax(self.decision_function(X))

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Everything learned."""
        return {
            "classes": self.classes_,
            "coef": self.coef_,
            "intercept": self.intercept_,
            "sharpness": np.array([self.sharpness], np.float64),
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[Any]]) -> Self:
        """Return a fitted head; `BadFile` if the tensors are not one."""
        only(tensors, {"classes", "coef", "intercept", "sharpness"})
        head = cls(sharpness=float(take(tensors, "sharpness", "float64", (1,))[0]))
        head.classes_ = classes_of(tensors)
        count = len(head.classes_)
        head.coef_ = take(tensors, "coef", "float32", (None, count))
        head.intercept_ = take(tensors, "intercept", "float32", (count,))
        return head

    @property
    def width(self) -> int:
        """Features a row must have."""
        return len(self.coef_)
