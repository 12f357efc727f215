"""Training on whole objects and images: one sample a label, not one a pixel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from napari_medfm import heads
from napari_medfm.core.errors import BadInput
from napari_medfm.core.jobs import Progress, Steps
from napari_medfm.core.labels import Annotation, LabelClass, Level
from napari_medfm.engine.judging import Verdict, judged
from napari_medfm.engine.pool import row_losses
from napari_medfm.engine.probability import balanced, softmax
from napari_medfm.engine.provenance import version
from napari_medfm.engine.scoring import Scorer
from napari_medfm.engine.validate import (
    LEAVE_OUT,
    Folds,
    Report,
    alike_warnings,
    balanced_accuracy,
    calibration_curve,
    confusion,
    dice,
    folds_of,
    same_group_neighbours,
)
from napari_medfm.heads.abmil import AttentionPooling
from napari_medfm.heads.knn import NearestNeighbours
from napari_medfm.heads.logistic import Logistic
from napari_medfm.verbs.trained import Expert, TrainedModel

Rows = NDArray[np.float32]
RECIPES: Mapping[Level, tuple[str, ...]] = {
    "object": ("logistic", "knn", "forest"),
    "image": ("logistic", "knn", "abmil"),
}
_KINDS: Mapping[Level, Any] = {"object": "object", "image": "bag"}
_SCHEMA = 1
_FOLDS = 10
_C = 0.1
_SURE = np.geomspace(0.05, 4, 24)


@dataclass(frozen=True, eq=False)
class Sample:
    """One labelled object or image.

    Parameters
    ----------
    place
        (plane, row, col), by which samples of one image are cut into blocks.
    rows
        float32 (parts, width): one row for an object, one a window or plane for an
        image.
    """

    annotation: int
    image: str
    group: str
    value: int
    place: tuple[float, float, float]
    rows: Rows


def train_samples(
    samples: Sequence[Sample],
    classes: Sequence[LabelClass],
    level: Level,
    recipe: str,
    card: Mapping[str, Any],
) -> Steps[TrainedModel]:
    """Train a head on samples; "auto" keeps one by held-out log-loss (`judged`).

    Raises
    ------
    BadInput
        If fewer than two classes have samples.
    """
    known = known_classes(samples, classes, level)
    names = RECIPES[level] if recipe == "auto" else (recipe,)
    tested = yield from held_out(samples, names)
    chosen, table = names[0], _none_held_out()
    if tested is not None:
        verdict = tested.verdict()
        chosen = verdict.chosen
        table = {
            "how": tested.how,
            "folds": tested.folds,
            "losses": verdict.losses,
            "reason": verdict.reason,
        }
    yield Progress(0, 1, f"training {chosen}")
    head = fit_head(chosen, [s.rows for s in samples], _values(samples))
    names_of = {c.value: c.name for c in known}
    about = {
        "schema": _SCHEMA,
        "program": version(),
        "level": level,
        "label_counts": {
            c.name: sum(s.value == c.value for s in samples) for c in known
        },
        "annotations": [
            {
                "id": s.annotation,
                "image": s.image,
                "group": s.group,
                "class": names_of[s.value],
            }
            for s in samples
        ],
        "validation": table,
        **card,
    }
    expert = Expert(_KINDS[level], head)
    zeros = (0.0,) * len(known)
    return TrainedModel(chosen, known, (expert,), zeros, 0.0, about, level)


def report_samples(
    samples: Sequence[Sample],
    classes: Sequence[LabelClass],
    level: Level,
    recipe: str,
) -> Steps[Report]:
    """Test a recipe on each group in turn, trained on the others.

    Raises
    ------
    BadInput
        If fewer than two classes have samples, or nothing can be held out.
    """
    known = known_classes(samples, classes, level)
    names = RECIPES[level] if recipe == "auto" else (recipe,)
    tested = yield from held_out(samples, names)
    if tested is None:
        raise BadInput("Nothing can be held out: label two of each class at least")
    verdict = tested.verdict()
    chosen = verdict.chosen
    found = tested.logits[chosen].argmax(1)
    pooled = np.stack([s.rows.mean(0) for s in samples])
    ratio = same_group_neighbours(pooled, [s.group for s in samples])
    warned = (
        alike_warnings(ratio)
        if tested.how == LEAVE_OUT
        else ["labels of one image only: other images will be harder; label a second"]
    )
    return Report(
        recipe=chosen,
        how=tested.how,
        folds=tested.folds,
        dice={c.name: dice(tested.index, found, k) for k, c in enumerate(known)},
        balanced_accuracy=balanced_accuracy(tested.index, found),
        log_loss=tested.loss(chosen),
        label_counts={c.name: sum(s.value == c.value for s in samples) for c in known},
        same_group_ratio=ratio,
        confusion=confusion(tested.index, found, len(known)),
        calibration=calibration_curve(
            softmax(tested.logits[chosen]), tested.index, tested.weights
        ),
        warnings=tuple(warned),
    )


def known_classes(
    samples: Sequence[Sample | Annotation], classes: Sequence[LabelClass], level: Level
) -> tuple[LabelClass, ...]:
    """Return the classes that have samples, by value.

    Raises
    ------
    BadInput
        If there are fewer than two.
    """
    values = {s.value for s in samples}
    known = sorted((c for c in classes if c.value in values), key=lambda c: c.value)
    if len(known) < 2:
        have = ", ".join(c.name for c in known) or "none"
        raise BadInput(
            f"A head of level {level!r} needs {level}s of two classes at least; so "
            f"far: {have}. Use annotate_{level}"
        )
    return tuple(known)


def fit_head(recipe: str, bags: Sequence[Rows], values: NDArray[np.int64]) -> Scorer:
    """Fit one head; all but "abmil" see the mean of each bag's rows."""
    if recipe == "abmil":
        return cast("Scorer", AttentionPooling().fit(bags, values))
    rows = _means(bags)
    if recipe == "knn":
        few = {"neighbours": 3, "components": max(2, min(64, len(rows) // 4))}
        return cast("Scorer", NearestNeighbours(**few).fit(rows, values))
    if recipe != "logistic":
        head = heads.make(recipe)
        head.fit(rows, values)
        return head
    mean, spread = rows.mean(0), rows.std(0)
    spread = np.where(spread > 1e-6, spread, 1).astype(np.float32)
    linear = Logistic(C=_C).fit((rows - mean) / spread, values)
    linear.coef_ = np.ascontiguousarray(linear.coef_ / spread[:, None])
    linear.intercept_ = linear.intercept_ - mean @ linear.coef_
    return linear


def logits_of(head: Scorer, bags: Sequence[Rows]) -> NDArray[np.float32]:
    """Return the logits (samples, classes) of bags.

    Raises
    ------
    BadInput
        If the head was made for other features.
    """
    if bags[0].shape[1] != head.width:
        raise BadInput(
            f"This head wants {head.width} features, here are {bags[0].shape[1]}: it "
            "was made with another encoder, number of channels, or number of axes"
        )
    if isinstance(head, AttentionPooling):
        return head.decision_function(bags)
    return head.decision_function(_means(bags))


@dataclass(frozen=True, eq=False)
class HeldOutSamples:
    """Logits of each recipe for samples of groups that it was not trained on.

    ``tested`` are the numbers of the samples, in the order of the rows.
    """

    tested: tuple[int, ...]
    logits: Mapping[str, NDArray[np.float32]]
    index: NDArray[np.intp]
    weights: NDArray[np.float64]
    how: str
    folds: int

    def verdict(self) -> Verdict:
        """Judge the recipes; the first is the one to beat.

        Each as sure of itself as suits it best: what a head knows counts, not how loud
        it says so.
        """
        return judged(
            {
                name: min(
                    (self._losses(scale * logits) for scale in _SURE),
                    key=lambda losses: float(losses.sum()),
                )
                for name, logits in self.logits.items()
            }
        )

    def loss(self, recipe: str) -> float:
        """Return the log-loss of a recipe as it is."""
        return float(self._losses(self.logits[recipe]).sum())

    def _losses(self, logits: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return each sample's share of the mean log-loss."""
        losses = row_losses(logits, self.index)
        losses *= self.weights / self.weights.sum()
        return losses


def held_out(
    samples: Sequence[Sample], recipes: Sequence[str]
) -> Steps[HeldOutSamples | None]:
    """Predict every sample by heads trained without its group; None if none can be."""
    folds = _folds(samples)
    values = _values(samples)
    columns = np.unique(values)
    found: dict[str, list[NDArray[np.float32]]] = {name: [] for name in recipes}
    tested: list[int] = []
    for fold in range(folds.count):
        train, test = folds.split(fold)
        if set(values[train].tolist()) != set(columns.tolist()):
            continue
        for name in recipes:
            yield Progress(fold, folds.count, f"validating {name}")
            head = fit_head(name, [samples[i].rows for i in train], values[train])
            found[name].append(logits_of(head, [samples[i].rows for i in test]))
        tested += test
    if not tested:
        return None
    index = np.searchsorted(columns, values[tested])
    return HeldOutSamples(
        tuple(tested),
        {name: np.concatenate(parts) for name, parts in found.items()},
        index,
        balanced(index.astype(np.int64), None),
        folds.how,
        folds.count,
    )


def _folds(samples: Sequence[Sample]) -> Folds:
    """Cut by group; many groups are tested ten at a time."""
    folds = folds_of([s.group for s in samples], np.array([s.place for s in samples]))
    if folds.count <= _FOLDS:
        return folds
    return Folds(tuple(number % _FOLDS for number in folds.number), folds.how)


def _none_held_out() -> dict[str, Any]:
    why = "each class was labelled once, or in one group only: nothing was held out"
    return {"how": "none", "losses": {}, "reason": why}


def _means(bags: Sequence[Rows]) -> Rows:
    return np.stack([bag.mean(0) for bag in bags])


def _values(samples: Sequence[Sample]) -> NDArray[np.int64]:
    return np.array([s.value for s in samples], np.int64)
