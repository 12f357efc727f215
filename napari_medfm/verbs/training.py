"""Train a model on what the user labelled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadInput
from napari_medfm.core.jobs import Progress, Steps
from napari_medfm.core.labels import LabelClass
from napari_medfm.engine.calibrate import fitted_biases, log_prior
from napari_medfm.engine.features import PlaneFeatures
from napari_medfm.engine.judging import judged
from napari_medfm.engine.pool import levelled, row_losses
from napari_medfm.engine.provenance import version
from napari_medfm.verbs.examples import Example, certain, examples_of
from napari_medfm.verbs.predicting import pixel_logits
from napari_medfm.verbs.recipes import (
    LEVELLED,
    PARTS,
    HeldOut,
    Projections,
    fit_part,
    held_out,
    honest_logits,
    level_of,
)
from napari_medfm.verbs.trained import Expert, TrainedModel
from napari_medfm.verbs.unlabelled import faint

__all__ = ["RECIPES", "Example", "Expert", "TrainedModel", "examples_of", "train"]

RECIPES = (*PARTS, "auto")
SCHEMA = 1
CANDIDATES = ("pool", "blend", "logistic", "ridge", "forest")
_SMOOTHING = 1.0
_PRIOR_WEIGHT = 0.75
_PRIOR_OF_LABELS_ALONE = 0.5
_PRIOR_PIXELS = 2000


def train(
    examples: Sequence[Example],
    classes: Sequence[LabelClass],
    recipe: str = "auto",
    rest: Sequence[Example] = (),
    *,
    card: Mapping[str, Any] | None = None,
) -> Steps[TrainedModel]:
    """Train by a recipe.

    Parameters
    ----------
    examples
        In any order: they are sorted, so that the same labels give the same bytes.
    classes
        All classes of the session; the model knows those with examples.
    recipe
        "ridge" is immediate. "pool" adds up deep tokens, and trees on filters beside
        tokens ("blend"), both trained on unlabelled places too, as faint background;
        sets scale and thresholds by predictions on images that were left out (blocks of
        the image, if there is one), adds a tempered prior of the classes and smooths a
        little; so does "blend", those trees alone. "auto" does so too, but keeps a
        single expert where that does better, and keeps the table. The others are one
        head each, of the labels alone and without a prior. Images on which the model
        contradicts a label get biases of their own (`image_biases`).
    rest
        Unlabelled places, usually of the annotated planes (`unlabelled`). The prior
        looks at their planes. Where nothing can be held out, only the prior does: how
        far they shift the thresholds would not be known.
    card
        Facts to keep beside the model, such as the encoder.

    Raises
    ------
    BadInput
        If fewer than two classes have examples, there is no such recipe, or images
        differ in channels and the recipe looks at colours.
    """
    if recipe not in RECIPES:
        raise BadInput(f"No head {recipe!r}: there are {', '.join(RECIPES)}")
    ordered = sorted(examples, key=lambda e: (e.annotation, e.plane))
    known = labelled_classes(ordered, classes)
    about = {**_card(ordered, known), **(card or {})}
    if recipe in LEVELLED:
        model = yield from _pooled(ordered, known, recipe, rest, about)
    else:
        yield Progress(0, 1, f"training {recipe}")
        experts = tuple(fit_part(part, ordered) for part in PARTS[recipe])
        model = TrainedModel(recipe, known, experts, (0.0,) * len(known), 0.0, about)
    model.card["image_biases"] = image_biases(model, ordered)
    return model


def image_biases(
    model: TrainedModel, examples: Sequence[Example]
) -> dict[str, dict[str, float]]:
    """Return the biases of each image on which the model contradicts a label.

    Every gesture counts as one click, however many pixels it has.

    Returns
    -------
    dict
        Image name -> class value as text -> what to add to its logit there.
    """
    planes: dict[str, dict[int, list[Example]]] = {}
    for example in certain(examples):
        planes.setdefault(example.image, {}).setdefault(
            id(example.features), []
        ).append(example)
    found = {}
    for image, parts in planes.items():
        logits = np.concatenate([_logits_at(model, part) for part in parts.values()])
        ordered = [example for part in parts.values() for example in part]
        sizes = [len(example.pixels) for example in ordered]
        columns = [model.values.index(example.value) for example in ordered]
        index = np.repeat(columns, sizes)
        if (logits.argmax(1) == index).all():
            continue
        weights = np.repeat([1 / size for size in sizes], sizes)
        biases = fitted_biases(logits, index, weights).tolist()
        found[image] = {
            str(v): b for v, b in zip(model.values, biases, strict=True) if b
        }
    return found


def _logits_at(model: TrainedModel, examples: Sequence[Example]) -> NDArray[np.float64]:
    """Return the model's logits (n, classes) at the pixels of examples of a plane."""
    pixels = np.concatenate([example.pixels for example in examples])
    parts = pixel_logits(model.experts, examples[0].features, pixels)
    total = np.array(model.bias) + sum(
        expert.weight * part for expert, part in zip(model.experts, parts, strict=True)
    )
    logits: NDArray[np.float64] = total
    return logits


def _pooled(
    examples: Sequence[Example],
    classes: tuple[LabelClass, ...],
    recipe: str,
    rest: Sequence[Example],
    card: dict[str, Any],
) -> Steps[TrainedModel]:
    """Test experts on what is held out, refit them on everything, set thresholds."""
    candidates = CANDIDATES if recipe == "auto" else (recipe,)
    parts = list(dict.fromkeys(part for name in candidates for part in PARTS[name]))
    values = [c.value for c in classes]
    projections = Projections()
    tested = yield from held_out(examples, parts, values, rest, projections)
    chosen, table = choose(candidates, tested)
    own = PARTS[chosen]
    background = faint(rest, examples) if tested else []
    everything = [*examples, *background]
    experts = []
    for number, part in enumerate(own):
        yield Progress(number, len(own) + 1, f"training {part.head}")
        experts.append(fit_part(part, everything, projections))
    scale, level = (
        _level_seen(experts, examples, values)
        if tested is None
        else level_of(own, tested)
    )
    experts = [replace(expert, weight=scale) for expert in experts]
    yield Progress(len(own), len(own) + 1, "estimating the prior")
    trust = _PRIOR_WEIGHT if background else _PRIOR_OF_LABELS_ALONE
    prior = _prior(experts, level, [example.features for example in rest], trust)
    card["validation"] = table
    card["calibration"] = {
        "prior_weight": trust if rest else 0.0,
        "log_prior": prior.tolist(),
        "thresholds": (0.0 - level).tolist(),
        "expert_weights": [expert.weight for expert in experts],
        "smoothing": _SMOOTHING,
        "unlabelled_places": sum(len(example.pixels) for example in background),
    }
    bias = tuple((level + prior).tolist())
    return TrainedModel(chosen, classes, tuple(experts), bias, _SMOOTHING, card)


def _level_seen(
    experts: Sequence[Expert], examples: Sequence[Example], values: Sequence[int]
) -> tuple[float, NDArray[np.float64]]:
    """Level by the labels that the experts were trained on: nothing was held out."""
    rows = [
        np.sum(pixel_logits(experts, e.features, e.pixels), axis=0).mean(0)
        for e in examples
    ]
    index = np.array([values.index(e.value) for e in examples])
    return levelled(np.stack(rows), index)


def choose(
    candidates: Sequence[str], tested: HeldOut | None
) -> tuple[str, dict[str, Any]]:
    """Pick a recipe by log-loss on held-out labels; see `judged`.

    Returns
    -------
    recipe, table
        The table holds the loss of every candidate, how it was found, and the reason.
    """
    if tested is None:
        why = "each class was labelled in one place only: nothing could be held out"
        return candidates[0], {"how": "none", "losses": {}, "reason": why}
    verdict = judged({name: _losses(name, tested) for name in candidates})
    return verdict.chosen, {
        "how": tested.folds.how,
        "folds": tested.folds.count,
        "losses": verdict.losses,
        "reason": verdict.reason,
    }


def _losses(recipe: str, tested: HeldOut) -> NDArray[np.float64]:
    """Each annotation's share of the mean log-loss; they add up to it."""
    logits = honest_logits(PARTS[recipe], tested)
    rows = row_losses(logits, tested.index) * tested.weights / tested.weights.sum()
    _, voice = np.unique(tested.example, return_inverse=True)
    return np.bincount(voice, rows).astype(np.float64)


def _prior(
    experts: Sequence[Expert],
    level: NDArray[np.float64],
    planes: Sequence[PlaneFeatures],
    trust: float,
) -> NDArray[np.float64]:
    """Estimate the shares of the classes on whole planes, from samples of them."""
    samples = []
    for number, features in enumerate(planes):
        rng = np.random.default_rng([7, number])
        pixels = rng.integers(0, features.shape, (_PRIOR_PIXELS, 2))
        logits = pixel_logits(experts, features, pixels)
        weighted = [e.weight * part for e, part in zip(experts, logits, strict=True)]
        samples.append(level + np.sum(weighted, axis=0))
    if not samples:
        return np.zeros(len(level))
    return log_prior(np.concatenate(samples), trust)


def labelled_classes(
    examples: Sequence[Example], classes: Sequence[LabelClass]
) -> tuple[LabelClass, ...]:
    """Return the classes that have examples, by value.

    Raises
    ------
    BadInput
        If there are fewer than two.
    """
    values = {example.value for example in examples}
    known = sorted((c for c in classes if c.value in values), key=lambda c: c.value)
    if len(known) < 2:
        have = ", ".join(c.name for c in known) or "none"
        raise BadInput(
            f"A head needs examples of two classes at least; so far: {have}. "
            "Background counts: mark a few places that belong to nothing"
        )
    return tuple(known)


def _card(examples: Sequence[Example], classes: Sequence[LabelClass]) -> dict[str, Any]:
    counts = {c.name: 0 for c in classes}
    names = {c.value: c.name for c in classes}
    for example in examples:
        counts[names[example.value]] += len(example.pixels)
    origins = {
        (e.annotation, e.plane): {
            "id": e.annotation,
            "image": e.image,
            "group": e.group,
            "plane": e.plane,
            "class": names[e.value],
            "gesture": e.gesture,
            **({} if e.weight == 1 else {"weight": e.weight}),
        }
        for e in examples
    }
    return {
        "schema": SCHEMA,
        "program": version(),
        "label_counts": counts,
        "annotations": list(origins.values()),
    }
