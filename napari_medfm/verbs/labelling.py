"""What the user's gestures do to a labelling: pure, each returns a new one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.arguments import shown
from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import Box
from napari_medfm.core.image import Image
from napari_medfm.core.labels import Annotation, LabelClass
from napari_medfm.core.state import Accepted, Labelling

_BAND = 1 << 24


def class_of(labelling: Labelling, name: str) -> LabelClass:
    """Return a class by name.

    Raises
    ------
    BadInput
        If there is none of that name.
    """
    for label_class in labelling.classes:
        if label_class.name == name:
            return label_class
    known = ", ".join(repr(c.name) for c in labelling.classes)
    raise BadInput(f"No class {shown(name)}: there are {known}. Use add_class first")


def with_annotations(labelling: Labelling, new: Sequence[Annotation]) -> Labelling:
    """Add annotations, numbered from ``labelling.next_id`` on.

    Raises
    ------
    BadInput
        If there is nothing to add.
    """
    if not new:
        raise BadInput("Nothing was marked: give at least one point or painted pixel")
    numbered = tuple(
        replace(annotation, id=labelling.next_id + n)
        for n, annotation in enumerate(new)
    )
    return labelling.but(
        annotations=(*labelling.annotations, *numbered),
        next_id=labelling.next_id + len(new),
    )


def without_annotation(labelling: Labelling, annotation_id: int) -> Labelling:
    """Take one annotation away.

    Raises
    ------
    BadInput
        If there is none of that number.
    """
    kept = tuple(a for a in labelling.annotations if a.id != annotation_id)
    if len(kept) == len(labelling.annotations):
        raise BadInput(f"There is no annotation number {shown(annotation_id)}")
    return labelling.but(annotations=kept)


def without_image(labelling: Labelling, name: str) -> Labelling:
    """Take an image away with all that was said of it."""
    return labelling.but(
        images={k: v for k, v in labelling.images.items() if k != name},
        annotations=tuple(a for a in labelling.annotations if a.image != name),
        accepted=tuple(a for a in labelling.accepted if a.image != name),
        prompts={k: v for k, v in labelling.prompts.items() if k[0] != name},
        masks={k: v for k, v in labelling.masks.items() if k[0] != name},
        thresholds={k: v for k, v in labelling.thresholds.items() if k[0] != name},
        objects={k: v for k, v in labelling.objects.items() if k != name},
    )


def accepted_on(labelling: Labelling) -> list[str]:
    """Return the names of the images that labels were accepted on, in their order."""
    having = {item.image for item in labelling.accepted}
    return [name for name in labelling.images if name in having]


def label_map(
    labelling: Labelling, image: Image, box: Box | None = None
) -> NDArray[np.unsignedinteger[Any]]:
    """Paint all that was accepted for an image, in order, into one label map.

    Parameters
    ----------
    box
        Only this part of each plane, whole pixels; the map then has its shape.
    """
    largest = max(c.value for c in labelling.classes)
    dtype = np.uint8 if largest < 256 else np.uint16
    around = whole_plane(image) if box is None else box
    size = (int(around.height), int(around.width))
    labels = np.zeros((image.n_planes, *size), dtype)
    for item in labelling.accepted:
        if item.image == image.name:
            paint(labels, item, image, around)
    return labels.reshape(*image.shape[:-2], *size)


def paint(
    labels: NDArray[np.unsignedinteger[Any]], item: Accepted, image: Image, box: Box
) -> None:
    """Paint one accepted region onto labels (planes, rows, cols) of a box."""
    found = _within(item, image, box)
    if found is None:
        return
    (rows, cols), values = found
    planes = slice(None) if item.plane is None else slice(item.plane, item.plane + 1)
    place = labels[planes, rows, cols]
    if not item.over:
        place[:] = values
        return
    np.copyto(place, values, where=values != 0, casting="unsafe")


def whole_plane(image: Image) -> Box:
    """Return the box of all pixels of a plane."""
    return Box(0, 0, *image.plane_shape)


def _within(
    item: Accepted, image: Image, box: Box
) -> tuple[tuple[slice, slice], NDArray[np.unsignedinteger[Any]]] | None:
    """Return the part of a region in a box: where it lies there, and its values.

    The values are (planes, rows, cols); None if the two do not touch.
    """
    own = item.region or whole_plane(image)
    common = own.common(box)
    if common is None:
        return None
    flat = item.labels.reshape(-1, int(own.height), int(own.width))
    inner = common.seen_from(own).slices
    return common.seen_from(box).slices, flat[:, inner[0], inner[1]]


def contributions(labelling: Labelling, image: Image) -> list[tuple[Accepted, int]]:
    """Return what of an image's label map each accepted region is the origin of.

    Returns
    -------
    list of (region, pixels)
        In order; regions that nothing is left of are not among them. A pixel that an
        edit left as it was still belongs to the region before; every edit that changed
        something is listed, also one that only erased.
    """
    items = [a for a in labelling.accepted if a.image == image.name]
    counts = np.zeros(len(items), np.int64)
    changed: set[int] = set()
    for found in owners(items, image):
        counts += np.bincount(found.owner[found.labels != 0], minlength=len(items))
        changed |= found.edits
    return [
        (item, int(counts[number]))
        for number, item in enumerate(items)
        if counts[number] or number in changed
    ]


@dataclass(frozen=True, eq=False)
class Owners:
    """Who painted a part of a plane.

    Parameters
    ----------
    plane, box
        Where it lies.
    owner
        Number of the region that each pixel is from, 0 where there is no label.
    labels
        The class values.
    edits
        Numbers of the edits that changed something.
    """

    plane: int
    box: Box
    owner: NDArray[np.int32]
    labels: NDArray[np.uint16]
    edits: set[int]


def owners(
    items: Sequence[Accepted], image: Image, box: Box | None = None
) -> Iterator[Owners]:
    """Paint accepted regions plane by plane, keeping who painted.

    A large plane comes in several bands of rows, so that its size does not matter.

    Parameters
    ----------
    box
        Only this part of each plane.
    """
    by_head = np.array([item.origin == "prediction" for item in items], bool)
    around = whole_plane(image) if box is None else box
    step = max(1, _BAND // int(around.width))
    rows = range(int(around.row0), int(around.row1), step)
    for plane in range(image.n_planes):
        for first in rows:
            last = min(first + step, int(around.row1))
            band = Box(first, int(around.col0), last, int(around.col1))
            yield _owned(items, by_head, image, plane, band)


def _owned(
    items: Sequence[Accepted],
    by_head: NDArray[np.bool_],
    image: Image,
    plane: int,
    band: Box,
) -> Owners:
    size = (int(band.height), int(band.width))
    owner = np.zeros(size, np.int32)
    labels = np.zeros(size, np.uint16)
    edits = set()
    for number, item in enumerate(items):
        found = None if item.plane not in (None, plane) else _within(item, image, band)
        if found is None:
            continue
        part, every = found
        values = every[plane if item.plane is None else 0]
        here, owned = labels[part], owner[part]
        where = (values != 0) | (not item.over)
        if item.origin == "edited":
            where &= values != here
            if where.any():
                edits.add(number)
        elif item.origin == "prediction":
            # What it agrees with stays the word of the user who said it.
            where &= (values != here) | by_head[owned]
        here[where] = values[where]
        owned[where] = number
    return Owners(plane, band, owner, labels, edits)


def by_hand(
    labelling: Labelling, image: Image, box: Box | None = None
) -> NDArray[np.bool_]:
    """Return where the user, not a head, had the last word, of the image's shape.

    Outlines, similar places, edits and erasures are the user's; also where a prediction
    was accepted later and agreed.

    Parameters
    ----------
    box
        Only this part of each plane.
    """
    items = [a for a in labelling.accepted if a.image == image.name]
    around = whole_plane(image) if box is None else box
    size = (int(around.height), int(around.width))
    said = np.zeros((image.n_planes, *size), bool)
    user = np.array([item.origin != "prediction" for item in items], bool)
    edited = np.array([item.origin == "edited" for item in items], bool)
    for found in owners(items, image, around) if items else ():
        owner = found.owner
        erased = edited[owner] & (owner > 0)
        place = said[(found.plane, *found.box.seen_from(around).slices)]
        place[:] = np.where(found.labels != 0, user[owner], erased)
    return said.reshape(*image.shape[:-2], *size)


def with_accepted(labelling: Labelling, accepted: Accepted) -> Labelling:
    """Take a region into the label map of its image."""
    return labelling.but(accepted=(*labelling.accepted, accepted))
