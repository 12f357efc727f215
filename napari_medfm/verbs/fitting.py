"""Train a head on the annotations, and apply it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.arguments import choice_of
from napari_medfm.core.errors import BadInput
from napari_medfm.core.image import Image
from napari_medfm.core.jobs import Progress, Steps, Work
from napari_medfm.core.results import Prediction
from napari_medfm.engine.provenance import version
from napari_medfm.verbs.heads import HasModel, model_of
from napari_medfm.verbs.models import model_facts
from napari_medfm.verbs.planes import PlaneReader
from napari_medfm.verbs.predicting import predict_plane
from napari_medfm.verbs.snapshot import Labels
from napari_medfm.verbs.training import RECIPES, TrainedModel, train
from napari_medfm.verbs.workspace import Workspace


def fit(ws: Workspace, head: str = "auto") -> Work[TrainedModel]:
    """Train a head on everything annotated so far.

    Parameters
    ----------
    head
        "ridge" is immediate; "auto" weighs the recipes by grouped validation on your
        own labels and keeps the best; see `napari_medfm.heads` for the others.

    Returns
    -------
    TrainedModel
        It also becomes the session's head.

    Raises
    ------
    BadInput
        If fewer than two classes (background counts) are annotated.
    """
    state = ws.labelling
    choice_of(head, "head", RECIPES)
    labels = Labels.of(ws)
    labels.require_two_classes()

    def steps() -> Steps[TrainedModel]:
        examples, context = yield from labels.examples()
        encoder = labels.reader.encoder.get()
        card: dict[str, Any] = {"encoder": model_facts(encoder)}
        if labels.sources:
            card["label_sources"] = labels.sources
        model = yield from train(examples, labels.classes, head, context, card=card)
        return model

    def fresh() -> bool:
        return ws.labelling.annotations is state.annotations

    def commit(model: TrainedModel) -> TrainedModel:
        if fresh():
            ws.amend(ws.labelling.but(head=model))
        return model

    return Work("Training the head", steps, commit, fresh)


def predict(
    ws: Workspace,
    image: str,
    head: TrainedModel | HasModel | str | Path | None = None,
    planes: Sequence[int] | None = None,
) -> Work[Prediction]:
    """Apply a head to an image, at full resolution.

    Parameters
    ----------
    head
        A head, or the path of a head file; the session's own if None.
    planes
        Planes of a volume; all if None. Others are background with probability 0.

    Raises
    ------
    BadInput
        If there is no head yet, or it was made with another encoder.
    """
    source = ws.image(image)
    model = ws.labelling.head if head is None else model_of(head)
    if model is None:
        raise BadInput(
            "There is no head yet: annotate two classes and fit, or load one"
        )
    checked = source.plane_indices(planes)
    biases = {
        value: bias
        for (name, value), bias in ws.labelling.thresholds.items()
        if name == image
    }
    reader = ws.planes

    def steps() -> Steps[Prediction]:
        _check_encoder(model, reader)
        prediction = yield from _predict(reader, source, model, checked, biases)
        return prediction

    return Work(
        f"Predicting {image}",
        steps,
        lambda prediction: prediction,
        lambda: getattr(ws.images.get(image), "uid", None) == source.uid,
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


def _predict(
    reader: PlaneReader,
    image: Image,
    model: TrainedModel,
    planes: Sequence[int],
    biases: Mapping[int, float],
) -> Steps[Prediction]:
    values = tuple(c.value for c in model.classes)
    shape = (image.n_planes, *image.plane_shape)
    dtype = np.uint8 if max(values) < 256 else np.uint16
    labels: NDArray[Any] = np.zeros(shape, dtype)
    kept = np.float32 if image.ndim == 2 else np.float16
    probabilities: NDArray[Any] = np.zeros((len(values), *shape), kept)
    uncertainty: NDArray[Any] = np.zeros(shape, kept)
    for done, plane in enumerate(planes):
        yield Progress(done, len(planes), f"plane {plane + 1}")
        features = yield from reader.features(image, plane)
        found = predict_plane(model, features, biases)
        labels[plane], probabilities[:, plane], uncertainty[plane] = found
    return Prediction(
        labels=labels.reshape(image.shape),
        probabilities=probabilities.reshape(len(values), *image.shape),
        uncertainty=uncertainty.reshape(image.shape),
        values=values,
        image=image.name,
        provenance={
            "made_by": "head",
            "program": version(),
            "recipe": model.recipe,
            "head": model.card,
            "biases": {str(value): bias for value, bias in biases.items()},
            "planes": list(planes) if len(planes) < image.n_planes else "all",
        },
        classes=model.classes,
        planes=tuple(planes) if len(planes) < image.n_planes else None,
        image_uid=image.uid,
    )
