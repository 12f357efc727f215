"""Train a head on the annotations, and apply it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from napari_medfm.core.arguments import choice_of
from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import Box
from napari_medfm.core.jobs import Steps, Work
from napari_medfm.core.results import Prediction
from napari_medfm.verbs.heads import HasModel, model_of
from napari_medfm.verbs.models import model_facts
from napari_medfm.verbs.planes import PlaneReader
from napari_medfm.verbs.snapshot import Labels
from napari_medfm.verbs.squares import Wish, predicted
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
    region: ArrayLike | None = None,
) -> Work[Prediction]:
    """Apply a head to an image, at full resolution.

    Parameters
    ----------
    head
        A head, or the path of a head file; the session's own if None.
    planes
        Planes of a volume; all if None. Others are background with probability 0.
    region
        Predict only (row0, col0, row1, col1) of each plane: the answer's arrays then
        have its shape. Of a large slide this is what keeps the waiting short.

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
