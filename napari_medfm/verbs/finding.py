"""Objects found by what is already known: one like them, or a trained class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import points_on
from napari_medfm.core.jobs import Progress, Steps, Work
from napari_medfm.engine.everything import everything
from napari_medfm.engine.instances import outlined_pieces, peaks
from napari_medfm.engine.rgb import normalised, to_rgb
from napari_medfm.engine.tidy import deepest
from napari_medfm.engine.upsample import upsample
from napari_medfm.verbs.asking import mask_on
from napari_medfm.verbs.labelling import class_of
from napari_medfm.verbs.predicting import predict_plane
from napari_medfm.verbs.workspace import Workspace

Labels = NDArray[np.int32]
_ALONE = 24.0


def segment_like(
    ws: Workspace,
    image: str,
    at: Sequence[Sequence[float]] = (),
    against: Sequence[Sequence[float]] = (),
    plane: int | None = None,
    mask: Any = None,
) -> Work[Labels]:
    """Outline every object of a plane that looks like an example.

    The places most similar to those clicked are prompts for the segmenter.

    Parameters
    ----------
    at, against
        (row, col) places on examples, and places that are not meant. Without any on
        an example, a place well inside ``mask`` is taken.
    plane
        Plane of a volume.
    mask
        An example's mask: objects of a quarter to four times its size are kept. If
        None, the mask in hand where a place of ``at`` lies on it.

    Returns
    -------
    array
        int32 of the plane's shape: 0 is nothing, 1 ... n the objects, the surest first.

    Raises
    ------
    BadInput
        If there is neither a place nor a mask, the mask is empty, or a place does not
        lie on the plane.
    """
    source = ws.image(image)
    index = source.plane_index(plane)
    shape = source.plane_shape
    positive, negative = points_on(at, shape), points_on(against, shape)
    given = None if mask is None else mask_on(shape, mask)
    if not len(positive) and given is not None:
        positive = deepest(given)[None]
    if not len(positive):
        raise BadInput(
            "Nothing to look for: give at least one position in `at`, or a mask"
        )
    example = _in_hand(ws, image, index) if given is None else given
    if example is not None:
        index_of = np.clip(np.rint(positive).astype(int), 0, np.array(shape) - 1)
        if mask is None and not example[tuple(index_of.T)].any():
            example = None
    size = None if example is None else int(np.count_nonzero(example))
    apart = _ALONE if size is None else 1.2 * float(np.sqrt(size / np.pi))
    reader, indices, model, crops = ws.planes, ws.indices, ws.segmenter, ws.crops

    def steps() -> Steps[Labels]:
        embedding = yield from reader.embedding(source, index)
        yield Progress(0, 1, "comparing")
        key = f"{image}:{index}"
        found = indices.of({key: embedding}).maps(
            [(key, (float(r), float(c))) for r, c in positive],
            [(key, (float(r), float(c))) for r, c in negative],
        )
        likeness = upsample(found[key][..., None], embedding.grid, shape)[..., 0]
        seeds = peaks(likeness, apart, positive)
        rgb = to_rgb(normalised(source, index))
        with model.use() as segmenter:
            labels = yield from everything(
                rgb, f"{source.uid}:{index}", segmenter, crops, seeds, size
            )
        return labels

    return Work(f"Finding more in {image}", steps, lambda labels: labels)


def segment_class(
    ws: Workspace, image: str, class_name: str, plane: int | None = None
) -> Work[Labels]:
    """Outline every piece that the session's head gives to a class.

    Returns
    -------
    array
        int32 of the plane's shape: 0 is nothing, 1 ... n the objects, large ones
        first. Where the segmenter disagrees with the head, the head's piece stays.

    Raises
    ------
    BadInput
        If there is no head, or it does not know the class.
    """
    source = ws.image(image)
    index = source.plane_index(plane)
    value = class_of(ws.labelling, class_name).value
    head = ws.labelling.head
    if head is None:
        raise BadInput("There is no head yet: annotate two classes and fit first")
    if value not in head.values:
        raise BadInput(f"The head does not know the class {class_name!r}: fit it again")
    row = list(head.values).index(value)
    biases = {
        number: bias
        for (name, number), bias in ws.labelling.thresholds.items()
        if name == image
    }
    reader, model, crops = ws.planes, ws.segmenter, ws.crops

    def steps() -> Steps[Labels]:
        features = yield from reader.features(source, index)
        _, probabilities, _ = predict_plane(head, features, biases)
        rgb = to_rgb(normalised(source, index))
        with model.use() as segmenter:
            labels = yield from outlined_pieces(
                rgb, f"{source.uid}:{index}", probabilities[row], 0.5, segmenter, crops
            )
        return labels

    return Work(f"Outlining {class_name} in {image}", steps, lambda labels: labels)


def _in_hand(ws: Workspace, image: str, index: int) -> NDArray[np.bool_] | None:
    mask = ws.labelling.masks.get((image, index))
    return None if mask is None or not mask.data.any() else mask.data
