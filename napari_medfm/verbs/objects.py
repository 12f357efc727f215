"""Objects: which there are, labels of them, training rows, predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medfm.core.arguments import array_of, whole_of
from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import pixel_index, points_on
from napari_medfm.core.image import Image
from napari_medfm.core.jobs import Progress, Steps
from napari_medfm.core.labels import Annotation
from napari_medfm.core.results import ObjectFacts, ObjectPrediction
from napari_medfm.core.runs import Runs, Values
from napari_medfm.core.state import Labelling
from napari_medfm.engine.features import PlaneFeatures
from napari_medfm.engine.objects import ObjectRows, object_rows
from napari_medfm.engine.probability import softmax
from napari_medfm.engine.provenance import version
from napari_medfm.engine.uncertainty import margin_uncertainty
from napari_medfm.verbs.gesture import Deed
from napari_medfm.verbs.labelling import class_of, label_map, with_annotations
from napari_medfm.verbs.planes import PlaneReader, is_large
from napari_medfm.verbs.regions import check_shape
from napari_medfm.verbs.samples import Sample, logits_of
from napari_medfm.verbs.trained import TrainedModel
from napari_medfm.verbs.workspace import Workspace

Objects = NDArray[np.int32]
_MOST = 2**31 - 1


def use_objects(
    ws: Workspace,
    image: str,
    labels: Values | Runs | NDArray[Any] | None = None,
    plane: int | None = None,
) -> Deed[int]:
    """Say which objects an image has, to classify them; returns how many.

    Parameters
    ----------
    labels
        One number an object, 0 for nothing, such as `segment_all` returns, of the
        image's shape or of a plane's with ``plane``; or a mask, whose connected parts
        are the objects. If None, the connected parts of what was accepted.
    plane
        Plane of a volume; objects on other planes stay.

    Raises
    ------
    BadInput
        If there are none, or they do not fit.
    """
    source, state = ws.image(image), ws.labelling
    if labels is None:
        array: NDArray[Any] = label_map(state, source)
        array = _parts(array if plane is None else array[source.plane_index(plane)])
    else:
        array = _given(labels)
    check_shape(source, array.shape, plane, "The object map")
    found = _placed(source, array, state.objects.get(image), plane)
    count = len(np.unique(array[array > 0]))
    if not count:
        raise BadInput(
            f"There are no objects in {image!r}: accept masks, or give labels=array"
        )
    new = state.but(objects={**state.objects, image: found})

    def do() -> int:
        ws.change(new)
        return count

    written = None if labels is None else Values.of(array.astype(np.int64))
    return Deed(do, (image,), {"labels": written, "plane": plane})


def _given(labels: Any) -> NDArray[Any]:
    if isinstance(labels, Values):
        return labels.array()
    if isinstance(labels, Runs):
        labels = labels.mask()
    array = array_of(labels, "labels")
    if array.dtype.kind == "b":
        return _parts(array)
    if array.dtype.kind not in "ui":
        raise BadInput(f"Objects are whole numbers, not {array.dtype}")
    if array.min(initial=0) < 0 or array.max(initial=0) > _MOST:
        raise BadInput(f"Objects are numbered from 1 to {_MOST}; 0 is nothing")
    return array


def _parts(array: NDArray[Any]) -> Objects:
    """Number the connected parts of each value, touching also at corners."""
    from skimage.measure import label

    return np.asarray(label(array, connectivity=array.ndim), np.int32)  # type: ignore[no-untyped-call]


def _placed(
    image: Image, array: NDArray[Any], known: Objects | None, plane: int | None
) -> Objects:
    if plane is None or image.ndim == 2:
        return array.astype(np.int32).reshape(image.shape)
    found = np.zeros(image.shape, np.int32) if known is None else known.copy()
    index = image.plane_index(plane)
    found[index] = 0
    first = int(found.max())
    found[index] = np.where(array > 0, array + first, 0)
    return found


def annotate_object(
    ws: Workspace,
    image: str,
    class_name: str,
    at: ArrayLike | None = None,
    region: int | None = None,
) -> Deed[int]:
    """Give an object to a class, in the place of an earlier label of it.

    Parameters
    ----------
    at
        A position on it, (row, col) or (plane, row, col).
    region
        Or its number in the objects of the image.

    Returns
    -------
    int
        The annotation's id.

    Raises
    ------
    BadInput
        If there is no such object, or not exactly one of ``at`` and ``region``.
    """
    source, state = ws.image(image), ws.labelling
    value = class_of(state, class_name).value
    objects = objects_of(state, image)
    if (at is None) == (region is None):
        raise BadInput("Say which object: either at=(row, col) or region=number")
    if at is not None:
        pixel = _pixel(source, at)
        number = int(objects[tuple(pixel)])
        if not number:
            raise BadInput(f"There is no object at {tuple(pixel.tolist())}")
    else:
        number = whole_of(region, "region", 1, _MOST)
        pixel = _inside(objects, number)
    kept = tuple(a for a in state.annotations if not _is_of(a, image, objects, number))
    made = Annotation(0, image, value, "object", "mask", pixel[None].astype(np.int32))
    new = with_annotations(state.but(annotations=kept), [made])

    def do() -> int:
        ws.change(new)
        return new.annotations[-1].id

    return Deed(do)


def objects_of(state: Labelling, image: str) -> Objects:
    """Return the objects of an image.

    Raises
    ------
    BadInput
        If none were named.
    """
    if image not in state.objects:
        raise BadInput(
            f"{image!r} has no objects yet: name them with use_objects, for instance "
            "those of segment_all"
        )
    return state.objects[image]


def _pixel(image: Image, at: ArrayLike) -> NDArray[np.intp]:
    points = pixel_index(points_on(at, image.shape))
    if len(points) != 1:
        raise BadInput("An object is named by one position, at=(row, col)")
    return np.asarray(points[0], np.intp)


def _inside(objects: Objects, number: int) -> NDArray[np.intp]:
    """Return the pixel of an object nearest to its middle."""
    places = np.argwhere(objects == number)
    if not len(places):
        raise BadInput(f"There is no object number {number}")
    away = np.square(places - places.mean(0)).sum(1)
    return np.asarray(places[away.argmin()], np.intp)


def _is_of(annotation: Annotation, image: str, objects: Objects, number: int) -> bool:
    if annotation.level != "object" or annotation.image != image:
        return False
    return bool(objects[tuple(annotation.pixels[0])] == number)


Labelled = list[tuple[Image, Objects, list[Annotation]]]


def labels_of_objects(state: Labelling, image: str) -> dict[int, Annotation]:
    """Return object number -> the label that the user gave it."""
    objects = state.objects.get(image)
    if objects is None:
        return {}
    own = [a for a in state.annotations if a.level == "object" and a.image == image]
    numbered = {int(objects[tuple(a.pixels[0])]): a for a in own}
    return {number: a for number, a in numbered.items() if number}


def object_labels(ws: Workspace) -> Labelled:
    """Take the snapshot that `read_objects` needs: labels by image."""
    state = ws.labelling
    found = []
    for name, objects in state.objects.items():
        own = [a for a in state.annotations if a.level == "object" and a.image == name]
        if own:
            found.append((state.images[name], objects, own))
    return found


def read_objects(labelled: Labelled, reader: PlaneReader) -> Steps[list[Sample]]:
    """Turn labels of objects into samples; labels whose object is gone are left out."""
    samples = []
    for image, objects, own in labelled:
        numbers = {a.id: int(objects[tuple(a.pixels[0])]) for a in own}
        wanted = sorted({n for n in numbers.values() if n})
        if not wanted:
            continue
        rows = yield from rows_of(
            reader, image, np.where(np.isin(objects, wanted), objects, 0)
        )
        index = {int(number): k for k, number in enumerate(rows.ids)}
        for a in own:
            if numbers[a.id]:
                k = index[numbers[a.id]]
                place = (*(0.0,) * (3 - image.ndim), *rows.centres[k].tolist())
                samples.append(
                    Sample(
                        a.id,
                        image.name,
                        image.group,
                        a.value,
                        place,
                        rows.rows[k][None],
                    )
                )
    return samples


def rows_of(reader: PlaneReader, image: Image, objects: Objects) -> Steps[ObjectRows]:
    """Describe the objects of an image.

    Raises
    ------
    BadInput
        If its planes are so large that they are only read by parts.
    """
    if is_large(image):
        raise BadInput(
            f"{image.name!r} is too large to classify its objects at once: add the "
            "part that matters as an image of its own"
        )
    volume = objects if objects.ndim == 3 else objects[None]
    planes: list[tuple[int, PlaneFeatures]] = []
    wanted = np.flatnonzero(volume.any((1, 2))).tolist()
    for done, plane in enumerate(wanted):
        yield Progress(done, len(wanted), f"{image.name}, plane {plane + 1}")
        features = yield from reader.features(image, plane)
        planes.append((plane, features))
    return object_rows(objects, planes, image.spacing)


def predict_objects(
    reader: PlaneReader, image: Image, model: TrainedModel, objects: Objects
) -> Steps[ObjectPrediction]:
    """Classify every object of an image.

    Raises
    ------
    BadInput
        If the head was made for other features.
    """
    rows = yield from rows_of(reader, image, objects)
    logits = logits_of(model.experts[0].head, [row[None] for row in rows.rows])
    chances = softmax(logits).astype(np.float32)
    unsure = margin_uncertainty(logits)
    best = logits.argmax(1)
    values = np.array(model.values, np.uint16)
    painted = np.zeros(int(rows.ids.max()) + 1, np.uint16)
    painted[rows.ids] = values[best]
    facts = tuple(
        ObjectFacts(
            number=int(number),
            class_name=model.classes[k].name,
            value=model.classes[k].value,
            probabilities=tuple(chances[i].tolist()),
            uncertainty=float(unsure[i]),
            pixels=int(rows.pixels[i]),
            centre=tuple(rows.centres[i].tolist()),
        )
        for i, (number, k) in enumerate(zip(rows.ids, best, strict=True))
    )
    return ObjectPrediction(
        labels=painted[objects],
        probabilities=chances.T,
        uncertainty=unsure,
        values=model.values,
        image=image.name,
        provenance={
            "made_by": "head",
            "program": version(),
            "recipe": model.recipe,
            "head": model.card,
            "objects": len(facts),
        },
        classes=model.classes,
        image_uid=image.uid,
        objects=facts,
    )
