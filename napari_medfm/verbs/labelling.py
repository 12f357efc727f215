"""What the user's gestures do to a labelling: pure, each returns a new one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.arguments import shown
from napari_medfm.core.errors import BadInput
from napari_medfm.core.image import Image
from napari_medfm.core.labels import Annotation, LabelClass
from napari_medfm.core.state import Accepted, Labelling


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


def label_map(labelling: Labelling, image: Image) -> NDArray[np.unsignedinteger[Any]]:
    """Paint all that was accepted for an image, in order, into one label map."""
    largest = max(c.value for c in labelling.classes)
    dtype = np.uint8 if largest < 256 else np.uint16
    labels = np.zeros((image.n_planes, *image.plane_shape), dtype)
    for item in labelling.accepted:
        if item.image != image.name:
            continue
        place = labels if item.plane is None else labels[item.plane]
        values = item.labels.reshape(place.shape)
        np.copyto(
            place, values, where=(values != 0) | (not item.over), casting="unsafe"
        )
    return labels.reshape(image.shape)


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
    for _, owner, labels, edits in owners(items, image):
        counts += np.bincount(owner[labels != 0], minlength=len(items))
        changed |= edits
    return [
        (item, int(counts[number]))
        for number, item in enumerate(items)
        if counts[number] or number in changed
    ]


def owners(
    items: Sequence[Accepted], image: Image
) -> Iterator[tuple[int, NDArray[np.int32], NDArray[np.uint16], set[int]]]:
    """Paint accepted regions plane by plane, keeping who painted.

    Yields
    ------
    plane, owner, labels, edits
        Number of the region that each pixel is from (0 where there is no label),
        the class values, and the edits that changed something.
    """
    by_head = np.array([item.origin == "prediction" for item in items], bool)
    for plane in range(image.n_planes):
        owner = np.zeros(image.plane_shape, np.int32)
        labels = np.zeros(image.plane_shape, np.uint16)
        edits = set()
        for number, item in enumerate(items):
            if item.plane not in (None, plane):
                continue
            flat = item.labels.reshape(-1, *image.plane_shape)
            values = flat[plane if item.plane is None else 0]
            where = (values != 0) | (not item.over)
            if item.origin == "edited":
                where &= values != labels
                if where.any():
                    edits.add(number)
            elif item.origin == "prediction":
                # What it agrees with stays the word of the user who said it.
                where &= (values != labels) | by_head[owner]
            labels[where] = values[where]
            owner[where] = number
        yield plane, owner, labels, edits


def by_hand(labelling: Labelling, image: Image) -> NDArray[np.bool_]:
    """Return where the user, not a head, had the last word, of the image's shape.

    Outlines, similar places, edits and erasures are the user's; also where a prediction
    was accepted later and agreed.
    """
    items = [a for a in labelling.accepted if a.image == image.name]
    found = np.zeros((image.n_planes, *image.plane_shape), bool)
    user = np.array([item.origin != "prediction" for item in items], bool)
    edited = np.array([item.origin == "edited" for item in items], bool)
    for plane, owner, labels, _ in owners(items, image) if items else ():
        erased = edited[owner] & (owner > 0)
        found[plane] = np.where(labels != 0, user[owner], erased)
    return found.reshape(image.shape)


def with_accepted(labelling: Labelling, accepted: Accepted) -> Labelling:
    """Take a region into the label map of its image."""
    return labelling.but(accepted=(*labelling.accepted, accepted))
