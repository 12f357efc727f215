"""Labels from the user's hand: points, strokes, boxes, outlines; and thresholds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import ArrayLike

from napari_medfm.core.arguments import facts_of, number_of, whole_of
from napari_medfm.core.errors import BadInput
from napari_medfm.core.image import Image
from napari_medfm.core.labels import IGNORE, Annotation, LabelClass
from napari_medfm.core.results import Mask
from napari_medfm.core.state import Labelling
from napari_medfm.engine.probability import bias_of
from napari_medfm.verbs import labelling as edit
from napari_medfm.verbs import regions
from napari_medfm.verbs.accepting import in_volume
from napari_medfm.verbs.gesture import Deed
from napari_medfm.verbs.workspace import Workspace

_PIXELS: dict[str, Callable[[Image, Any, int | None], regions.Pixels]] = {
    "points": regions.point_pixels,
    "mask": regions.mask_pixels,
    "box": regions.box_pixels,
    "polygon": regions.polygon_pixels,
}


def annotate(  # noqa: PLR0913  one keyword per way to mark a place
    ws: Workspace,
    image: str,
    class_name: str,
    points: ArrayLike | None = None,
    mask: Any = None,
    plane: int | None = None,
    box: ArrayLike | None = None,
    polygon: ArrayLike | None = None,
    provenance: Mapping[str, Any] | None = None,
    weight: float = 1.0,
) -> Deed[int]:
    """Give places on an image to a class, and return the annotation's id.

    Parameters
    ----------
    class_name
        A class, or "ignore": such pixels teach nothing, whatever else marks them.
    points
        Positions (n, ndim), or (n, 2) on ``plane`` of a volume.
    mask
        Boolean array of the image's shape, or of a plane's with ``plane``; or a `Mask`.
    plane
        Plane of a volume.
    box
        (row0, col0, row1, col1), half-open.
    polygon
        Corners (n, 2) of an outline.
    provenance
        How a region was made, as JSON values; a `Mask` carries it along.
    weight
        1 if it is certain; less, such as 0.25, if it is only probable: it counts so
        much less in training, and tests nothing. See also `annotate_rest`.

    Raises
    ------
    BadInput
        If the image or class is unknown, the places do not lie on the image, or not
        exactly one of points, mask, box and polygon is given.
    """
    source, annotation_id = ws.image(image), ws.labelling.next_id
    value = teaching(ws.labelling, class_name).value
    if isinstance(mask, Mask) and mask.axis:
        mask, plane = in_volume(mask, source), None
    ways = {"points": points, "mask": mask, "box": box, "polygon": polygon}
    given = [way for way, what in ways.items() if what is not None]
    if len(given) != 1:
        raise BadInput(
            "Give either points=[...], mask=array, box=(...) or polygon=[...] to "
            "annotate"
        )
    pixels = _PIXELS[given[0]](source, ways[given[0]], plane)
    if not len(pixels):
        raise BadInput("Nothing was marked: give at least one point or painted pixel")
    sure = weight_of(weight)
    told = None if provenance is None else facts_of(provenance, "provenance")
    carried = told or getattr(mask, "provenance", None)
    made = Annotation(
        id=0,
        image=image,
        value=value,
        level="pixel",
        kind="points" if points is not None else "mask",
        pixels=pixels,
        provenance=carried or {},
        weight=sure,
    )
    new = edit.with_annotations(ws.labelling, [made])

    def do() -> int:
        ws.change(new)
        return annotation_id

    plane = getattr(mask, "plane", None) if plane is None else plane
    written = {**ways, "plane": plane, "provenance": carried}
    if sure < 1:
        written["weight"] = sure
    return Deed(do, (image, class_name), written)


def remove(ws: Workspace, annotation_id: int) -> Deed[None]:
    """Take one annotation away.

    Raises
    ------
    BadInput
        If there is none of that number.
    """
    wanted = whole_of(annotation_id, "An annotation's id", 1, ws.labelling.next_id)
    new = edit.without_annotation(ws.labelling, wanted)
    return Deed(lambda: ws.change(new))


def set_threshold(
    ws: Workspace, image: str, class_name: str, threshold: float
) -> Deed[None]:
    """Say from which probability on a class counts on one image; 0.5 is neutral.

    Raises
    ------
    BadInput
        If it does not lie between 0 and 1.
    """
    ws.image(image)
    value = edit.class_of(ws.labelling, class_name).value
    chosen = number_of(threshold, "threshold")
    if not 0 < chosen < 1:
        raise BadInput(f"A threshold lies between 0 and 1, got {threshold}")
    thresholds = {**ws.labelling.thresholds, (image, value): bias_of(chosen)}
    return Deed(lambda: ws.change(ws.labelling.but(thresholds=thresholds)))


def weight_of(weight: float) -> float:
    """Check how much a label counts.

    Raises
    ------
    BadInput
        If it is not above 0 and at most 1.
    """
    chosen = number_of(weight, "weight")
    if not 0 < chosen <= 1:
        raise BadInput(f"A weight lies above 0 and is 1 at most, got {weight}")
    return chosen


def teaching(labelling: Labelling, name: str) -> LabelClass:
    """Return a class by name, or what is to be ignored.

    Raises
    ------
    BadInput
        If there is none of that name.
    """
    return IGNORE if name == IGNORE.name else edit.class_of(labelling, name)
