"""Classes of whole images and planes: labels, training rows, predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.image import Image
from napari_medfm.core.jobs import Progress, Steps
from napari_medfm.core.labels import Annotation
from napari_medfm.core.results import ImagePrediction
from napari_medfm.engine.pooling import window_rows
from napari_medfm.engine.probability import softmax
from napari_medfm.engine.provenance import version
from napari_medfm.engine.uncertainty import margin_uncertainty
from napari_medfm.verbs.gesture import Deed
from napari_medfm.verbs.labelling import class_of, with_annotations
from napari_medfm.verbs.planes import PlaneReader, is_large
from napari_medfm.verbs.samples import Rows, Sample, logits_of
from napari_medfm.verbs.trained import TrainedModel
from napari_medfm.verbs.workspace import Workspace


def annotate_image(
    ws: Workspace, image: str, class_name: str, plane: int | None = None
) -> Deed[int]:
    """Give a whole image, or one plane of a volume, to a class.

    It takes the place of an earlier label of the same image or plane.

    Returns
    -------
    int
        The annotation's id.

    Raises
    ------
    BadInput
        If the image, class or plane is unknown.
    """
    source, state = ws.image(image), ws.labelling
    value = class_of(state, class_name).value
    where = None if plane is None else source.plane_index(plane)
    kept = tuple(
        a
        for a in state.annotations
        if (a.level, a.image, a.plane) != ("image", image, where)
    )
    none = np.empty((0, source.ndim), np.int32)
    made = Annotation(0, image, value, "image", "mask", none, where)
    new = with_annotations(state.but(annotations=kept), [made])

    def do() -> int:
        ws.change(new)
        return new.annotations[-1].id

    return Deed(do)


def image_samples(
    ws: Workspace,
) -> tuple[list[tuple[Annotation, Image]], PlaneReader]:
    """Take the snapshot that `read_samples` needs."""
    state = ws.labelling
    labelled = [
        (a, state.images[a.image]) for a in state.annotations if a.level == "image"
    ]
    return labelled, ws.planes


def read_samples(
    labelled: Sequence[tuple[Annotation, Image]], reader: PlaneReader
) -> Steps[list[Sample]]:
    """Turn image-level labels into samples."""
    samples = []
    for done, (annotation, image) in enumerate(labelled):
        yield Progress(done, len(labelled), f"reading {image.name}")
        rows = yield from bag_of(reader, image, annotation.plane)
        place = (float(annotation.plane or 0), 0.0, 0.0)
        samples.append(
            Sample(
                annotation.id, image.name, image.group, annotation.value, place, rows
            )
        )
    return samples


def bag_of(reader: PlaneReader, image: Image, plane: int | None) -> Steps[Rows]:
    """Return what stands for an image: windows of a plane, or planes of a volume.

    Of a plane that is read by parts, some parts spread over it speak.
    """
    if plane is not None or image.n_planes == 1:
        rows = yield from _windows(reader, image, plane or 0)
        return rows
    found = []
    for index in range(image.n_planes):
        yield Progress(index, image.n_planes, f"{image.name}, plane {index + 1}")
        rows = yield from _windows(reader, image, index)
        found.append(rows.mean(0))
    return np.stack(found)


def _windows(reader: PlaneReader, image: Image, plane: int) -> Steps[Rows]:
    if not is_large(image):
        embedding = yield from reader.embedding(image, plane)
        return window_rows(embedding.tokens)
    found = []
    for box in reader.context(image, plane):
        features = yield from reader.part(image, plane, box)
        found.append(window_rows(features.layers[:, :, -1]))
    return np.concatenate(found)


def predict_image(
    reader: PlaneReader,
    image: Image,
    model: TrainedModel,
    planes: Sequence[int] | None,
) -> Steps[ImagePrediction]:
    """Classify an image as a whole, or some of its planes one by one.

    Raises
    ------
    BadInput
        If the head was made with another encoder.
    """
    wanted: Sequence[int | None] = [None] if planes is None else planes
    bags = []
    for plane in wanted:
        rows = yield from bag_of(reader, image, plane)
        bags.append(rows)
    logits = logits_of(model.experts[0].head, bags)
    table = np.array(model.values, np.uint16)
    found: list[NDArray[Any]] = [
        table[logits.argmax(1)],
        softmax(logits).T.astype(np.float32),
        margin_uncertainty(logits),
    ]
    if planes is None:
        found = [part[..., 0] for part in found]
    return ImagePrediction(
        labels=found[0],
        probabilities=found[1],
        uncertainty=found[2],
        values=model.values,
        image=image.name,
        provenance={
            "made_by": "head",
            "program": version(),
            "recipe": model.recipe,
            "head": model.card,
        },
        classes=model.classes,
        planes=None if planes is None else tuple(planes),
        image_uid=image.uid,
    )
