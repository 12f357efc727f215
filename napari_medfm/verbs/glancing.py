"""Before a prompt is asked: embed what it looks at first, and take a first glance."""

from __future__ import annotations

from numpy.typing import ArrayLike

from napari_medfm.core.geometry import Box
from napari_medfm.core.jobs import Progress, Steps, Work
from napari_medfm.core.labels import Prompt
from napari_medfm.core.results import Mask
from napari_medfm.engine.clicks import WIDEST
from napari_medfm.engine.directly import asked
from napari_medfm.engine.prompting import mask_on_plane
from napari_medfm.engine.rgb import normalised, to_rgb
from napari_medfm.verbs.planes import is_large
from napari_medfm.verbs.prompting import plane_key
from napari_medfm.verbs.workspace import Workspace

_LEAST = 12


def look(ws: Workspace, image: str, plane: int | None = None) -> Work[bool]:
    """Embed what clicks on a plane look at first, so that the first is answered sooner.

    Parameters
    ----------
    plane
        Plane of a volume.

    Returns
    -------
    bool
        Whether the plane is embedded now. On planes wider than four of the model's
        inputs each prompt chooses its own part, and nothing is done.

    Raises
    ------
    BadInput
        If there is no such image or plane.
    """
    source = ws.image(image)
    index = source.plane_index(plane)
    model, crops = ws.segmenter, ws.crops
    rows, cols = source.plane_shape

    def steps() -> Steps[bool]:
        yield Progress(0, 1, "looking at the plane")
        if is_large(source):
            return False
        whole = Box(0, 0, rows, cols)
        with model.use() as segmenter:
            if max(rows, cols) > WIDEST * segmenter.spec.input_size:
                return False
            key = plane_key(source, index)
            if not crops.holds(key, whole, segmenter):
                rgb = to_rgb(normalised(source, index))
                crops.get(rgb, key, whole, segmenter)
        return True

    return Work(f"Looking at {image}", steps, lambda done: done, lambda: False)


def glance(
    ws: Workspace, image: str, box: ArrayLike, plane: int | None = None
) -> Work[Mask | None]:
    """Outline a box at once from what is embedded already, while it is being drawn.

    Nothing is encoded, and nothing is kept or recorded. What `segment` answers looks
    closer and may differ.

    Parameters
    ----------
    box
        (row0, col0, row1, col1), half-open.
    plane
        Plane of a volume.

    Returns
    -------
    Mask or None
        None where nothing around the box is embedded, or not finely enough to see 12
        pixels across it.

    Raises
    ------
    BadInput
        If there is no such image or plane, or the box does not lie on it.
    """
    source = ws.image(image)
    index = source.plane_index(plane)
    shape = source.plane_shape
    around = Box.of(box).clipped(shape)
    model, crops = ws.segmenter, ws.crops

    def steps() -> Steps[Mask | None]:
        yield Progress(0, 1, "glancing")
        if model.loaded is None:
            return None
        with model.use() as segmenter:
            crop = crops.closest(plane_key(source, index), around, segmenter)
            if crop is None:
                return None
            (seen,) = crop.to_crop([around])
            if max(seen.height, seen.width) < _LEAST:
                return None
            best = asked(crop, Prompt(box=around), segmenter)[0]
        return Mask(
            mask_on_plane(best, shape),
            best.score,
            image,
            index if source.ndim == 3 else None,
            {"made_by": "glance"},
            image_uid=source.uid,
            stability=best.stability,
        )

    return Work(f"Glancing at {image}", steps, lambda mask: mask, lambda: False)
