"""Recipes: which experts, and how their held-out predictions are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from napari_medfm import heads
from napari_medfm.core.errors import BadInput
from napari_medfm.core.jobs import Progress, Steps
from napari_medfm.engine.features import Kind
from napari_medfm.engine.pool import levelled
from napari_medfm.engine.probability import balanced
from napari_medfm.engine.projection import Projection
from napari_medfm.engine.validate import LEAVE_OUT, Folds, folds_of
from napari_medfm.heads.ridge import Ridge
from napari_medfm.verbs.examples import Example, certain, stacked, token_sums
from napari_medfm.verbs.predicting import pixel_logits
from napari_medfm.verbs.trained import Expert
from napari_medfm.verbs.unlabelled import faint

_MOST_TESTED = 64
_ALL = slice(None)


@dataclass(frozen=True)
class Part:
    """One expert of a recipe: features, head, and the head's settings."""

    kind: Kind
    head: str
    settings: tuple[tuple[str, float], ...] = ()


_DEEP = Part("deep", "logistic", (("C", 0.003),))
_DETAIL = Part("filters", "forest")
_BLEND = Part("blend", "forest")
PARTS: MappingProxyType[str, tuple[Part, ...]] = MappingProxyType(
    {
        "ridge": (Part("tokens", "ridge"),),
        "logistic": (_DEEP,),
        "prototype": (Part("tokens", "prototype"),),
        "knn": (Part("tokens", "knn"),),
        "mlp": (Part("deep", "mlp"),),
        "forest": (_DETAIL,),
        "blend": (_BLEND,),
        "pool": (_DEEP, _BLEND),
    }
)

NOTHING_HELD_OUT = (
    "Nothing can be held out: label each class in two places or images at least"
)
LEVELLED = ("pool", "blend", "auto")
"""Recipes that look at unlabelled places, and set thresholds by held-out labels."""


class Projections:
    """The principal axes of sets of planes, each computed once.

    They need no labels, so experts of all folds over the same planes share them.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, ...], Projection] = {}

    def of(self, examples: Sequence[Example]) -> Projection:
        """Return the axes of the planes that examples lie on."""
        planes = list({e.features.key: e.features for e in examples}.values())
        key = tuple(sorted(id(plane) for plane in planes))
        if key not in self._known:
            self._known[key] = Projection.of(planes)
        return self._known[key]


def _check_channels(parts: Sequence[Part], examples: Sequence[Example]) -> None:
    """Refuse images of different channels where colours are looked at."""
    if not any(part.kind in ("filters", "blend") for part in parts):
        return
    widths = {e.features.width("filters"): e.image for e in examples}
    if len(widths) > 1:
        one, other, *_ = widths.values()
        raise BadInput(
            f"{one!r} and {other!r} have another number of channels, and this head "
            "sees colours: label one kind of image only, or train 'ridge' or 'logistic'"
        )


def fit_part(
    part: Part, examples: Sequence[Example], projections: Projections | None = None
) -> Expert:
    """Fit one expert to examples in their order."""
    _check_channels([part], examples)
    if part.head == "ridge":
        return Expert(
            part.kind, Ridge(**dict(part.settings)).fit_sums(token_sums(examples))
        )
    projection = None
    if part.kind == "blend":
        projection = (projections or Projections()).of(examples)
    rows, values, weights = stacked(examples, part.kind, projection)
    head = heads.make(part.head, **dict(part.settings))
    head.fit(rows, values, weights)
    return Expert(part.kind, head, projection=projection)


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Logits at labelled pixels by experts that were not trained on their group.

    Parameters
    ----------
    logits
        Part -> float32 (n, classes).
    index, weights, fold, example
        Per pixel: the column of the true class, a weight that balances classes, the
        fold that tested it, and the number of its example.
    folds
        How the examples were cut.
    """

    logits: MappingProxyType[Part, NDArray[np.float32]]
    index: NDArray[np.intp]
    weights: NDArray[np.float64]
    fold: NDArray[np.intp]
    example: NDArray[np.intp]
    folds: Folds


def held_out(
    examples: Sequence[Example],
    parts: Sequence[Part],
    values: Sequence[int],
    rest: Sequence[Example] = (),
    projections: Projections | None = None,
) -> Steps[HeldOut | None]:
    """Predict every example that is certain by experts trained without its group.

    Folds that leave fewer classes to train on are passed over. None if all do: then
    nothing honest can be said. ``rest`` are unlabelled places; of whole groups that are
    held out, they are too.
    """
    _check_channels(parts, examples)
    projections = projections or Projections()
    folds = folds_of(
        [e.group for e in examples], np.array([_place(e) for e in examples])
    )
    found: dict[Part, list[NDArray[np.float32]]] = {part: [] for part in parts}
    truth: list[NDArray[np.intp]] = []
    number: list[NDArray[np.intp]] = []
    origin: list[NDArray[np.intp]] = []
    sure = {id(example) for example in certain(examples)}
    for fold in range(folds.count):
        train, test = folds.split(fold)
        if {examples[i].value for i in train} != set(values):
            continue
        known = [examples[i] for i in train]
        tested = {examples[i].group for i in test if folds.how == LEAVE_OUT}
        known += faint([e for e in rest if e.group not in tested], known)
        fitted = []
        for part in parts:
            yield Progress(fold, folds.count, f"validating {part.head}")
            fitted.append(fit_part(part, known, projections))
        for i in test:
            example = examples[i]
            if id(example) not in sure:
                continue
            pixels = _tested(example)
            scores = pixel_logits(fitted, example.features, pixels)
            for part, score in zip(parts, scores, strict=True):
                found[part].append(score)
            truth.append(np.full(len(pixels), values.index(example.value)))
            number.append(np.full(len(pixels), fold))
            origin.append(np.full(len(pixels), i))
    if not truth:
        return None
    index = np.concatenate(truth)
    return HeldOut(
        MappingProxyType({part: np.concatenate(found[part]) for part in parts}),
        index,
        balanced(index.astype(np.int64), None),
        np.concatenate(number),
        np.concatenate(origin),
        folds,
    )


def level_of(
    parts: Sequence[Part], tested: HeldOut, rows: NDArray[np.bool_] | slice = _ALL
) -> tuple[float, NDArray[np.float64]]:
    """Level the sum of some experts by some of the held-out rows; see `levelled`."""
    total = np.sum([tested.logits[part][rows] for part in parts], axis=0)
    _, first, voice = np.unique(
        tested.example[rows], return_index=True, return_inverse=True
    )
    sums = np.zeros((len(first), total.shape[1]))
    np.add.at(sums, voice, total)
    means = sums / np.bincount(voice)[:, None]
    return levelled(means, tested.index[rows][first])


def honest_logits(
    parts: Sequence[Part], tested: HeldOut, level: bool = True
) -> NDArray[np.float32]:
    """Sum held-out logits (n, classes); each fold's level is from other folds."""
    total: NDArray[np.float32] = np.sum([tested.logits[part] for part in parts], axis=0)
    if not level:
        return total
    for fold in np.unique(tested.fold):
        inside = tested.fold == fold
        others = ~inside if len(np.unique(tested.index[~inside])) > 1 else inside
        scale, biases = level_of(parts, tested, others)
        total[inside] = scale * total[inside] + biases
    return total


def _place(example: Example) -> tuple[float, float, float]:
    row, col = example.pixels.mean(0) + example.features.origin
    return float(example.plane), float(row), float(col)


def _tested(example: Example) -> NDArray[np.int32]:
    step = max(1, len(example.pixels) // _MOST_TESTED)
    return example.pixels[::step]
