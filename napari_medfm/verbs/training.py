"""Train a model on what the user labelled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from napari_medfm.core.errors import BadInput
from napari_medfm.core.jobs import Progress, Steps
from napari_medfm.core.labels import LabelClass
from napari_medfm.engine.features import PlaneFeatures
from napari_medfm.heads.ridge import Ridge
from napari_medfm.verbs.examples import Example, examples_of, token_sums
from napari_medfm.verbs.trained import Expert, TrainedModel

__all__ = ["RECIPES", "Example", "Expert", "TrainedModel", "examples_of", "train"]

RECIPES = ("ridge",)
SCHEMA = 1


def train(
    examples: Sequence[Example],
    classes: Sequence[LabelClass],
    recipe: str = "auto",
    context: Sequence[PlaneFeatures] = (),
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
        One of `RECIPES`.
    context
        Planes to learn priors from, without labels.
    card
        Facts to keep beside the model, such as the encoder.

    Raises
    ------
    BadInput
        If fewer than two classes have examples, or there is no such recipe.
    """
    if recipe not in RECIPES:
        raise BadInput(f"No head {recipe!r}: there are {', '.join(RECIPES)}")
    ordered = sorted(examples, key=lambda e: (e.annotation, e.plane))
    known = _labelled(ordered, classes)
    yield Progress(0, 1, f"training {recipe}")
    experts = (Expert("tokens", Ridge().fit_sums(token_sums(ordered))),)
    return TrainedModel(
        recipe=recipe,
        classes=known,
        experts=experts,
        bias=(0.0,) * len(known),
        card={**_card(ordered, known), **(card or {})},
    )


def _labelled(
    examples: Sequence[Example], classes: Sequence[LabelClass]
) -> tuple[LabelClass, ...]:
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
    return {
        "schema": SCHEMA,
        "program": _program(),
        "label_counts": counts,
        "annotations": [
            {
                "id": e.annotation,
                "image": e.image,
                "group": e.group,
                "plane": e.plane,
                "class": names[e.value],
                "gesture": e.gesture,
            }
            for e in examples
        ],
    }


def _program() -> str:
    try:
        return f"napari-medfm {version('napari-medfm')}"
    except PackageNotFoundError:
        return "napari-medfm (not installed)"
