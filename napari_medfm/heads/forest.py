"""Extremely random trees: fitted by scikit-learn, kept and used as plain arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadFile
from napari_medfm.engine.probability import balanced, log_of
from napari_medfm.engine.scoring import HeadSpec
from napari_medfm.engine.tensors import classes_of, only, take

SPEC = HeadSpec(
    name="forest",
    title="Random trees",
    linear=False,
    intended_use="detail by intensity, colour, edges and lines; with tokens in a blend",
)
_CHUNK = 1024
_FLOOR = 0.05
_LEAST_ROWS = 0.4


class Forest:
    """Trees as one table of nodes.

    Node ``i`` sends a row to ``left_[i]`` if ``row[feature_[i]] <= threshold_[i]``,
    else to ``right_[i]``; a leaf leads to itself. ``roots_`` are the trees' first nodes
    and ``value_`` the class shares at each node.

    Parameters
    ----------
    trees, seed
        How many, and the seed that makes them the same each time.
    """

    spec = SPEC

    def __init__(self, trees: int = 100, seed: int = 0) -> None:
        self.trees = trees
        self.seed = seed

    def fit(
        self,
        X: NDArray[np.float32],
        y: NDArray[np.int64],
        sample_weight: NDArray[np.float64] | None = None,
    ) -> Self:
        """Learn from rows; classes are balanced.

        A leaf holds 0.4 rows at least, counted as if all had the same weight: a few of
        little weight, such as unlabelled places, cannot carve one out of a class.
        """
        from sklearn.ensemble import ExtraTreesClassifier

        weights = balanced(y, sample_weight)
        rows = weights.sum() ** 2 / (weights**2).sum()
        model = ExtraTreesClassifier(
            self.trees,
            min_samples_leaf=2,
            min_weight_fraction_leaf=min(_LEAST_ROWS / rows, 0.5),
            max_depth=16,
            random_state=self.seed,
            n_jobs=1,
        )
        model.fit(np.asarray(X, np.float32), y, weights)
        return self.take_trees(model)

    def take_trees(self, model: Any) -> Self:
        """Take the trees of a fitted scikit-learn forest of trees."""
        parts: list[tuple[NDArray[Any], ...]] = []
        roots, start, depth = [], 0, 1
        for estimator in model.estimators_:
            tree = estimator.tree_
            number = np.arange(tree.node_count)
            leaf = tree.children_left < 0
            parts.append(
                (
                    np.where(leaf, 0, tree.feature),
                    np.where(leaf, 0.0, tree.threshold),
                    np.where(leaf, number, tree.children_left) + start,
                    np.where(leaf, number, tree.children_right) + start,
                    tree.value[:, 0] / tree.value[:, 0].sum(1, keepdims=True),
                )
            )
            roots.append(start)
            start += tree.node_count
            depth = max(depth, int(tree.max_depth))
        feature, threshold, left, right, value = map(
            np.concatenate, zip(*parts, strict=True)
        )
        self.classes_ = model.classes_.astype(np.int64)
        self.feature_ = feature.astype(np.int32)
        self.threshold_ = threshold.astype(np.float64)
        self.left_, self.right_ = left.astype(np.int32), right.astype(np.int32)
        self.value_ = value.astype(np.float64)
        self.roots_ = np.array(roots, np.int32)
        self.shape_ = np.array([model.n_features_in_, depth], np.int64)
        return self

    def predict_proba(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probabilities (n, classes): the mean over trees of their leaves' shares."""
        found = np.empty((len(X), len(self.classes_)))
        rows = np.ascontiguousarray(X, np.float32)
        for first in range(0, len(rows), _CHUNK):
            part = rows[first : first + _CHUNK]
            leaves = self._leaves(part)
            found[first : first + len(part)] = self.value_[leaves].mean(0)
        return found

    def _leaves(self, rows: NDArray[np.float32]) -> NDArray[np.int32]:
        """Node (trees, n) where each row ends in each tree."""
        count, width = rows.shape
        flat = rows.ravel()
        base = np.arange(count, dtype=np.int32) * np.int32(width)
        nodes = np.repeat(self.roots_[:, None], count, 1)
        for _ in range(int(self.shape_[1])):
            cell = self.feature_.take(nodes)
            cell += base
            goes_left = flat.take(cell) <= self.threshold_.take(nodes)
            after = np.where(goes_left, self.left_.take(nodes), self.right_.take(nodes))
            if np.array_equal(after, nodes):
                break
            nodes = after
        return nodes

    def decision_function(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits (n, classes) of the probabilities, lifted from 0."""
        return log_of(self.predict_proba(X), _FLOOR)

    @property
    def width(self) -> int:
        """Features a row must have."""
        return int(self.shape_[0])

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Everything learned."""
        return {
            "classes": self.classes_,
            "feature": self.feature_,
            "threshold": self.threshold_,
            "left": self.left_,
            "right": self.right_,
            "value": self.value_,
            "roots": self.roots_,
            "shape": self.shape_,
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[Any]]) -> Self:
        """Return a fitted head; `BadFile` if the tensors are not one."""
        names = {"feature", "threshold", "left", "right", "value", "roots", "shape"}
        only(tensors, names | {"classes"})
        head = cls()
        head.classes_ = classes_of(tensors)
        head.feature_ = take(tensors, "feature", "int32", (None,))
        count = len(head.feature_)
        head.threshold_ = take(tensors, "threshold", "float64", (count,))
        head.left_ = take(tensors, "left", "int32", (count,))
        head.right_ = take(tensors, "right", "int32", (count,))
        head.value_ = take(tensors, "value", "float64", (count, len(head.classes_)))
        head.roots_ = take(tensors, "roots", "int32", (None,))
        head.shape_ = take(tensors, "shape", "int64", (2,))
        head.trees = len(head.roots_)
        head._check()
        return head

    def _check(self) -> None:
        """Refuse a table that leads out of itself or in circles."""
        count, (width, depth) = len(self.feature_), self.shape_
        number = np.arange(count)
        leaf = (self.left_ == number) & (self.right_ == number)
        onward = (self.left_ > number) & (self.right_ > number)
        sound = (
            count > 0
            and len(self.roots_) > 0
            and 0 < width < 2**20
            and 0 < depth <= 64
            and bool((leaf | onward).all())
            and bool((np.maximum(self.left_, self.right_) < count).all())
            and bool(((self.feature_ >= 0) & (self.feature_ < width)).all())
            and bool(((self.roots_ >= 0) & (self.roots_ < count)).all())
            and bool((self.value_ >= 0).all() and (self.value_ <= 1).all())
        )
        if not sound:
            raise BadFile("The head's trees are damaged")
