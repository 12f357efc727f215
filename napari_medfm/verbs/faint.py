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
from napari_medfm.verbs.labelling import (
    label_map,
    owners,
    whole_plane,
    with_annotations,
)
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
    if not len(marked) and not _has_accepted(state, image, plane):
        raise BadInput(
            f"Nothing is labelled on this plane of {image.name!r} yet: mark or accept "
            "something first; what is left is the rest"
        )
    left = [
        place
        for place in raster
        if not _is_near(marked, place, gap)
        and not _is_near(_accepted_near(state, image, plane, place, gap), place, gap)
    ]
    if not left:
        raise BadInput("Nothing is left: labels are near every place of the plane")
    return np.array(left).astype(np.intp)


def _marked(state: Labelling, image: Image, plane: int) -> NDArray[np.int32]:
    """Return the pixels (n, 2) of a plane that are marked for certain, row by row."""
    found = [np.empty((0, 2), np.int32)]
    for annotation in state.annotations:
        certain = annotation.weight == 1 and annotation.level == "pixel"
        if annotation.image == image.name and certain:
            pixels = annotation.pixels
            if image.ndim == 3:
                pixels = pixels[pixels[:, 0] == plane, 1:]
            found.append(pixels)
    pixels = np.concatenate(found)
    return pixels[np.argsort(pixels[:, 0], kind="stable")]


def _has_accepted(state: Labelling, image: Image, plane: int) -> bool:
    """Whether anything accepted is left on a plane."""
    items = [
        a for a in state.accepted if a.image == image.name and a.plane in (None, plane)
    ]
    if not items:
        return False
    boxes = np.array([item.region or whole_plane(image) for item in items])
    around = Box(*boxes[:, :2].min(0), *boxes[:, 2:].max(0))
    parts = owners(items, image, around)
    return any(part.plane == plane and part.labels.any() for part in parts)


def _accepted_near(
    state: Labelling, image: Image, plane: int, place: NDArray[Any], gap: float
) -> NDArray[np.intp]:
    """Return the pixels (n, 2) around a place that are accepted, row by row."""
    around = (
        Box(*(place - gap), *(place + gap + 1)).rounded().clipped(image.plane_shape)
    )
    labels = label_map(state, image, around)
    on_plane = labels if image.ndim == 2 else labels[plane]
    found: NDArray[np.intp] = np.argwhere(on_plane)
    return found + np.array([around.row0, around.col0], np.intp)


def _is_near(pixels: NDArray[Any], place: NDArray[Any], gap: float) -> bool:
    """Whether any of the pixels (n, 2), row by row, is within ``gap`` of a place."""
    low, high = np.searchsorted(pixels[:, 0], [place[0] - gap, place[0] + gap + 1])
    away = np.hypot(*(pixels[low:high] - place).T)
    return bool((away <= gap).any())
