"""Logistic regression, strongly regularised and balanced: the best single ranking."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_medfm.engine.probability import balanced, softmax
from napari_medfm.engine.scoring import HeadSpec
from napari_medfm.engine.tensors import classes_of, only, take
from napari_medfm.engine.threads import one_blas_thread

SPEC = HeadSpec(
    name="logistic",
    title="Logistic regression",
    linear=True,
    intended_use="the token expert of a pool; multi-class by softmax",
)


class Logistic:
    """Softmax regression by scikit-learn, kept as its coefficients.

    Parameters
    ----------
    C
        Inverse penalty; small, because there are few labels and many features.
    """

    spec = SPEC

    def __init__(self, C: float = 0.01) -> None:
        self.C = C

    def fit(
        self,
        X: NDArray[np.float32],
        y: NDArray[np.int64],
        sample_weight: NDArray[np.float64] | None = None,
    ) -> Self:
        """Learn from rows; classes are balanced."""
        from sklearn.linear_model import LogisticRegression

        weights = balanced(y, sample_weight)
        model = LogisticRegression(C=self.C, max_iter=2000, tol=1e-5)
        with one_blas_thread():
            model.fit(np.asarray(X, np.float64), y, weights)
        coefficients, intercepts = model.coef_.T, model.intercept_
        if len(model.classes_) == 2:
            coefficients = np.hstack([-coefficients, coefficients]) / 2
            intercepts = np.concatenate([-intercepts, intercepts]) / 2
        self.classes_ = model.classes_.astype(np.int64)
        self.coef_ = np.ascontiguousarray(coefficients, np.float32)
        self.intercept_ = intercepts.astype(np.float32)
        return self

    def decision_function(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits (n, classes)."""
        logits: NDArray[np.float32] = X @ self.coef_ + self.intercept_
        return logits

    def predict_proba(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probabilities (n, classes)."""
        return softmax(self.decision_function(X))

    @property
    def width(self) -> int:
        """Features a row must have."""
        return len(self.coef_)

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Everything learned."""
        return {
            "classes": self.classes_,
            "coef": self.coef_,
            "intercept": self.intercept_,
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[Any]]) -> Self:
        """Return a fitted head; `BadFile` if the tensors are not one."""
        only(tensors, {"classes", "coef", "intercept"})
        head = cls()
        head.classes_ = classes_of(tensors)
        count = len(head.classes_)
        head.coef_ = take(tensors, "coef", "float32", (None, count))
        head.intercept_ = take(tensors, "intercept", "float32", (count,))
        return head
