"""Attention over the parts of an image: which planes or windows decide its class.

Attention-based multiple-instance learning after Ilse, Tomczak and Welling (2018,
"Attention-based Deep Multiple Instance Learning"): a softmax over the parts of a bag
weighs them, and a linear map of their mean gives the logits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_medfm.engine.probability import balanced, softmax
from napari_medfm.engine.scoring import HeadSpec
from napari_medfm.engine.tensors import classes_of, only, take
from napari_medfm.engine.threads import one_blas_thread

SPEC = HeadSpec(
    name="abmil",
    title="Attention over parts",
    linear=False,
    intended_use="image-level classes that show in a few planes or windows only",
)
Doubles = NDArray[np.float64]
Bags = NDArray[np.float32] | Sequence[NDArray[np.float32]]
_COMPONENTS = 32
_MOST_ROWS = 4096


class AttentionPooling:
    """Attention over whitened rows of a bag, trained in full batches by Adam.

    A bag is an array (parts, features); rows of a plain array are bags of one part.

    Parameters
    ----------
    hidden, steps, rate, decay
        Hidden units of the attention, full-batch steps, step size, weight decay.
    seed
        Of the first weights; the same labels give the same head.
    """

    spec = SPEC

    def __init__(
        self,
        hidden: int = 16,
        steps: int = 200,
        rate: float = 0.02,
        decay: float = 0.03,
        seed: int = 0,
    ) -> None:
        self.hidden = hidden
        self.steps = steps
        self.rate = rate
        self.decay = decay
        self.seed = seed

    def fit(
        self,
        X: Bags,
        y: NDArray[np.int64],
        sample_weight: NDArray[np.float64] | None = None,
    ) -> Self:
        """Learn from bags; classes are balanced."""
        bags = _bags(X)
        weights = balanced(np.asarray(y, np.int64), sample_weight) / len(y)
        self.classes_, index = np.unique(np.asarray(y, np.int64), return_inverse=True)
        with one_blas_thread():
            self._whiten(np.concatenate(bags).astype(np.float64))
            parts, inside = self._padded(bags)
            targets = np.eye(len(self.classes_))[index]
            learned = self._descend(parts, inside, targets, weights)
        into, attend, out, offset = (part.astype(np.float32) for part in learned)
        self.into_, self.attend_, self.out_, self.offset_ = into, attend, out, offset
        return self

    def _whiten(self, rows: Doubles) -> None:
        if len(rows) > _MOST_ROWS:
            rng = np.random.default_rng(self.seed)
            rows = rows[np.sort(rng.choice(len(rows), _MOST_ROWS, replace=False))]
        mean = rows.mean(0)
        _, spread, axes = np.linalg.svd(rows - mean, full_matrices=False)
        used = max(1, min(_COMPONENTS, int((spread > 1e-6 * spread[0]).sum())))
        scale = np.sqrt(len(rows)) / np.maximum(spread[:used], 1e-12)
        self.centre_ = mean.astype(np.float32)
        self.axes_ = np.ascontiguousarray((axes[:used] * scale[:, None]).T, np.float32)

    def _padded(
        self, bags: Sequence[NDArray[np.float32]]
    ) -> tuple[Doubles, NDArray[np.bool_]]:
        longest = max(map(len, bags))
        parts = np.zeros((len(bags), longest, self.axes_.shape[1]))
        inside = np.zeros((len(bags), longest), bool)
        for number, bag in enumerate(bags):
            parts[number, : len(bag)] = (bag - self.centre_) @ self.axes_
            inside[number, : len(bag)] = True
        return parts, inside

    def _descend(
        self,
        parts: Doubles,
        inside: NDArray[np.bool_],
        targets: Doubles,
        weights: Doubles,
    ) -> list[Doubles]:
        rng = np.random.default_rng(self.seed)
        width, count = parts.shape[2], targets.shape[1]
        learned = [
            rng.normal(0, 1 / np.sqrt(width), (width, self.hidden)),
            rng.normal(0, 1 / np.sqrt(self.hidden), self.hidden),
            np.zeros((width, count)),
            np.zeros(count),
        ]
        first = [np.zeros_like(part) for part in learned]
        second = [np.zeros_like(part) for part in learned]
        for step in range(1, self.steps + 1):
            slopes = _slopes(learned, parts, inside, targets, weights)
            for n, slope in enumerate(slopes):
                full = slope + self.decay * learned[n] * (n < 3)
                first[n] = 0.9 * first[n] + 0.1 * full
                second[n] = 0.999 * second[n] + 0.001 * full**2
                move = (first[n] / (1 - 0.9**step)) / (
                    np.sqrt(second[n] / (1 - 0.999**step)) + 1e-8
                )
                learned[n] = learned[n] - self.rate * move
        return learned

    def attention(self, bag: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return how much each part of a bag counts (parts,); they sum to 1."""
        white = (np.asarray(bag, np.float32) - self.centre_) @ self.axes_
        return softmax(np.tanh(white @ self.into_) @ self.attend_)

    def decision_function(self, X: Bags) -> NDArray[np.float32]:
        """Logits (bags, classes)."""
        rows = []
        for bag in _bags(X):
            white = (bag - self.centre_) @ self.axes_
            rows.append(self.attention(bag) @ white @ self.out_ + self.offset_)
        return np.stack(rows).astype(np.float32)

    def predict_proba(self, X: Bags) -> NDArray[np.float64]:
        """Probabilities (bags, classes)."""
        return softmax(self.decision_function(X))

    @property
    def width(self) -> int:
        """Features a part must have."""
        return len(self.centre_)

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Everything learned."""
        return {
            "classes": self.classes_,
            "centre": self.centre_,
            "axes": self.axes_,
            "into": self.into_,
            "attend": self.attend_,
            "out": self.out_,
            "offset": self.offset_,
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[Any]]) -> Self:
        """Return a fitted head; `BadFile` if the tensors are not one."""
        names = {"classes", "centre", "axes", "into", "attend", "out", "offset"}
        only(tensors, names)
        head = cls()
        head.classes_ = classes_of(tensors)
        count = len(head.classes_)
        head.centre_ = take(tensors, "centre", "float32", (None,))
        head.axes_ = take(tensors, "axes", "float32", (len(head.centre_), None))
        width = head.axes_.shape[1]
        head.into_ = take(tensors, "into", "float32", (width, None))
        head.attend_ = take(tensors, "attend", "float32", (head.into_.shape[1],))
        head.out_ = take(tensors, "out", "float32", (width, count))
        head.offset_ = take(tensors, "offset", "float32", (count,))
        return head


def _bags(X: Bags) -> list[NDArray[np.float32]]:
    if isinstance(X, np.ndarray) and X.ndim == 2:
        return [row[None] for row in np.asarray(X, np.float32)]
    return [np.asarray(bag, np.float32) for bag in X]


def _slopes(
    learned: Sequence[Doubles],
    parts: Doubles,
    inside: NDArray[np.bool_],
    targets: Doubles,
    weights: Doubles,
) -> list[Doubles]:
    """Gradients of the weighted log-loss."""
    into, attend, out, offset = learned
    hidden = np.tanh(parts @ into)
    scores = np.where(inside, hidden @ attend, -np.inf)
    share = softmax(scores)
    pooled = np.einsum("bk,bkd->bd", share, parts)
    error = (softmax(pooled @ out + offset) - targets) * weights[:, None]
    to_pooled = error @ out.T
    to_share = np.einsum("bkd,bd->bk", parts, to_pooled)
    to_score = share * (to_share - (share * to_share).sum(1, keepdims=True))
    to_hidden = to_score[..., None] * attend * (1 - hidden**2)
    return [
        np.einsum("bkd,bkh->dh", parts, to_hidden),
        np.einsum("bkh,bk->h", hidden, to_score),
        pooled.T @ error,
        error.sum(0),
    ]
