"""Weak labels: what nobody marked is probably background."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.arguments import number_of
from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import Box
from napari_medfm.core.image import Image
from napari_medfm.core.labels import Annotation
from napari_medfm.core.state import Labelling
from napari_medfm.verbs.annotating import teaching, weight_of
from napari_medfm.verbs.gesture import Deed
from napari_medfm.verbs.labelling import owners, whole_plane, with_annotations
from napari_medfm.verbs.regions import point_pixels
from napari_medfm.verbs.workspace import Workspace

FAINT = 0.1
_PLACES = 64
_GAP = 0.05
_LEAST_GAP = 8.0


def annotate_rest(
    ws: Workspace,
    image: str,
    class_name: str = "background",
    plane: int | None = None,
    weight: float = FAINT,
    gap: float | None = None,
) -> Deed[int]:
    """Say that a plane is probably of one class where nothing is labelled.

    Some 64 places spread evenly over the plane become faint examples, but for those
    near anything that is marked or accepted there. What you mark later outweighs them.

    Parameters
    ----------
    plane
        Plane of a volume.
    weight
        How much each counts beside a mark that is certain, above 0, at most 1.
    gap
        How many pixels they stay away from labels; a twentieth of the plane's shorter
        side, 8 at least, if None.

    Returns
    -------
    int
        The annotation's id: `remove` takes all of them away.

    Raises
    ------
    BadInput
        If nothing is labelled on the plane yet, or nothing of it is left.
    """
    source, annotation_id = ws.image(image), ws.labelling.next_id
    value = teaching(ws.labelling, class_name).value
    index = source.plane_index(plane)
    sure = weight_of(weight)
    apart = max(_LEAST_GAP, _GAP * min(source.plane_shape))
    if gap is not None:
        apart = number_of(gap, "gap")
        if apart < 0:
            raise BadInput(f"gap is a number of pixels, 0 or more, got {gap}")
    places = _far_from_labels(ws.labelling, source, index, apart)
    made = Annotation(
        id=0,
        image=image,
        value=value,
        level="pixel",
        kind="points",
        pixels=point_pixels(source, places, index if source.ndim == 3 else None),
        provenance={"made_by": "what nobody labelled", "gap": apart},
        weight=sure,
    )
    new = with_annotations(ws.labelling, [made])

    def do() -> int:
        ws.change(new)
        return annotation_id

    return Deed(do)


def _far_from_labels(
    state: Labelling, image: Image, plane: int, gap: float
) -> NDArray[np.intp]:
    """Return places (n, 2) of an even raster that no label is near to."""
    height, width = image.plane_shape
    step = max(1.0, np.sqrt(height * width / _PLACES))
    rows, cols = (
        ((np.arange(max(1, round(side / step))) + 0.5) * side)
        // max(1, round(side / step))
        for side in (height, width)
    )
    raster = np.stack(np.meshgrid(rows, cols, indexing="ij"), -1).reshape(-1, 2)
    marked = _marked(state, image, plane)
    if not marked.any():
        raise BadInput(
            f"Nothing is labelled on this plane of {image.name!r} yet: mark or accept "
            "something first; what is left is the rest"
        )
    left = raster[[not _near(marked, place, gap) for place in raster]]
    if not len(left):
        raise BadInput("Nothing is left: labels are near every place of the plane")
    return left.astype(np.intp)


def _marked(state: Labelling, image: Image, plane: int) -> NDArray[np.bool_]:
    """Return where something certain is marked or accepted on a plane."""
    found: NDArray[np.bool_] = np.zeros(image.plane_shape, bool)
    for annotation in state.annotations:
        pixels = annotation.pixels
        certain = annotation.weight == 1 and annotation.level == "pixel"
        if annotation.image != image.name or not certain:
            continue
        if image.ndim == 3:
            pixels = pixels[pixels[:, 0] == plane, 1:]
        found[pixels[:, 0], pixels[:, 1]] = True
    items = [a for a in state.accepted if a.image == image.name]
    for part in owners(items, image, whole_plane(image)):
        if part.plane == plane:
            found[part.box.slices] |= part.labels != 0
    return found


def _near(marked: NDArray[np.bool_], place: NDArray[Any], gap: float) -> bool:
    """Whether anything is marked within ``gap`` pixels of a place."""
    around = Box(*(place - gap), *(place + gap + 1)).rounded().clipped(marked.shape)
    rows, cols = np.nonzero(marked[around.slices])
    away = np.hypot(rows + around.row0 - place[0], cols + around.col0 - place[1])
    return bool((away <= gap).any())
