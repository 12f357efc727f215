"""Report how good a recipe is on labels it did not see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadInput
from napari_medfm.core.jobs import Progress, Steps
from napari_medfm.core.labels import LabelClass
from napari_medfm.engine.pool import log_loss
from napari_medfm.engine.probability import softmax
from napari_medfm.engine.validate import (
    LEAVE_OUT,
    Report,
    alike_warnings,
    balanced_accuracy,
    calibration_curve,
    confusion,
    dice,
    same_group_neighbours,
)
from napari_medfm.verbs.examples import Example, certain
from napari_medfm.verbs.predicting import pixel_logits
from napari_medfm.verbs.recipes import (
    LEVELLED,
    NOTHING_HELD_OUT,
    PARTS,
    HeldOut,
    fit_part,
    held_out,
    honest_logits,
)
from napari_medfm.verbs.training import CANDIDATES, RECIPES, choose, labelled_classes

_FEW = 10
_SHARES = (0.25, 0.5, 1.0)
_CURVE_FOLDS = 5


def report(
    examples: Sequence[Example],
    classes: Sequence[LabelClass],
    recipe: str = "auto",
    rest: Sequence[Example] = (),
) -> Steps[Report]:
    """Test a recipe on each group in turn, trained on the others.

    Groups are patients, slides or centres (images, if none were named); with one group
    its labels are cut into blocks of neighbours. Pixels are never split at random.
    ``rest`` are unlabelled places, as `train` takes them.

    Raises
    ------
    BadInput
        If fewer than two classes have examples, there is no such recipe, or nothing can
        be held out.
    """
    if recipe not in RECIPES:
        raise BadInput(f"No head {recipe!r}: there are {', '.join(RECIPES)}")
    ordered = sorted(examples, key=lambda e: (e.annotation, e.plane))
    known = labelled_classes(ordered, classes)
    values = [c.value for c in known]
    names = CANDIDATES if recipe == "auto" else (recipe,)
    parts = list(dict.fromkeys(part for name in names for part in PARTS[name]))
    level = recipe in LEVELLED
    tested = yield from held_out(ordered, parts, values, rest if level else ())
    if tested is None:
        raise BadInput(NOTHING_HELD_OUT)
    chosen, _ = choose(names, tested)
    logits = honest_logits(PARTS[chosen], tested, level)
    curve = yield from _curve(chosen, ordered, values)
    clicks = yield from _click_curve(chosen, ordered, values, tested)
    truth, found = tested.index, logits.argmax(1)
    counts = {
        c.name: sum(len(e.pixels) for e in certain(ordered) if e.value == c.value)
        for c in known
    }
    rows = np.concatenate([example.rows("tokens")[:1] for example in ordered])
    ratio = same_group_neighbours(rows, [example.group for example in ordered])
    return Report(
        recipe=chosen,
        how=tested.folds.how,
        folds=tested.folds.count,
        dice={c.name: dice(truth, found, k) for k, c in enumerate(known)},
        balanced_accuracy=balanced_accuracy(truth, found),
        log_loss=log_loss(logits, truth, tested.weights),
        label_counts=counts,
        learning_curve=curve,
        click_curve=clicks,
        same_group_ratio=ratio,
        confusion=confusion(truth, found, len(known)),
        calibration=calibration_curve(softmax(logits), truth, tested.weights),
        warnings=_warnings(tested, counts, ratio),
    )


def _curve(
    recipe: str, examples: Sequence[Example], values: Sequence[int]
) -> Steps[tuple[tuple[int, float], ...]]:
    """Train on one group, two groups, ...; test on the groups that are left."""
    groups = sorted({example.group for example in examples})
    points = []
    for count in range(1, len(groups)):
        yield Progress(count, len(groups), "learning curve")
        train = [e for e in examples if e.group in groups[:count]]
        test = certain([e for e in examples if e.group not in groups[:count]])
        if not test or {e.value for e in train} != set(values):
            continue
        points.append((count, balanced_accuracy(*_tried(recipe, train, test, values))))
    return tuple(points)


def _click_curve(
    recipe: str,
    examples: Sequence[Example],
    values: Sequence[int],
    tested: HeldOut,
) -> Steps[tuple[tuple[int, float], ...]]:
    """Train on the first marks of each class only; test on what was held out."""
    folds = [int(fold) for fold in np.unique(tested.fold)][:_CURVE_FOLDS]
    points: dict[int, float] = {}
    for number, share in enumerate(_SHARES):
        yield Progress(number, len(_SHARES), "learning curve against marks")
        truth, found, used = [], [], []
        for fold in folds:
            train, test = tested.folds.split(fold)
            first = _first([examples[i] for i in train], share)
            own = [examples[i] for i in np.unique(tested.example) if i in test]
            one, other = _tried(recipe, first, own, values)
            truth.append(one)
            found.append(other)
            used.append(len(first))
            yield Progress(number, len(_SHARES), "learning curve against marks")
        accuracy = balanced_accuracy(np.concatenate(truth), np.concatenate(found))
        points[round(float(np.mean(used)))] = accuracy
    return tuple(sorted(points.items()))


def _first(examples: Sequence[Example], share: float) -> list[Example]:
    """Return the first marks of each class, one at least, in their order."""
    most = Counter(example.value for example in examples)
    left = {value: max(1, round(share * count)) for value, count in most.items()}
    kept = []
    for example in examples:
        if left[example.value]:
            left[example.value] -= 1
            kept.append(example)
    return kept


def _tried(
    recipe: str,
    train: Sequence[Example],
    test: Sequence[Example],
    values: Sequence[int],
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the true and the found column of each pixel of ``test``."""
    experts = [fit_part(part, train) for part in PARTS[recipe]]
    found, truth = [], []
    for example in test:
        parts = pixel_logits(experts, example.features, example.pixels)
        found.append(np.mean(parts, axis=0).argmax(1))
        truth.append(np.full(len(example.pixels), values.index(example.value)))
    return np.concatenate(truth), np.concatenate(found)


def _warnings(
    tested: HeldOut, counts: Mapping[str, int], ratio: float
) -> tuple[str, ...]:
    found = []
    if tested.folds.how != LEAVE_OUT:
        found.append(
            "labels of one image only: other images will be harder; label a second"
        )
    few = [name for name, count in counts.items() if count < _FEW]
    if few:
        found.append(f"fewer than {_FEW} labelled pixels of {', '.join(few)}")
    return (*found, *alike_warnings(ratio))
