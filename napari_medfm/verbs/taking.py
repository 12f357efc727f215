"""Training labels from label maps: given ones, and those that were accepted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.arguments import array_of, list_of, shown
from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import Box
from napari_medfm.core.image import Image
from napari_medfm.core.labels import Annotation
from napari_medfm.core.runs import Values
from napari_medfm.core.state import Labelling
from napari_medfm.verbs.annotating import teaching
from napari_medfm.verbs.gesture import Deed
from napari_medfm.verbs.labelling import owners, with_annotations
from napari_medfm.verbs.regions import check_shape, mask_pixels
from napari_medfm.verbs.workspace import Workspace


def annotate_labels(
    ws: Workspace,
    image: str,
    labels: Values | NDArray[Any],
    classes: Mapping[int, str] | None = None,
    plane: int | None = None,
) -> Deed[list[int]]:
    """Learn from a label map: one annotation a class, returned as their ids.

    Parameters
    ----------
    labels
        Whole numbers of the image's shape, or of a plane's with ``plane``.
    classes
        Value in the map -> class name (or "ignore"); other values are left out. If
        None, values are those of the session's classes, and 0 is left out.

    Raises
    ------
    BadInput
        If the map does not fit, or a value belongs to no class.
    """
    source, state = ws.image(image), ws.labelling
    array = labels.array() if isinstance(labels, Values) else array_of(labels, "labels")
    if array.dtype.kind not in "ui":
        raise BadInput(f"A label map holds whole numbers, not {array.dtype}")
    check_shape(source, array.shape, plane, "The label map")
    wanted = _wanted(state, classes, array)
    made = [
        Annotation(0, image, value, "pixel", "mask", pixels)
        for number, value in sorted(wanted.items())
        if len(pixels := mask_pixels(source, array == number, plane))
    ]
    written = {"classes": classes, "plane": plane}
    what = Values.of(array.astype(np.int64))
    return Deed(_adding(ws, made), (image, what), written)


def annotate_accepted(
    ws: Workspace, images: Sequence[str] | None = None, background: bool = False
) -> Deed[list[int]]:
    """Learn from what was accepted: one annotation a region and class.

    Masks of a segmenter become training labels this way; the head's card then names
    the models that made them.

    Parameters
    ----------
    images
        Names; every image with accepted labels if None.
    background
        Also learn that the rest of the planes that have labels is background.

    Returns
    -------
    list of int
        The annotations' ids; each can be removed alone.

    Raises
    ------
    BadInput
        If nothing was accepted on these images.
    """
    state = ws.labelling
    having = dict.fromkeys(item.image for item in state.accepted)
    names = list(having) if images is None else list_of(images, "images")
    sources = [ws.image(name) for name in names]
    if not isinstance(background, (bool, np.bool_)):
        raise BadInput(f"background is True or False, got {shown(background)}")
    made = [a for image in sources for a in _accepted(state, image, bool(background))]
    if not made:
        raise BadInput("Nothing was accepted on these images: accept masks first")
    return Deed(_adding(ws, made))


def _adding(ws: Workspace, made: Sequence[Annotation]) -> Callable[[], list[int]]:
    new = with_annotations(ws.labelling, made)
    ids = list(range(ws.labelling.next_id, new.next_id))

    def do() -> list[int]:
        ws.change(new)
        return ids

    return do


def _wanted(
    state: Labelling, classes: Mapping[int, str] | None, array: NDArray[Any]
) -> dict[int, int]:
    """Return value in the map -> class value."""
    if classes is None:
        known = {c.value for c in state.classes}
        found = {int(v) for v in np.unique(array)} - {0}
        if found - known:
            raise BadInput(
                f"The values {sorted(found - known)[:5]} belong to no class: give "
                "classes={value: name}"
            )
        return {value: value for value in found}
    try:
        numbers = {int(value): name for value, name in dict(classes).items()}
    except (TypeError, ValueError):
        numbers = {}
    if not numbers:
        raise BadInput(f"classes is {{value: name}}, got {shown(classes)}")
    return {number: teaching(state, name).value for number, name in numbers.items()}


def _accepted(state: Labelling, image: Image, background: bool) -> list[Annotation]:
    items = [a for a in state.accepted if a.image == image.name]
    found: dict[tuple[int, int], list[NDArray[np.int32]]] = defaultdict(list)
    for part in owners(items, image):
        plane, owner, labels, box = part.plane, part.owner, part.labels, part.box
        for number in np.unique(owner[labels != 0]).tolist():
            own = owner == number
            for value in np.unique(labels[own & (labels != 0)]).tolist():
                places = _on(image, own & (labels == value), plane, box)
                found[number, value].append(places)
        if background and labels.any():
            found[-1, 0].append(_on(image, labels == 0, plane, box))
    return [
        Annotation(
            id=0,
            image=image.name,
            value=value,
            level="pixel",
            kind="mask",
            pixels=np.concatenate(parts),
            provenance=items[number].provenance if number >= 0 else {},
        )
        for (number, value), parts in sorted(found.items())
        if sum(map(len, parts))
    ]


def _on(
    image: Image, mask: NDArray[np.bool_], plane: int, box: Box
) -> NDArray[np.int32]:
    """Return the pixels of a mask of a part of a plane."""
    origin = np.array([box.row0, box.col0])
    pixels: NDArray[np.int32] = (np.argwhere(mask) + origin).astype(np.int32)
    if image.ndim == 2:
        return pixels
    return np.column_stack([np.full(len(pixels), plane, np.int32), pixels])
