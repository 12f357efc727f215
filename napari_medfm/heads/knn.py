"""Nearest neighbours among whitened labelled rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadFile
from napari_medfm.engine.probability import balanced, log_of
from napari_medfm.engine.scoring import HeadSpec
from napari_medfm.engine.tensors import classes_of, only, take
from napari_medfm.engine.threads import one_blas_thread

SPEC = HeadSpec(
    name="knn",
    title="Nearest neighbours",
    linear=False,
    intended_use="classes of several looks; finding labels that disagree",
)
_COMPONENTS = 64
_MOST_ROWS = 4096
_SEED = 0


class NearestNeighbours:
    """Vote of the labelled rows of highest cosine in at most 64 whitened components.

    Parameters
    ----------
    neighbours
        How many vote; each by its share in its class, so that classes are balanced.
    components
        At most so many; with as many as rows, all rows would be equally far apart.
    """

    spec = SPEC

    def __init__(self, neighbours: int = 5, components: int = _COMPONENTS) -> None:
        self.neighbours = neighbours
        self.components = components

    def fit(
        self,
        X: NDArray[np.float32],
        y: NDArray[np.int64],
        sample_weight: NDArray[np.float64] | None = None,
    ) -> Self:
        """Remember rows, at most 4096 of them, chosen by a fixed seed."""
        weights = balanced(y, sample_weight)
        if len(X) > _MOST_ROWS:
            rng = np.random.default_rng(_SEED)
            kept = np.sort(rng.choice(len(X), _MOST_ROWS, replace=False))
            X, y, weights = X[kept], y[kept], weights[kept]
        exact = np.asarray(X, np.float64)
        self.classes_ = np.unique(y).astype(np.int64)
        mean = exact.mean(0)
        with one_blas_thread():
            _, spread, axes = np.linalg.svd(exact - mean, full_matrices=False)
        used = max(1, min(self.components, int((spread > 1e-6 * spread[0]).sum())))
        scale = np.sqrt(len(X)) / np.maximum(spread[:used], 1e-12)
        self.centre_ = mean.astype(np.float32)
        self.axes_ = np.ascontiguousarray((axes[:used] * scale[:, None]).T, np.float32)
        self.rows_ = self._unit(X)
        self.index_ = np.searchsorted(self.classes_, y).astype(np.int64)
        self.weight_ = weights.astype(np.float32)
        return self

    def predict_proba(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probabilities (n, classes): the classes' shares in the vote."""
        cosine = self._unit(X) @ self.rows_.T
        count = min(self.neighbours, len(self.rows_))
        near = np.argpartition(-cosine, count - 1, axis=1)[:, :count]
        votes = np.zeros((len(X), len(self.classes_)))
        for column in near.T:
            np.add.at(
                votes, (np.arange(len(X)), self.index_[column]), self.weight_[column]
            )
        shares: NDArray[np.float64] = votes / votes.sum(1, keepdims=True)
        return shares

    def decision_function(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits (n, classes) of the shares, lifted from 0."""
        return log_of(self.predict_proba(X), 0.1)

    def _unit(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        white = (X - self.centre_) @ self.axes_
        length = np.linalg.norm(white, axis=1, keepdims=True)
        unit: NDArray[np.float32] = white / np.maximum(length, np.float32(1e-6))
        return unit

    @property
    def width(self) -> int:
        """Features a row must have."""
        return len(self.centre_)

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Everything learned."""
        return {
            "classes": self.classes_,
            "centre": self.centre_,
            "axes": self.axes_,
            "rows": self.rows_,
            "index": self.index_,
            "weight": self.weight_,
            "neighbours": np.array([self.neighbours], np.int64),
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[Any]]) -> Self:
        """Return a fitted head; `BadFile` if the tensors are not one."""
        names = {"classes", "centre", "axes", "rows", "index", "weight", "neighbours"}
        only(tensors, names)
        head = cls(int(take(tensors, "neighbours", "int64", (1,))[0]))
        head.classes_ = classes_of(tensors)
        head.centre_ = take(tensors, "centre", "float32", (None,))
        head.axes_ = take(tensors, "axes", "float32", (len(head.centre_), None))
        head.rows_ = take(tensors, "rows", "float32", (None, head.axes_.shape[1]))
        count = len(head.rows_)
        head.index_ = take(tensors, "index", "int64", (count,))
        head.weight_ = take(tensors, "weight", "float32", (count,))
        inside = (head.index_ >= 0) & (head.index_ < len(head.classes_))
        if not count or not inside.all() or not (head.weight_ > 0).all():
            raise BadFile("The head's neighbours do not fit its classes")
        if head.neighbours < 1:
            raise BadFile("The head asks for no neighbours")
        return head
