"""What the user's gestures do to a labelling: pure, each returns a new one."""

from __future__ import annotations

import re
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

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
    raise BadInput(f"No class {name!r}: there are {known}. Use add_class first")


def with_class(labelling: Labelling, name: str, colour: str | None) -> Labelling:
    """Add a class with the next free value.

    Raises
    ------
    BadInput
        If the name is empty or taken, or the colour is not of the form #rrggbb.
    """
    name = name.strip()
    if not name:
        raise BadInput("A class needs a name")
    if any(c.name == name for c in labelling.classes):
        raise BadInput(f"There already is a class {name!r}: choose another name")
    if colour is not None and not _COLOUR.fullmatch(colour):
        raise BadInput(f"A colour is written #rrggbb, got {colour!r}")
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
        raise BadInput(f"There is no annotation number {annotation_id}")
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


def with_accepted(labelling: Labelling, accepted: Accepted) -> Labelling:
    """Take a region into the label map of its image."""
    return labelling.but(accepted=(*labelling.accepted, accepted))
