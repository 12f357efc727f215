"""Classes that lie partly under others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.image import Image
from napari_medfm.core.lazy import values_of
from napari_medfm.core.state import Labelling
from napari_medfm.verbs.labelling import label_map


def overlaps_of(labelling: Labelling, image: Image) -> dict[int, NDArray[np.bool_]]:
    """Return the whole mask of each class that others were accepted over.

    A mask accepted over another hides it in the label map, and both are there; whatever
    replaces (an edit, a prediction, a given label map) leaves nothing underneath.

    Returns
    -------
    dict
        Class value -> mask of the image's shape, of classes that are not as the label
        map shows them.
    """
    items = [item for item in labelling.accepted if item.image == image.name]
    several = {value for item in items for value in values_of(item.labels)} - {0}
    if len(several) < 2:
        return {}
    shape = (image.n_planes, *image.plane_shape)
    found: dict[int, NDArray[np.bool_]] = {}
    for item in items:
        planes = slice(item.plane, None if item.plane is None else item.plane + 1)
        place = (planes, *item.part)
        values = item.labels.reshape(-1, *item.labels.shape[-2:])
        if not item.over:
            for mask in found.values():
                mask[place] = False
        for value in (v for v in values_of(item.labels) if v):
            mask = found.setdefault(value, np.zeros(shape, bool))
            mask[place] |= values == value
    shown = label_map(labelling, image).reshape(shape)
    return {
        value: mask.reshape(image.shape)
        for value, mask in found.items()
        if not np.array_equal(mask, shown == value)
    }
