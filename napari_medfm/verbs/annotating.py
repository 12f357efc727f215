"""The user's gestures on images: classes, annotations, thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from napari_medfm.core.arguments import number_of, whole_of
from napari_medfm.core.errors import BadInput
from napari_medfm.core.labels import LabelClass
from napari_medfm.verbs import labelling as edit
from napari_medfm.verbs.gesture import Deed
from napari_medfm.verbs.workspace import Workspace


def add_class(ws: Workspace, name: str, colour: str | None = None) -> Deed[LabelClass]:
    """Add a class; values are 1, 2, ... in the order added, 0 is "background".

    Raises
    ------
    BadInput
        If the name is taken or empty, or the colour is not #rrggbb.
    """
    new = edit.with_class(ws.labelling, name, colour)

    def do() -> LabelClass:
        ws.change(new)
        return new.classes[-1]

    return Deed(do)


def annotate(
    ws: Workspace,
    image: str,
    class_name: str,
    points: ArrayLike | None = None,
    mask: Any = None,
    plane: int | None = None,
) -> Deed[int]:
    """Give places on an image to a class, and return the annotation's id.

    Parameters
    ----------
    points
        Positions (n, ndim), or (n, 2) on ``plane`` of a volume.
    mask
        Boolean array of the image's shape, or of a plane's with ``plane``.

    Raises
    ------
    BadInput
        If the image or class is unknown, or the places do not lie on the image.
    """
    source, annotation_id = ws.image(image), ws.labelling.next_id
    new = edit.with_annotation(ws.labelling, source, class_name, points, mask, plane)

    def do() -> int:
        ws.change(new)
        return annotation_id

    plane = getattr(mask, "plane", None) if plane is None else plane
    written = {"points": points, "mask": mask, "plane": plane}
    return Deed(do, (image, class_name), written)


def remove(ws: Workspace, annotation_id: int) -> Deed[None]:
    """Take one annotation away.

    Raises
    ------
    BadInput
        If there is none of that number.
    """
    wanted = whole_of(annotation_id, "An annotation's id", 1, ws.labelling.next_id)
    new = edit.without_annotation(ws.labelling, wanted)
    return Deed(lambda: ws.change(new))


def set_threshold(
    ws: Workspace, image: str, class_name: str, threshold: float
) -> Deed[None]:
    """Say from which probability on a class counts on one image; 0.5 is neutral.

    Raises
    ------
    BadInput
        If it does not lie between 0 and 1.
    """
    ws.image(image)
    value = edit.class_of(ws.labelling, class_name).value
    chosen = number_of(threshold, "threshold")
    if not 0 < chosen < 1:
        raise BadInput(f"A threshold lies between 0 and 1, got {threshold}")
    bias = float(np.log((1 - chosen) / chosen))
    thresholds = {**ws.labelling.thresholds, (image, value): bias}
    return Deed(lambda: ws.change(ws.labelling.but(thresholds=thresholds)))
