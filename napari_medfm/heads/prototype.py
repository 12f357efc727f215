"""Nearest class mean on centred unit vectors (SimpleShot, Wang et al. 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_medfm.engine.probability import balanced, softmax
from napari_medfm.engine.scoring import HeadSpec
from napari_medfm.engine.tensors import classes_of, only, take

SPEC = HeadSpec(
    name="prototype",
    title="Prototype",
    linear=False,
    intended_use="one or two examples a class",
)
_SHARPNESS = np.float32(5)


class Prototype:
    """The class whose mean is nearest, once rows are centred and of length one."""

    spec = SPEC

    def fit(
        self,
        X: NDArray[np.float32],
        y: NDArray[np.int64],
        sample_weight: NDArray[np.float64] | None = None,
    ) -> Self:
        """Learn from rows; the centre is that of balanced classes."""
        weights = balanced(y, sample_weight)
        exact = np.asarray(X, np.float64)
        self.centre_ = np.average(exact, axis=0, weights=weights).astype(np.float32)
        self.classes_ = np.unique(y).astype(np.int64)
        unit = self._unit(X)
        means = [
            np.average(unit[y == value], axis=0, weights=weights[y == value])
            for value in self.classes_
        ]
        self.means_ = np.stack(means).astype(np.float32)
        return self

    def decision_function(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits (n, classes): minus the squared distance, times five."""
        distance = np.square(self.means_).sum(1) - 2 * (self._unit(X) @ self.means_.T)
        logits: NDArray[np.float32] = -_SHARPNESS * distance
        return logits

    def predict_proba(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probabilities (n, classes)."""
        return softmax(self.decision_function(X))

    def _unit(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        centred = X - self.centre_
        length = np.linalg.norm(centred, axis=1, keepdims=True)
        unit: NDArray[np.float32] = centred / np.maximum(length, np.float32(1e-6))
        return unit

    @property
    def width(self) -> int:
        """Features a row must have."""
        return len(self.centre_)

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Everything learned."""
        return {"classes": self.classes_, "centre": self.centre_, "means": self.means_}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[Any]]) -> Self:
        """Return a fitted head; `BadFile` if the tensors are not one."""
        only(tensors, {"classes", "centre", "means"})
        head = cls()
        head.classes_ = classes_of(tensors)
        head.centre_ = take(tensors, "centre", "float32", (None,))
        shape = (len(head.classes_), len(head.centre_))
        head.means_ = take(tensors, "means", "float32", shape)
        return head
