"""Embed an image, plane by plane."""

from __future__ import annotations

from collections.abc import Iterable

from numpy.typing import ArrayLike

from napari_medfm.core.geometry import Box
from napari_medfm.core.image import Image
from napari_medfm.core.jobs import Progress, Steps, Work
from napari_medfm.verbs.planes import PlaneReader
from napari_medfm.verbs.workspace import Workspace


def embed(
    ws: Workspace,
    image: str,
    planes: Iterable[int] | None = None,
    region: ArrayLike | None = None,
) -> Work[None]:
    """Compute the tokens of an image and keep them on disk.

    What is there already is not computed again, also where an earlier run was cut
    short. Of a large slide, bare glass is left out.

    Parameters
    ----------
    image
        Its name.
    planes
        Planes of a volume; all of them if None. They are done in the order given, so
        that what is on screen can come first.
    region
        Of planes above 4096 x 4096 pixels, embed only what (row0, col0, row1, col1)
        needs; all tissue if None. Smaller planes are always embedded whole.
    """
    source = ws.image(image)
    checked = source.plane_indices(planes)
    box = None if region is None else Box.of(region).clipped(source.plane_shape)
    reader = ws.planes
    return Work(
        f"Embedding {image}",
        lambda: _embed(reader, source, checked, box),
        lambda _: None,
    )


def _embed(
    reader: PlaneReader, image: Image, planes: list[int], box: Box | None
) -> Steps[None]:
    for done, plane in enumerate(planes):
        for step in _plane(reader, image, plane, box):
            total = max(step.total, 1)
            yield Progress(
                done * total + step.done,
                len(planes) * total,
                f"plane {done + 1} of {len(planes)}"
                if len(planes) > 1
                else step.message,
            )


def _plane(
    reader: PlaneReader, image: Image, plane: int, box: Box | None
) -> Steps[None]:
    yield Progress(0, 1, f"reading {image.name}")
    tiled = reader.tiled(image, plane)
    if tiled is None:
        yield from reader.embedding(image, plane)
    else:
        yield from tiled.embed(tiled.wanted if box is None else tiled.cells_of(box))
