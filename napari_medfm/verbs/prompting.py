"""Prompts: one object from clicks and boxes, through a volume, or all objects."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medfm.core.arguments import choice_of, shown
from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import Box
from napari_medfm.core.image import Image
from napari_medfm.core.jobs import Progress, Steps, Work
from napari_medfm.core.results import Mask
from napari_medfm.core.specs import Segmenter, Tracker, VolumeSegmenter, Way
from napari_medfm.engine.crops import CropCache
from napari_medfm.engine.everything import everything
from napari_medfm.engine.handover import HandOver
from napari_medfm.engine.prompting import Answer, answer
from napari_medfm.engine.propagate import Follower, Stack
from napari_medfm.engine.propagate import propagate as propagate_mask
from napari_medfm.engine.provenance import version
from napari_medfm.engine.remembering import Remembering
from napari_medfm.engine.rgb import normalised, to_rgb
from napari_medfm.engine.turned import turned
from napari_medfm.engine.wholly import Wholly
from napari_medfm.verbs.asking import mask_on, with_scribble
from napari_medfm.verbs.looking import sight_of, written
from napari_medfm.verbs.models import model_facts
from napari_medfm.verbs.planes import is_large
from napari_medfm.verbs.workspace import Workspace


def segment(  # noqa: PLR0913  one keyword per kind of prompt
    ws: Workspace,
    image: str,
    box: ArrayLike | None = None,
    points: ArrayLike | None = None,
    point_labels: ArrayLike | None = None,
    mask: Any = None,
    plane: int | None = None,
    polygon: ArrayLike | None = None,
    scribble: ArrayLike | None = None,
    region: ArrayLike | None = None,
    axis: int = 0,
) -> Work[Mask]:
    """Outline the object that the prompts mean, on one plane; any mix of them.

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
    polygon
        Corners (n, 2) of a lasso around the object; the answer stays within.
    scribble
        Positions (n, 2) along a stroke on the object.
    region
        Of planes above 4096 x 4096 pixels, look at (row0, col0, row1, col1), at the
        level of the pyramid that shows it in 2048 pixels; at a square around the
        prompts if None. Smaller planes are always looked at whole.
    axis
        Axis of a volume that counts the planes: 0, 1 or 2. The positions are those of
        the other two, in their order.

    Returns
    -------
    Mask
        It also becomes the plane's mask in hand, to be accepted, refined or undone; not
        so along axis 1 and 2: give it to `accept`, or to `propagate`.

    Raises
    ------
    BadInput
        If nothing is prompted, or a prompt does not lie on the plane.
    """
    source = ws.image(image)
    view = source if source.ndim == 2 and axis == 0 else turned(source, axis)
    index = view.plane_index(plane)
    clicks, labels = with_scribble(points, point_labels, scribble)
    sight = sight_of(view, box, (clicks, labels), (polygon, mask), region)
    model, crops = ws.segmenter, ws.crops

    def steps() -> Steps[tuple[Answer, dict[str, Any], Box | None]]:
        yield Progress(0, 1, "reading the plane")
        rgb = sight.read(view, index)
        key = sight.key(plane_key(source, index, axis))
        with model.use() as segmenter:
            found = yield from answer(rgb, key, sight.seen, segmenter, crops)
        place, found = sight.on_plane(found)
        return found, model_facts(model.get()), place

    fresh = partial(ws.holds, source)

    def commit(found: tuple[Answer, dict[str, Any], Box | None]) -> Mask:
        result, facts, place = found
        made = Mask(
            data=result.mask,
            score=result.score,
            image=image,
            plane=index if source.ndim == 3 else None,
            provenance={
                "made_by": "prompt",
                "program": version(),
                "model": facts,
                "prompt": sight.prompt.as_dict(),
                "stability": result.stability,
            },
            alternatives=result.alternatives,
            image_uid=source.uid,
            stability=result.stability,
            note=result.note,
            region=place,
            axis=axis,
        )
        if axis or not fresh():
            return made
        here, old = (image, index), ws.labelling
        prompts = {**old.prompts, here: sight.prompt}
        ws.change(old.but(prompts=prompts, masks={**old.masks, here: made}))
        return made

    return Work(f"Segmenting {image}", steps, commit, fresh, written(source, mask))


def propagate(  # noqa: PLR0913  what is known, and how far to go
    ws: Workspace,
    image: str,
    mask: Any,
    plane: int,
    to: tuple[int, int] | None = None,
    also: Mapping[int, Any] | None = None,
    previous: Any = None,
    axis: int | None = None,
    way: Way = "auto",
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
    also
        Masks of other planes, prompted or corrected there; an empty one says that the
        object is not on that plane. What lies between is interpolated and outlined.
    previous
        The volume's mask of an earlier call: only what the new masks change is done
        anew.
    axis
        Axis of the volume that counts the planes: 0, 1 or 2; that of a `Mask` if None.
    way
        "memory": the segmenter's own memory of the planes before, as SAM 2.1 and
        MedSAM2 have; "hand-over": boxes handed over from plane to plane, which any
        segmenter can; "auto": all of the volume at once where the segmenter sees it as
        a whole, as nnInteractive does, or the memory where there is one.

    Returns
    -------
    Mask
        ``data`` has the volume's shape; ``provenance["way"]`` says which way was taken.

    Raises
    ------
    BadInput
        If the image is no volume, a mask is of another shape or the first is empty, a
        plane or the range leaves the volume, or the segmenter has no memory to take.
    BadFile
        If the weights in use lack the parts that remember.
    """
    choice_of(way, "way", get_args(Way))
    source = ws.image(image)
    if source.ndim != 3:
        raise BadInput(
            f"{image!r} is a picture: only volumes can be propagated through"
        )
    across: int = getattr(mask, "axis", 0) if axis is None else axis
    view = turned(source, across)
    index = view.plane_index(plane)
    start = mask_on(view.plane_shape, mask)
    before = None if previous is None else mask_on(source.shape, previous, empty=True)
    first, last = _range(view, to)
    known = _known(view, {**_by_plane(also), index: start}, first, last)
    origin = getattr(mask, "provenance", {"made_by": "given mask"})
    score = float(getattr(mask, "score", 1.0))
    model, crops = ws.segmenter, ws.crops
    stack = _stack_of(view, across)
    old = None if before is None else np.moveaxis(before, across, 0)

    def steps() -> Steps[tuple[NDArray[np.bool_], dict[str, Any], str]]:
        yield Progress(0, 1, f"getting {model.name} ready")
        with model.use() as segmenter:
            taken, follower = _follower(way, stack, segmenter, crops)
            volume = yield from propagate_mask(
                stack, known, (first, last), follower, old
            )
        facts = model_facts(model.get())
        return np.ascontiguousarray(np.moveaxis(volume, 0, across)), facts, taken

    def commit(found: tuple[NDArray[np.bool_], dict[str, Any], str]) -> Mask:
        volume, facts, taken = found
        provenance = {
            "made_by": "propagation",
            "program": version(),
            "model": facts,
            "way": taken,
            "from_plane": index,
            "known_planes": sorted(known),
            "axis": across,
            "range": [first, last],
            "started_from": origin,
        }
        return Mask(volume, score, image, None, provenance, image_uid=source.uid)

    return Work(f"Propagating in {image}", steps, commit)


def _stack_of(view: Image, axis: int) -> Stack:
    """Return the planes of a volume across an axis, as they are followed."""
    return Stack(
        lambda z: to_rgb(normalised(view, z)),
        lambda z: plane_key(view, z, axis),
        (view.n_planes, *view.plane_shape),
        view.spacing,
    )


def _follower(
    way: Way, stack: Stack, segmenter: Segmenter, crops: CropCache
) -> tuple[str, Follower]:
    """Say which way is taken, and who walks it."""
    if way == "auto" and isinstance(segmenter, VolumeSegmenter):
        return "volume", Wholly(stack, segmenter)
    if way != "hand-over" and isinstance(segmenter, Tracker):
        return "memory", Remembering(stack, segmenter)
    if way == "memory":
        raise BadInput(
            f"{segmenter.spec.title} has no memory of planes: propagate with "
            'way="hand-over", or choose SAM 2.1 or MedSAM2'
        )
    return "hand-over", HandOver(stack, segmenter, crops)


def _range(view: Image, to: Any) -> tuple[int, int]:
    """Check the first and last plane that may be reached."""
    reach = [0, view.n_planes - 1] if to is None else view.plane_indices(to)
    if len(reach) != 2:
        raise BadInput(f"to is the first and the last plane, got {shown(to)}")
    return min(reach), max(reach)


def _by_plane(also: Any) -> dict[int, Any]:
    whole = isinstance(also, Mapping) and all(
        isinstance(key, (int, np.integer)) for key in also
    )
    if also is not None and not whole:
        raise BadInput(f"also is {{plane: mask}}, got {shown(also)}")
    return dict(also or {})


def _known(
    view: Image, masks: Mapping[int, Any], first: int, last: int
) -> dict[int, NDArray[np.bool_]]:
    """Check masks of planes, and that all lie in a range of the volume."""
    known = {
        view.plane_index(int(plane)): mask_on(view.plane_shape, mask, empty=True)
        for plane, mask in masks.items()
    }
    outside = [plane for plane in known if not first <= plane <= last]
    if outside:
        raise BadInput(f"Plane {outside[0]} lies outside the range {first} to {last}")
    return known


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
    if is_large(source):
        raise BadInput(
            f"{image!r} is too large to outline everything at once: prompt single "
            "objects, or train a head and predict"
        )
    model, crops = ws.segmenter, ws.crops

    def steps() -> Steps[NDArray[np.int32]]:
        rgb = to_rgb(normalised(source, index))
        with model.use() as segmenter:
            labels = yield from everything(
                rgb, plane_key(source, index), segmenter, crops
            )
        return labels

    return Work(f"Finding objects in {image}", steps, lambda labels: labels)


def plane_key(image: Image, plane: int, axis: int = 0) -> str:
    """Tell a plane's pixels from any other's."""
    return f"{image.uid}:{plane}" if axis == 0 else f"{image.uid}:{axis}:{plane}"
