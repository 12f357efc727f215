"""Train a head on the annotations, and apply it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast, get_args

from numpy.typing import ArrayLike

from napari_medfm.core.arguments import choice_of, number_of, shown
from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import Box
from napari_medfm.core.image import Image
from napari_medfm.core.jobs import Steps, Work
from napari_medfm.core.labels import Level
from napari_medfm.core.results import Prediction
from napari_medfm.core.state import Labelling
from napari_medfm.verbs import samples
from napari_medfm.verbs.examples import known_tokens
from napari_medfm.verbs.heads import HasModel, model_of
from napari_medfm.verbs.imagelevel import image_samples, predict_image, read_samples
from napari_medfm.verbs.labelling import class_of
from napari_medfm.verbs.models import model_facts
from napari_medfm.verbs.objects import (
    object_labels,
    objects_of,
    predict_objects,
    read_objects,
)
from napari_medfm.verbs.planes import PlaneReader
from napari_medfm.verbs.snapshot import Labels
from napari_medfm.verbs.squares import Wish, predicted
from napari_medfm.verbs.training import RECIPES, TrainedModel, train
from napari_medfm.verbs.workspace import Workspace

_LEAST_WEIGHT = 0.01


def fit(
    ws: Workspace,
    head: str = "auto",
    level: Level = "pixel",
    class_weights: Mapping[str, float] | None = None,
) -> Work[TrainedModel]:
    """Train a head on everything annotated so far.

    Parameters
    ----------
    head
        "ridge" is immediate; "auto" weighs the recipes by grouped validation on your
        own labels and keeps the best; see `napari_medfm.heads` for the others. Objects
        take "logistic", "knn" and "forest", images "logistic", "knn" and "abmil".
    level
        "pixel", "object" (see `use_objects` and `annotate_object`) or "image" (see
        `annotate_image`).
    class_weights
        Class name -> how much a missed pixel of it matters; classes that are not named
        have 1. Only for level "pixel"; thresholds say the same for one image.

    Returns
    -------
    TrainedModel
        It also becomes the session's head of this level.

    Raises
    ------
    BadInput
        If fewer than two classes (background counts) are annotated.
    """
    state = ws.labelling
    check_recipe(head, level)
    weights = _class_weights(state, level, class_weights)
    steps = (
        _on_pixels(ws, head, weights)
        if level == "pixel"
        else _on_samples(ws, head, level)
    )

    def fresh() -> bool:
        return ws.labelling.annotations is state.annotations

    def commit(model: TrainedModel) -> TrainedModel:
        if fresh() and level == "pixel":
            ws.amend(ws.labelling.but(head=model))
        elif fresh():
            ws.amend(ws.labelling.but(heads={**ws.labelling.heads, level: model}))
        return model

    return Work("Training the head", steps, commit, fresh)


def check_recipe(head: str, level: str) -> None:
    """Refuse a level that is none, or a recipe that it does not have.

    Raises
    ------
    BadInput
        If so.
    """
    choice_of(level, "level", get_args(Level))
    choice_of(head, "head", RECIPES if level == "pixel" else _recipes(level))


def _recipes(level: str) -> tuple[str, ...]:
    return (*samples.RECIPES[cast("Level", level)], "auto")


def _class_weights(
    state: Labelling, level: str, given: Mapping[str, float] | None
) -> dict[str, float]:
    """Check the weights of classes."""
    if given is None:
        return {}
    if level != "pixel":
        raise BadInput("class_weights are for heads of level 'pixel': leave them out")
    if not isinstance(given, Mapping):
        raise BadInput(f"class_weights is {{name: weight}}, got {shown(given)}")
    found = {}
    for name, weight in given.items():
        chosen = number_of(weight, f"The weight of {shown(name)}")
        if not _LEAST_WEIGHT <= chosen <= 1 / _LEAST_WEIGHT:
            raise BadInput(
                f"The weight of {shown(name)} lies between {_LEAST_WEIGHT} and "
                f"{1 / _LEAST_WEIGHT:.0f}, got {weight}"
            )
        found[class_of(state, name).name] = chosen
    return found


def _weighted(model: TrainedModel, weights: Mapping[str, float]) -> TrainedModel:
    """Weigh classes: odds of a class grow by its weight, as if in training."""
    if not weights:
        return model
    shifts = [math.log(weights.get(c.name, 1.0)) for c in model.classes]
    bias = tuple(b + shift for b, shift in zip(model.bias, shifts, strict=True))
    return replace(
        model, bias=bias, card={**model.card, "class_weights": dict(weights)}
    )


def _on_pixels(
    ws: Workspace, head: str, weights: Mapping[str, float]
) -> Callable[[], Steps[TrainedModel]]:
    labels = Labels.of(ws)
    labels.require_two_classes()

    def steps() -> Steps[TrainedModel]:
        examples, rest = yield from labels.examples()
        encoder = labels.reader.encoder.get()
        card: dict[str, Any] = {"encoder": model_facts(encoder)}
        if labels.sources:
            card["label_sources"] = labels.sources
        model = yield from train(examples, labels.classes, head, rest, card=card)
        return replace(_weighted(model, weights), known=known_tokens(examples))

    return steps


def _on_samples(
    ws: Workspace, head: str, level: Level
) -> Callable[[], Steps[TrainedModel]]:
    reading, reader, classes = read_level(ws, level), ws.planes, ws.labelling.classes

    def steps() -> Steps[TrainedModel]:
        found = yield from reading()
        card = {"encoder": model_facts(reader.encoder.get())}
        model = yield from samples.train_samples(found, classes, level, head, card)
        return model

    return steps


def read_level(
    ws: Workspace, level: Level
) -> Callable[[], Steps[list[samples.Sample]]]:
    """Take the snapshot of the labelled objects or images; returns what reads them.

    Raises
    ------
    BadInput
        If fewer than two classes are labelled.
    """
    labelled = [a for a in ws.labelling.annotations if a.level == level]
    samples.known_classes(labelled, ws.labelling.classes, level)
    reader = ws.planes
    if level == "object":
        return partial(read_objects, object_labels(ws), reader)
    return partial(read_samples, *image_samples(ws))


def predict(
    ws: Workspace,
    image: str,
    head: TrainedModel | HasModel | str | Path | None = None,
    planes: Sequence[int] | None = None,
    region: ArrayLike | None = None,
    level: Level | None = None,
) -> Work[Prediction]:
    """Apply a head to an image, at full resolution.

    Parameters
    ----------
    head
        A head, or the path of a head file; the session's own if None.
    planes
        Planes of a volume; all if None. Others are background with probability 0. For
        a head of level "image": planes to judge one by one; the whole if None.
    region
        Predict only (row0, col0, row1, col1) of each plane: the answer's arrays then
        have its shape. Of a large slide this is what keeps the waiting short.
    level
        Which of the session's heads, "pixel" if None; a head that is given knows.

    Returns
    -------
    Prediction
        `ImagePrediction` or `ObjectPrediction` for a head of that level.

    Raises
    ------
    BadInput
        If there is no head yet, or it was made with another encoder.
    """
    source = ws.image(image)
    model = _chosen(ws, head, level)
    if model.level != "pixel":
        if region is not None:
            raise BadInput("A region is for heads of level 'pixel': leave it out")
        return _predict_level(ws, source, model, planes)
    checked = source.plane_indices(planes)
    chosen = {
        value: bias
        for (name, value), bias in ws.labelling.thresholds.items()
        if name == image
    }
    own = model.biases_on(image) if model is ws.labelling.head else {}
    biases = {**own, **chosen}
    reader = ws.planes
    box = None if region is None else Box.of(region).rounded()
    box = box and box.clipped(source.plane_shape)
    wish = Wish(source, model, tuple(checked), biases, box)

    def steps() -> Steps[Prediction]:
        _check_encoder(model, reader)
        prediction = yield from predicted(reader, wish)
        return prediction

    return Work(
        f"Predicting {image}",
        steps,
        lambda prediction: prediction,
        partial(ws.holds, source),
    )


def _chosen(
    ws: Workspace, head: TrainedModel | HasModel | str | Path | None, level: str | None
) -> TrainedModel:
    if level is not None:
        choice_of(level, "level", get_args(Level))
    if head is not None:
        model = model_of(head)
        if level not in (None, model.level):
            raise BadInput(f"This head is of level {model.level!r}, not {level!r}")
        return model
    heads = {"pixel": ws.labelling.head, **ws.labelling.heads}
    found: TrainedModel | None = heads.get(level or "pixel")
    if found is None:
        raise BadInput(
            "There is no head yet: annotate two classes and fit, or load one"
        )
    return found


def _predict_level(
    ws: Workspace, image: Image, model: TrainedModel, planes: Sequence[int] | None
) -> Work[Prediction]:
    reader = ws.planes
    checked = None if planes is None else image.plane_indices(planes)
    objects = objects_of(ws.labelling, image.name) if model.level == "object" else None
    if objects is not None and planes is not None:
        raise BadInput("Objects are classified all at once: leave planes out")

    def steps() -> Steps[Prediction]:
        _check_encoder(model, reader)
        found: Prediction
        if objects is not None:
            found = yield from predict_objects(reader, image, model, objects)
        else:
            found = yield from predict_image(reader, image, model, checked)
        return found

    return Work(
        f"Classifying {image.name}",
        steps,
        lambda prediction: prediction,
        partial(ws.holds, image),
    )


def _check_encoder(model: TrainedModel, reader: PlaneReader) -> None:
    made_with = model.card.get("encoder", {})
    encoder = reader.encoder.get()
    if made_with.get("name") != encoder.spec.name:
        raise BadInput(
            f"This head was made with the encoder {made_with.get('name')!r}; the "
            f"session uses {encoder.spec.name!r}. Choose that encoder first"
        )
    if made_with.get("weights_sha256") != encoder.weights_hash:
        raise BadInput(
            f"This head was made with other weights of {encoder.spec.name!r} (SHA-256 "
            f"{str(made_with.get('weights_sha256'))[:12]}..., here "
            f"{encoder.weights_hash[:12]}...): fetch those weights, or train again"
        )
