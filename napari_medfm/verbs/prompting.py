"""Prompts: one object from clicks and boxes, through a volume, or all objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medfm.core.arguments import array_of, shown
from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import Box, points_on
from napari_medfm.core.image import Image
from napari_medfm.core.jobs import Progress, Steps, Work
from napari_medfm.core.labels import Prompt
from napari_medfm.core.results import Mask
from napari_medfm.core.runs import as_mask
from napari_medfm.engine.everything import everything
from napari_medfm.engine.prompting import Answer, answer
from napari_medfm.engine.propagate import propagate as propagate_mask
from napari_medfm.engine.provenance import version
from napari_medfm.engine.rgb import normalised, to_rgb
from napari_medfm.verbs.models import model_facts
from napari_medfm.verbs.workspace import Workspace


def segment(  # noqa: PLR0913  one keyword per kind of prompt
    ws: Workspace,
    image: str,
    box: ArrayLike | None = None,
    points: ArrayLike | None = None,
    point_labels: ArrayLike | None = None,
    mask: Any = None,
    plane: int | None = None,
) -> Work[Mask]:
    """Outline the object that the prompts mean, on one plane.

    Parameters
    ----------
    image
        Its name.
    box
        (row0, col0, row1, col1), half-open.
    points, point_labels
        Clicks (n, 2), row first, and 1 for on the object, 0 for beside it; all are on
        the object if labels are left out.
    mask
        A mask of the plane's shape to refine.
    plane
        Plane of a volume.

    Returns
    -------
    Mask
        It also becomes the plane's mask in hand, to be accepted, refined or undone.

    Raises
    ------
    BadInput
        If nothing is prompted, or a prompt does not lie on the plane.
    """
    source = ws.image(image)
    index = source.plane_index(plane)
    prompt = prompt_of(source.plane_shape, box, points, point_labels, mask)
    model, crops = ws.segmenter, ws.crops

    def steps() -> Steps[tuple[Answer, dict[str, Any]]]:
        yield Progress(0, 1, "reading the plane")
        rgb = to_rgb(normalised(source, index))
        with model.use() as segmenter:
            found = yield from answer(
                rgb, _plane_key(source, index), prompt, segmenter, crops
            )
        return found, model_facts(model.get())

    def fresh() -> bool:
        return getattr(ws.images.get(image), "uid", None) == source.uid

    def commit(found: tuple[Answer, dict[str, Any]]) -> Mask:
        result, facts = found
        made = Mask(
            data=result.mask,
            score=result.score,
            image=image,
            plane=index if source.ndim == 3 else None,
            provenance={
                "made_by": "prompt",
                "program": version(),
                "model": facts,
                "prompt": prompt.as_dict(),
                "stability": result.stability,
            },
            alternatives=result.alternatives,
            image_uid=source.uid,
        )
        if not fresh():
            return made
        here = (image, index)
        old = ws.labelling
        ws.change(
            old.but(
                prompts={**old.prompts, here: prompt}, masks={**old.masks, here: made}
            )
        )
        return made

    return Work(f"Segmenting {image}", steps, commit, fresh)


def propagate(
    ws: Workspace,
    image: str,
    mask: Any,
    plane: int,
    to: tuple[int, int] | None = None,
) -> Work[Mask]:
    """Carry a mask of one plane through a volume, both ways, until the object ends.

    Parameters
    ----------
    mask
        A `Mask`, or a boolean array of the plane's shape.
    plane
        The plane it lies on.
    to
        First and last plane that may be reached, both included; all if None.

    Returns
    -------
    Mask
        ``data`` has the volume's shape.

    Raises
    ------
    BadInput
        If the image is no volume, the mask is empty or of another shape, or the range
        leaves the volume or the plane.
    """
    source = ws.image(image)
    if source.ndim != 3:
        raise BadInput(
            f"{image!r} is a picture: only volumes can be propagated through"
        )
    index = source.plane_index(plane)
    start = _mask_on(source.plane_shape, mask)
    reach = [0, source.n_planes - 1] if to is None else source.plane_indices(to)
    if len(reach) != 2:
        raise BadInput(f"to is the first and the last plane, got {shown(to)}")
    first, last = sorted(reach)
    if not first <= index <= last:
        raise BadInput(f"Plane {index} lies outside the range {first} to {last}")
    origin = getattr(mask, "provenance", {"made_by": "given mask"})
    score = float(getattr(mask, "score", 1.0))
    model, crops = ws.segmenter, ws.crops

    def steps() -> Steps[tuple[NDArray[np.bool_], dict[str, Any]]]:
        with model.use() as segmenter:
            volume = yield from propagate_mask(
                lambda z: to_rgb(normalised(source, z)),
                lambda z: _plane_key(source, z),
                start,
                index,
                (first, last),
                segmenter,
                crops,
                shape=(source.n_planes, *source.plane_shape),
                spacing=source.spacing,
            )
        return volume, model_facts(model.get())

    def commit(found: tuple[NDArray[np.bool_], dict[str, Any]]) -> Mask:
        volume, facts = found
        provenance = {
            "made_by": "propagation",
            "program": version(),
            "model": facts,
            "from_plane": index,
            "range": [first, last],
            "started_from": origin,
        }
        return Mask(volume, score, image, None, provenance, image_uid=source.uid)

    return Work(f"Propagating in {image}", steps, commit)


def segment_all(
    ws: Workspace, image: str, plane: int | None = None
) -> Work[NDArray[np.int32]]:
    """Outline every object on a plane that the segmenter can tell apart.

    Returns
    -------
    array
        int32 of the plane's shape: 0 is nothing, 1 ... n the objects.
    """
    source = ws.image(image)
    index = source.plane_index(plane)
    model, crops = ws.segmenter, ws.crops

    def steps() -> Steps[NDArray[np.int32]]:
        rgb = to_rgb(normalised(source, index))
        with model.use() as segmenter:
            labels = yield from everything(
                rgb, _plane_key(source, index), segmenter, crops
            )
        return labels

    return Work(f"Finding objects in {image}", steps, lambda labels: labels)


def prompt_of(
    shape: tuple[int, int],
    box: ArrayLike | None,
    points: ArrayLike | None,
    point_labels: ArrayLike | None,
    mask: Any,
) -> Prompt:
    """Check prompts against a plane.

    Raises
    ------
    BadInput
        If one does not fit.
    """
    clicks = None if points is None else points_on(points, shape)
    labels = None
    if clicks is not None:
        given = np.ones(len(clicks)) if point_labels is None else point_labels
        marks = np.atleast_1d(array_of(given, "point_labels"))
        labels = marks == 1
        if not (labels | (marks == 0)).all():
            raise BadInput(f"point_labels are 0 and 1, got {shown(point_labels)}")
        if labels.shape != (len(clicks),):
            raise BadInput(
                f"{len(clicks)} points need as many labels (1 on the object, 0 beside "
                f"it), got {labels.size}"
            )
    return Prompt(
        box=None if box is None else Box.of(box).clipped(shape),
        points=clicks,
        point_labels=labels,
        mask=None if mask is None else _mask_on(shape, mask),
    )


def _mask_on(shape: Sequence[int], mask: Any) -> NDArray[np.bool_]:
    array = as_mask(mask)
    if array.shape != tuple(shape):
        raise BadInput(
            f"The mask has shape {array.shape}, the plane {tuple(shape)}: give "
            "the mask of one plane"
        )
    if not array.any():
        raise BadInput("The mask is empty: there is nothing to start from")
    return array


def _plane_key(image: Image, plane: int) -> str:
    return f"{image.uid}:{plane}"
