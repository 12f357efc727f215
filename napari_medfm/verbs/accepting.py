"""What of a mask, prediction or array goes into a label map."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadInput
from napari_medfm.core.image import Image
from napari_medfm.core.results import Mask, Prediction
from napari_medfm.core.runs import Runs, Values
from napari_medfm.core.state import Accepted, Labelling
from napari_medfm.verbs.gesture import Deed
from napari_medfm.verbs.labelling import class_of, label_map, with_accepted
from napari_medfm.verbs.workspace import Workspace


def accept(
    ws: Workspace,
    image: str,
    what: Mask | Prediction | Runs | Values | NDArray[Any] | None = None,
    class_name: str | None = None,
    plane: int | None = None,
    origin: Literal["mask", "prediction", "similarity", "edited"] | None = None,
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

    Raises
    ------
    BadInput
        If there is nothing to accept, or it does not fit image and classes.
    """
    source, state = ws.image(image), ws.labelling
    item = accepted_region(state, source, what, class_name, plane, origin)
    plane = getattr(what, "plane", None) if plane is None else plane
    return Deed(
        lambda: ws.change(with_accepted(state, item)),
        (image, what, class_name),
        {"plane": plane, "origin": origin},
    )


def accepted_region(
    labelling: Labelling,
    image: Image,
    what: Mask | Prediction | Runs | Values | NDArray[Any] | None,
    class_name: str | None,
    plane: int | None,
    origin: str | None,
) -> Accepted:
    """Turn what was accepted into class values on a plane or on the whole image.

    Raises
    ------
    BadInput
        If there is nothing to accept, the class is unclear, or the shape or values do
        not fit.
    """
    if what is None:
        what = labelling.masks.get((image.name, image.plane_index(plane)))
        if what is None:
            raise BadInput("There is no mask in hand here: segment something first")
    provenance = dict(getattr(what, "provenance", {}))
    if isinstance(what, Prediction):
        on_plane, values = _predicted(labelling, image, what, plane)
        return Accepted(
            image.name, on_plane, values, False, origin or "prediction", provenance
        )
    if isinstance(what, Mask):
        plane = what.plane if plane is None else plane
        what = what.data
    if isinstance(what, Values):
        what = what.array()
    array = what.mask() if isinstance(what, Runs) else np.asarray(what)
    on_plane = _plane_of(image, array.shape, plane)
    if array.dtype == bool:
        value = _single_class(labelling, class_name)
        values = np.where(array, value, 0).astype(_dtype(labelling))
        return Accepted(
            image.name, on_plane, values, True, origin or "mask", provenance
        )
    values = _class_values(labelling, array)
    return Accepted(image.name, on_plane, values, False, origin or "edited", provenance)


def _predicted(
    labelling: Labelling, image: Image, what: Prediction, plane: int | None
) -> tuple[int | None, NDArray[Any]]:
    """Return a prediction's labels; planes that were not predicted stay as they are."""
    if what.image != image.name or what.labels.shape != image.shape:
        raise BadInput(
            f"This is a prediction of {what.image!r}, not of {image.name!r}: predict "
            "that image first"
        )
    here = {(c.name, c.value) for c in labelling.classes}
    strange = [c.name for c in what.classes if (c.name, c.value) not in here]
    if strange:
        raise BadInput(
            f"The head's classes {', '.join(strange)} are not this session's: take the "
            "head with use_head first"
        )
    if image.ndim == 2:
        return None, what.labels
    if plane is not None:
        return image.plane_index(plane), what.labels[image.plane_index(plane)]
    if what.planes is None:
        return None, what.labels
    values = label_map(labelling, image).astype(_dtype(labelling))
    for index in what.planes:
        values[index] = what.labels[index]
    return None, values


def _plane_of(image: Image, shape: tuple[int, ...], plane: int | None) -> int | None:
    if shape == image.shape:
        return None
    if image.ndim == 3 and shape == image.plane_shape:
        return image.plane_index(plane)
    raise BadInput(
        f"Labels of shape {shape} do not fit {image.name!r} of shape {image.shape}"
    )


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
    unknown = sorted(set(np.unique(array).tolist()) - known)
    if unknown:
        raise BadInput(
            f"The values {unknown[:5]} belong to no class: use add_class first"
        )
    return array.astype(_dtype(labelling))


def _dtype(labelling: Labelling) -> type[np.unsignedinteger[Any]]:
    largest = max(c.value for c in labelling.classes)
    return np.uint8 if largest < 256 else np.uint16
