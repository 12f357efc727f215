"""Refine what a head or a prompt gave; the answer is accepted like any other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.arguments import choice_of, whole_of
from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import Box
from napari_medfm.core.image import Image
from napari_medfm.core.jobs import Progress, Steps, Work
from napari_medfm.core.labels import Prompt
from napari_medfm.core.results import Mask, Prediction
from napari_medfm.core.specs import Segmenter
from napari_medfm.engine.crops import CropCache
from napari_medfm.engine.prompting import answer
from napari_medfm.engine.refine import (
    cleaned,
    guided,
    instances,
    local_crf,
    random_walk,
)
from napari_medfm.engine.rgb import normalised, to_rgb
from napari_medfm.engine.stability import iou
from napari_medfm.engine.turned import turned
from napari_medfm.verbs.prompting import plane_key
from napari_medfm.verbs.workspace import Workspace

How = Literal["guided", "crf", "walker", "clean", "snap", "split"]
Refined = Mask | Prediction | NDArray[np.int32]
EDGES: MappingProxyType[str, Callable[..., NDArray[np.float32]]] = MappingProxyType(
    {"guided": guided, "crf": local_crf, "walker": random_walk}
)
WAYS = (*EDGES, "clean", "snap", "split")
_SURE = 0.95
_CRUMB = 2e-4
_SNAPPED = 50
_ALIKE = 0.6
_STABLE = 0.7


def refine(
    ws: Workspace,
    image: str,
    what: Mask | Prediction,
    how: How = "guided",
    smallest: int | None = None,
) -> Work[Refined]:
    """Improve the edges, crumbs or touching objects of a mask or prediction.

    Nothing in the session changes: look at the answer, and `accept` it if it is better.

    Parameters
    ----------
    what
        A `Mask` or a `Prediction` of this image.
    how
        "guided", "crf" and "walker" move edges to those of the picture; "clean" removes
        crumbs and fills pinholes; "snap" asks the segmenter for the outline of each
        piece, and takes it where it is stable and agrees with the piece; "split"
        numbers the objects, cutting those that touch at their necks.
    smallest
        Pixels below which a piece is a crumb for "clean" and a hole a pinhole; one in
        5,000 of the plane if None.

    Returns
    -------
    Mask, Prediction or array
        Of the kind of ``what``; for "split" an int32 array of object numbers.

    Raises
    ------
    BadInput
        If there is no such way, or ``what`` is not of this image.
    """
    source = ws.image(image)
    choice_of(how, "how", WAYS)
    axis = what.axis if isinstance(what, Mask) and source.ndim == 3 else 0
    view = turned(source, axis) if axis else source
    if not _fits(view, what):
        raise BadInput(f"Give a mask or a whole prediction of {image!r} to refine")
    if smallest is not None:
        whole_of(smallest, "smallest", 1, 2**31)
    pixels = source.plane_shape[0] * source.plane_shape[1]
    crumb = max(4, round(_CRUMB * pixels)) if smallest is None else smallest
    model, crops = ws.segmenter, ws.crops
    stack = _stack_of(view, what)

    def steps() -> Steps[Refined]:
        found: list[tuple[NDArray[Any], NDArray[np.float32]]] = []
        for done, (plane, labels, shares) in enumerate(stack):
            yield Progress(done, len(stack), f"refining plane {plane + 1}")
            if how == "split":
                found.append((instances(labels > 0), shares))
            elif how == "clean":
                found.append((cleaned(labels, crumb, crumb), shares))
            elif how == "snap":
                with model.use() as segmenter:
                    seen = (
                        to_rgb(normalised(view, plane)),
                        plane_key(source, plane, axis),
                    )
                    snapped = yield from _snapped(labels, seen, segmenter, crops)
                found.append((snapped, shares))
            else:
                moved = EDGES[how](shares, normalised(view, plane))
                found.append((moved.argmax(0), moved))
        made = _rebuilt(view, what, how, [plane for plane, _, _ in stack], found)
        return np.moveaxis(made, 0, axis) if isinstance(made, np.ndarray) else made

    return Work(f"Refining {image}", steps, lambda refined: refined)


def _fits(image: Image, what: object) -> bool:
    if isinstance(what, Mask):
        fits = what.data.shape in (image.shape, image.plane_shape)
        return fits and what.image == image.name
    return (
        type(what) is Prediction
        and what.image == image.name
        and what.labels.shape == image.shape == what.probabilities.shape[1:]
    )


def _stack_of(
    image: Image, what: Mask | Prediction
) -> list[tuple[int, NDArray[Any], NDArray[np.float32]]]:
    """Return (plane, class rows, probabilities) of each plane that has something."""
    if isinstance(what, Mask):
        data = what.data.reshape(-1, *image.plane_shape)
        first = what.plane if what.plane is not None and len(data) == 1 else 0
        planes = [i for i in range(len(data)) if data[i].any()]
        inside = [data[i].astype(np.float32) * (2 * _SURE - 1) for i in planes]
        return [
            (first + i, data[i].astype(np.uint8), np.stack([_SURE - p, 1 - _SURE + p]))
            for i, p in zip(planes, inside, strict=True)
        ]
    every = range(image.n_planes) if what.planes is None else what.planes
    labels = what.labels.reshape(-1, *image.plane_shape)
    shares = what.probabilities.reshape(len(what.values), -1, *image.plane_shape)
    return [
        (
            plane,
            np.searchsorted(what.values, labels[plane]),
            shares[:, plane].astype(np.float32),
        )
        for plane in every
    ]


def _rebuilt(
    image: Image,
    what: Mask | Prediction,
    how: str,
    planes: list[int],
    found: list[tuple[NDArray[Any], NDArray[np.float32]]],
) -> Refined:
    shape = (-1, *image.plane_shape)
    told = {**what.provenance, "refined": how}
    if how == "split":
        offset, numbered = 0, np.zeros((image.n_planes, *image.plane_shape), np.int32)
        for plane, (part, _) in zip(planes, found, strict=True):
            numbered[plane] = np.where(part > 0, part + offset, 0)
            offset += int(part.max(initial=0))
        return numbered.reshape(image.shape)
    if isinstance(what, Mask):
        data = np.zeros(what.data.shape, bool)
        first = what.plane if what.plane is not None and data.ndim == 2 else 0
        for plane, (part, _) in zip(planes, found, strict=True):
            data.reshape(shape)[plane - first] = part == 1
        return replace(what, data=data, alternatives=(), provenance=told)
    labels, shares = what.labels.copy(), what.probabilities.copy()
    values = np.asarray(what.values, labels.dtype)
    for plane, (part, moved) in zip(planes, found, strict=True):
        labels.reshape(shape)[plane] = values[part]
        shares.reshape(len(values), *shape)[:, plane] = moved
    return Prediction(
        labels=labels,
        probabilities=shares,
        uncertainty=what.uncertainty,
        values=what.values,
        image=what.image,
        provenance=told,
        classes=what.classes,
        planes=what.planes,
    )


def _snapped(
    labels: NDArray[Any],
    seen: tuple[NDArray[np.float32], str],
    segmenter: Segmenter,
    crops: CropCache,
) -> Steps[NDArray[Any]]:
    """Give each piece the segmenter's outline where that is stable and agrees."""
    from scipy import ndimage

    rgb, key = seen
    found = labels.copy()
    for value in np.unique(labels[labels > 0]):
        pieces, count = ndimage.label(labels == value)
        sizes = np.bincount(pieces.ravel(), minlength=count + 1)[1:]
        for number in np.argsort(-sizes, kind="stable")[:_SNAPPED] + 1:
            piece = pieces == number
            prompt = Prompt(box=Box.around(piece))
            outline = yield from answer(rgb, key, prompt, segmenter, crops)
            agrees = iou(outline.mask, piece) >= _ALIKE
            if agrees and outline.stability >= _STABLE:
                found[piece] = 0
                found[outline.mask & ((found == 0) | piece)] = value
    return found
