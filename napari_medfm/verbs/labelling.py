"""What the user's gestures do to a labelling: pure, each returns a new one."""

from __future__ import annotations

import re
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medfm.core.arguments import shown
from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import pixel_index, points_on
from napari_medfm.core.image import Image
from napari_medfm.core.labels import Annotation, LabelClass
from napari_medfm.core.runs import as_mask
from napari_medfm.core.state import Accepted, Labelling

# Okabe and Ito's palette, which colour-blind people can tell apart.
PALETTE = (
    "#e69f00",
    "#56b4e9",
    "#009e73",
    "#f0e442",
    "#0072b2",
    "#d55e00",
    "#cc79a7",
    "#999999",
)
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_MAX_CLASSES = 65535
_MAX_NAME = 200


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


def class_name(name: Any) -> str:
    """Return a new class's name without blanks around it.

    Raises
    ------
    BadInput
        If it is empty, too long, or no text.
    """
    if not isinstance(name, str) or not name.strip():
        raise BadInput(f"A class needs a name, got {shown(name)}")
    if len(name) > _MAX_NAME or not name.isprintable():
        raise BadInput(f"A class's name is one line of up to {_MAX_NAME} characters")
    return name.strip()


def check_colour(colour: Any) -> None:
    """Refuse what is no colour; None is for none given.

    Raises
    ------
    BadInput
        If it is not of the form #rrggbb.
    """
    if colour is None:
        return
    if not isinstance(colour, str) or not _COLOUR.fullmatch(colour):
        raise BadInput(f"A colour is written #rrggbb, got {shown(colour)}")


def with_class(labelling: Labelling, name: str, colour: str | None) -> Labelling:
    """Add a class with the next free value.

    Raises
    ------
    BadInput
        If the name is empty or taken, or the colour is not of the form #rrggbb.
    """
    name = class_name(name)
    if any(c.name == name for c in labelling.classes):
        raise BadInput(f"There already is a class {name!r}: choose another name")
    check_colour(colour)
    value = max(c.value for c in labelling.classes) + 1
    if value > _MAX_CLASSES:
        raise BadInput(f"More than {_MAX_CLASSES} classes do not fit into a label map")
    colour = colour or PALETTE[(value - 1) % len(PALETTE)]
    return labelling.but(classes=(*labelling.classes, LabelClass(name, value, colour)))


def with_annotation(
    labelling: Labelling,
    image: Image,
    name: str,
    points: ArrayLike | None,
    mask: Any,
    plane: int | None,
) -> Labelling:
    """Give clicked or painted pixels to a class.

    Raises
    ------
    BadInput
        If neither or both of ``points`` and ``mask`` are given, nothing is marked, or
        it does not lie on the image.
    """
    label_class = class_of(labelling, name)
    if (points is None) == (mask is None):
        raise BadInput("Give either points=[...] or mask=array to annotate")
    kind: Literal["points", "mask"] = "mask" if points is None else "points"
    if points is not None:
        pixels = pixel_index(points_on(_on_plane(image, points, plane), image.shape))
    else:
        pixels = _mask_pixels(image, mask, plane)
    if not len(pixels):
        raise BadInput("Nothing was marked: give at least one point or painted pixel")
    annotation = Annotation(
        id=labelling.next_id,
        image=image.name,
        value=label_class.value,
        level="pixel",
        kind=kind,
        pixels=np.unique(pixels.astype(np.int32), axis=0),
    )
    return labelling.but(
        annotations=(*labelling.annotations, annotation),
        next_id=labelling.next_id + 1,
    )


def _on_plane(image: Image, points: ArrayLike, plane: int | None) -> ArrayLike:
    if plane is None or image.ndim == 2:
        return points
    flat = points_on(points, image.plane_shape)
    return np.column_stack([np.full(len(flat), image.plane_index(plane)), flat])


def _mask_pixels(image: Image, mask: Any, plane: int | None) -> NDArray[np.intp]:
    array = as_mask(mask)
    if plane is None:
        plane = getattr(mask, "plane", None)
    if array.shape == image.shape:
        return np.argwhere(array)
    if image.ndim == 3 and array.shape == image.plane_shape and plane is not None:
        found = np.argwhere(array)
        return np.column_stack([np.full(len(found), image.plane_index(plane)), found])
    wanted = f"{image.shape}"
    if image.ndim == 3:
        wanted += f", or {image.plane_shape} with plane="
    raise BadInput(f"The mask has shape {array.shape}; {image.name!r} needs {wanted}")


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
    counts = np.zeros(len(items) + 1, np.int64)
    changed: set[int] = set()
    for plane in range(image.n_planes):
        owner = np.zeros(image.plane_shape, np.int32)
        labels = np.zeros(image.plane_shape, np.uint16)
        for number, item in enumerate(items, 1):
            if item.plane not in (None, plane):
                continue
            flat = item.labels.reshape(-1, *image.plane_shape)
            values = flat[plane if item.plane is None else 0]
            where = (values != 0) | (not item.over)
            if item.origin == "edited":
                where &= values != labels
                if where.any():
                    changed.add(number)
            labels[where] = values[where]
            owner[where] = number
        counts += np.bincount(owner[labels != 0], minlength=len(counts))
    return [
        (item, int(counts[number]))
        for number, item in enumerate(items, 1)
        if counts[number] or number in changed
    ]


def with_accepted(labelling: Labelling, accepted: Accepted) -> Labelling:
    """Take a region into the label map of its image."""
    return labelling.but(accepted=(*labelling.accepted, accepted))
