"""A small neural network: one hidden layer, trained in full batches."""

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
    name="mlp",
    title="Small neural network",
    linear=False,
    intended_use="five labelled images and more",
)
Doubles = NDArray[np.float64]


class SmallNetwork:
    """Rectified hidden units between two linear maps, by Adam (Kingma & Ba 2015).

    Parameters
    ----------
    hidden, steps, rate, decay
        Hidden units, full-batch steps, step size, and weight decay per step.
    seed
        Of the first weights; the same labels give the same network.
    """

    spec = SPEC

    def __init__(
        self,
        hidden: int = 64,
        steps: int = 120,
        rate: float = 3e-3,
        decay: float = 0.1,
        seed: int = 0,
    ) -> None:
        self.hidden = hidden
        self.steps = steps
        self.rate = rate
        self.decay = decay
        self.seed = seed

    def fit(
        self,
        X: NDArray[np.float32],
        y: NDArray[np.int64],
        sample_weight: NDArray[np.float64] | None = None,
    ) -> Self:
        """Learn from rows; classes are balanced."""
        weights = balanced(y, sample_weight) / len(y)
        exact = np.asarray(X, np.float64)
        self.classes_, index = np.unique(np.asarray(y, np.int64), return_inverse=True)
        mean, spread = exact.mean(0), exact.std(0)
        spread = np.where(spread > 1e-6, spread, 1.0)
        targets = np.eye(len(self.classes_))[index]
        with one_blas_thread():
            learned = self._descend((exact - mean) / spread, targets, weights)
        into, shift, out, offset = learned
        self.into_ = (into / spread[:, None]).astype(np.float32)
        self.shift_ = (shift - (mean / spread) @ into).astype(np.float32)
        self.out_, self.offset_ = out.astype(np.float32), offset.astype(np.float32)
        return self

    def _descend(
        self, rows: Doubles, targets: Doubles, weights: Doubles
    ) -> list[Doubles]:
        rng = np.random.default_rng(self.seed)
        width, count = rows.shape[1], targets.shape[1]
        parts = [
            rng.normal(0, np.sqrt(2 / width), (width, self.hidden)),
            np.zeros(self.hidden),
            rng.normal(0, np.sqrt(1 / self.hidden), (self.hidden, count)),
            np.zeros(count),
        ]
        slow = [np.zeros_like(part) for part in parts]
        power = [np.zeros_like(part) for part in parts]
        for step in range(1, self.steps + 1):
            gradients = _gradients(parts, rows, targets, weights)
            for part, first, second, slope in zip(
                parts, slow, power, gradients, strict=True
            ):
                first += 0.1 * (slope - first)
                second += 0.001 * (slope**2 - second)
                size = np.sqrt(second / (1 - 0.999**step)) + 1e-8
                if part.ndim == 2:
                    part *= 1 - self.rate * self.decay
                part -= self.rate * first / (1 - 0.9**step) / size
        return parts

    def decision_function(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits (n, classes)."""
        inside = np.maximum(X @ self.into_ + self.shift_, 0)
        logits: NDArray[np.float32] = inside @ self.out_ + self.offset_
        return logits

    def predict_proba(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probabilities (n, classes)."""
        return softmax(self.decision_function(X))

    @property
    def width(self) -> int:
        """Features a row must have."""
        return len(self.into_)

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Everything learned."""
        return {
            "classes": self.classes_,
            "into": self.into_,
            "shift": self.shift_,
            "out": self.out_,
            "offset": self.offset_,
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[Any]]) -> Self:
        """Return a fitted head; `BadFile` if the tensors are not one."""
        only(tensors, {"classes", "into", "shift", "out", "offset"})
        head = cls()
        head.classes_ = classes_of(tensors)
        head.into_ = take(tensors, "into", "float32", (None, None))
        hidden, count = head.into_.shape[1], len(head.classes_)
        head.shift_ = take(tensors, "shift", "float32", (hidden,))
        head.out_ = take(tensors, "out", "float32", (hidden, count))
        head.offset_ = take(tensors, "offset", "float32", (count,))
        return head


def _gradients(
    parts: list[Doubles], rows: Doubles, targets: Doubles, weights: Doubles
) -> list[Doubles]:
    """Slopes of the weighted log-loss."""
    into, shift, out, offset = parts
    inside = np.maximum(rows @ into + shift, 0)
    error = (softmax(inside @ out + offset) - targets) * weights[:, None]
    back = (error @ out.T) * (inside > 0)
    return [rows.T @ back, back.sum(0), inside.T @ error, error.sum(0)]
