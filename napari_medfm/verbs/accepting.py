"""What of a mask, prediction or array goes into a label map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medfm.core.arguments import array_of, choice_of, facts_of
from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import Box
from napari_medfm.core.image import Image
from napari_medfm.core.lazy import values_of
from napari_medfm.core.results import Mask, Prediction
from napari_medfm.core.runs import Runs, Values
from napari_medfm.core.state import Accepted, Labelling
from napari_medfm.verbs.gesture import Deed
from napari_medfm.verbs.labelling import (
    by_hand,
    class_of,
    label_map,
    whole_plane,
    with_accepted,
)
from napari_medfm.verbs.workspace import Workspace

Origin = Literal["mask", "prediction", "similarity", "edited", "imported", "imported"]


def accept(  # noqa: PLR0913  one keyword per fact about what is accepted
    ws: Workspace,
    image: str,
    what: Mask | Prediction | Runs | Values | NDArray[Any] | None = None,
    class_name: str | None = None,
    plane: int | None = None,
    origin: Origin | None = None,
    provenance: Mapping[str, Any] | None = None,
    keep_by_hand: bool = False,
    region: ArrayLike | None = None,
) -> Deed[None]:
    """Take a mask or prediction into the image's label map.

    Parameters
    ----------
    what
        A `Mask`, a `Prediction`, a boolean array, or an array of class values,
        which replaces what was there; the plane's mask in hand if None.
    class_name
        Class of a mask or boolean array; the first class if there is just one.
    plane
        Plane of a volume, where ``what`` has a plane's shape.
    origin
        What kind of thing an array is. "similarity" says that it was cut from the
        last similarity map asked of this image.
    provenance
        How an array was made, as JSON values; masks and predictions carry it along.
    keep_by_hand
        Leave what was accepted otherwise than from a prediction (outlines, similar
        places, edits, erasures) as it is, whatever ``what`` says there.
    region
        Part (row0, col0, row1, col1) of a plane that an array is of; what is outside
        stays as it was. Masks and predictions know theirs.

    Raises
    ------
    BadInput
        If there is nothing to accept, or it does not fit image and classes.
    """
    source, state = ws.image(image), ws.labelling
    if not isinstance(keep_by_hand, bool):
        raise BadInput(f"keep_by_hand is True or False, got {keep_by_hand!r}")
    if origin is not None:
        choice_of(origin, "origin", get_args(Origin))
    if isinstance(what, Mask) and what.axis:
        what = in_volume(what, source)
    asked = what
    if what is None:
        what = _in_hand(state, source, plane)
    given = None if provenance is None else facts_of(provenance, "provenance")
    carried = given or getattr(what, "provenance", None)
    if carried is None and origin == "similarity":
        carried = _similar(ws, source)
    own = getattr(what, "region", None)
    box = own if region is None else Box.of(region).rounded()
    part = None if box is None else box.clipped(source.plane_shape)
    is_predicted = isinstance(what, Prediction)
    item = accepted_region(
        state, source, what, class_name, plane, origin, carried, part
    )
    if keep_by_hand:
        item = _around(item, state, source)
    written = {
        "plane": getattr(what, "plane", None) if plane is None else plane,
        "origin": origin,
        "provenance": None if asked is None or is_predicted else carried,
        "keep_by_hand": keep_by_hand or None,
        "region": None if part is None else list(part),
    }
    return Deed(
        lambda: ws.change(with_accepted(state, item)),
        (image, asked, class_name),
        written,
    )


def _around(item: Accepted, state: Labelling, image: Image) -> Accepted:
    """Leave what the user said as it is."""
    shape = item.labels.shape
    values = item.labels.reshape(-1, *shape[-2:])
    first, origin = item.plane or 0, item.region or whole_plane(image)
    kept = values
    for box in _by_hand_in(state, image, origin):
        size = int(box.height), int(box.width)
        planes = slice(first, first + len(values))
        hand = by_hand(state, image, box).reshape(-1, *size)[planes]
        labels = label_map(state, image, box).reshape(-1, *size)[planes]
        rows, cols = box.seen_from(origin).slices
        here = values[:, rows, cols]
        if (hand & (here != labels)).any():
            kept = values.copy() if kept is values else kept
            kept[:, rows, cols] = np.where(hand, labels, here)
    return item if kept is values else replace(item, labels=kept.reshape(shape))


def _by_hand_in(state: Labelling, image: Image, box: Box) -> list[Box]:
    """Return the parts of a box that anything but a prediction was said of."""
    found = []
    for item in state.accepted:
        if item.image != image.name or item.origin == "prediction":
            continue
        common = (item.region or whole_plane(image)).common(box)
        if common is not None:
            found.append(common)
    return [box] if box in found else found


def keeping_by_hand(what: Prediction, state: Labelling, image: Image) -> Prediction:
    """Return a prediction that says what the user said, where the user did.

    Accepting it with ``keep_by_hand`` then changes nothing any more, and so is quick.
    """
    item = accepted_region(state, image, what, None, None, None, None, what.region)
    return replace(what, labels=_around(item, state, image).labels)


def _similar(ws: Workspace, image: Image) -> Mapping[str, Any]:
    try:
        return ws.similar[image.uid]
    except KeyError:
        raise BadInput(
            f"No similarity map of {image.name!r} was asked for: use similarity first, "
            "or leave out origin"
        ) from None


def accepted_region(  # noqa: PLR0913  one keyword per fact about what is accepted
    labelling: Labelling,
    image: Image,
    what: Mask | Prediction | Runs | Values | NDArray[Any],
    class_name: str | None,
    plane: int | None,
    origin: Origin | None,
    provenance: Mapping[str, Any] | None = None,
    region: Box | None = None,
) -> Accepted:
    """Turn what was accepted into class values on a plane or on the whole image.

    Raises
    ------
    BadInput
        If there is nothing to accept, the class is unclear, or the shape or values do
        not fit.
    """
    if isinstance(what, Prediction):
        on_plane, values = _predicted(labelling, image, what, plane, region)
        over, kind = False, "prediction"
    else:
        on_plane, array = _array(image, what, plane, region)
        over, kind = array.dtype == bool, "mask" if array.dtype == bool else "edited"
        if over:
            value = _single_class(labelling, class_name)
            array, region = _cropped(array, region)
            values = array.astype(_dtype(labelling))
            values *= value
        else:
            values = _class_values(labelling, array)
    made = dict(provenance or {"made_by": "given by the user"})
    return Accepted(image.name, on_plane, values, over, origin or kind, made, region)


def in_volume(mask: Mask, image: Image) -> Mask:
    """Return a mask of a plane across another axis as one of the volume.

    Raises
    ------
    BadInput
        If it is of another image.
    """
    check_of(mask, image)
    volume = np.zeros(image.shape, bool)
    np.moveaxis(volume, mask.axis, 0)[mask.plane or 0] = mask.data
    return replace(mask, data=volume, plane=None, alternatives=(), axis=0)


def _cropped(
    mask: NDArray[np.bool_], region: Box | None
) -> tuple[NDArray[np.bool_], Box | None]:
    """Return a mask without what is false all around it, and where that lies."""
    around = Box.around(np.asarray(mask if mask.ndim == 2 else mask.any(0)))
    if around is None:
        return mask, region
    row, col = (0.0, 0.0) if region is None else (region.row0, region.col0)
    place = Box(
        around.row0 + row, around.col0 + col, around.row1 + row, around.col1 + col
    )
    return mask[(..., *around.slices)], place


def _in_hand(labelling: Labelling, image: Image, plane: int | None) -> Mask:
    """Return the mask in hand on a plane.

    Raises
    ------
    BadInput
        If there is none.
    """
    found = labelling.masks.get((image.name, image.plane_index(plane)))
    if found is None:
        raise BadInput("There is no mask in hand here: segment something first")
    return found


def _array(
    image: Image,
    what: Mask | Runs | Values | NDArray[Any],
    plane: int | None,
    region: Box | None,
) -> tuple[int | None, NDArray[Any]]:
    if isinstance(what, Mask):
        check_of(what, image)
        what = in_volume(what, image) if what.axis else what
        plane = what.plane if plane is None else plane
        what = what.data
    if isinstance(what, Values):
        what = what.array()
    array = what.mask() if isinstance(what, Runs) else array_of(what, "Labels")
    return _plane_of(image, array.shape, plane, region), array


def check_of(what: Mask | Prediction, image: Image) -> None:
    """Refuse an answer that is of another image.

    Raises
    ------
    BadInput
        If it is, also where that one had the same name.
    """
    kind = "prediction" if isinstance(what, Prediction) else "mask"
    if what.image != image.name:
        raise BadInput(
            f"This is a {kind} of {what.image!r}, not of {image.name!r}: make one of "
            "that image first"
        )
    if what.image_uid not in (None, image.uid):
        raise BadInput(
            f"This {kind} is of an image that was called {image.name!r} before: make "
            "one of the image that is there now"
        )


def _predicted(
    labelling: Labelling,
    image: Image,
    what: Prediction,
    plane: int | None,
    region: Box | None,
) -> tuple[int | None, NDArray[Any]]:
    """Return a prediction's labels; planes that were not predicted stay as they are."""
    check_of(what, image)
    if what.labels.shape != _shape(image, region):
        raise BadInput(
            f"This prediction has shape {what.labels.shape}, {image.name!r} has "
            f"{_shape(image, region)}: predict that image first"
        )
    here = {(c.name, c.value) for c in labelling.classes}
    strange = [c.name for c in what.classes if (c.name, c.value) not in here]
    if strange:
        raise BadInput(
            f"The head's classes {', '.join(strange)} are not this session's: take the "
            "head with use_head first"
        )
    if image.ndim == 2:
        return None, np.asarray(what.labels)
    if plane is not None:
        return image.plane_index(plane), what.labels[image.plane_index(plane)]
    if what.planes is None:
        return None, np.asarray(what.labels)
    values = label_map(labelling, image, region).astype(_dtype(labelling))
    for index in what.planes:
        values[index] = what.labels[index]
    return None, values


def _shape(image: Image, region: Box | None) -> tuple[int, ...]:
    """Shape of what is said of an image, or of a region of its planes."""
    if region is None:
        return image.shape
    return *image.shape[:-2], int(region.height), int(region.width)


def _plane_of(
    image: Image, shape: tuple[int, ...], plane: int | None, region: Box | None
) -> int | None:
    wanted = _shape(image, region)
    if shape == wanted:
        return None
    if image.ndim == 3 and shape == wanted[1:]:
        return image.plane_index(plane)
    where = f"{image.name!r} of shape {image.shape}"
    if region is not None:
        where = f"a region of {wanted[-2]} x {wanted[-1]} pixels of {where}"
    raise BadInput(f"Labels of shape {shape} do not fit {where}")


def _single_class(labelling: Labelling, class_name: str | None) -> int:
    if class_name is not None:
        return class_of(labelling, class_name).value
    real = [c for c in labelling.classes if c.value]
    if len(real) != 1:
        names = ", ".join(repr(c.name) for c in real) or "none yet; use add_class"
        raise BadInput(f"Say which class it is: {names}")
    return real[0].value


def _class_values(labelling: Labelling, array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype.kind not in "ui":
        raise BadInput(f"Labels are whole numbers (class values), not {array.dtype}")
    known = {c.value for c in labelling.classes}
    unknown = sorted(set(values_of(array)) - known)
    if unknown:
        raise BadInput(
            f"The values {unknown[:5]} belong to no class: use add_class first"
        )
    return array.astype(_dtype(labelling))


def _dtype(labelling: Labelling) -> type[np.unsignedinteger[Any]]:
    largest = max(c.value for c in labelling.classes)
    return np.uint8 if largest < 256 else np.uint16
