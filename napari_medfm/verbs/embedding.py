"""Embed an image, plane by plane."""

from __future__ import annotations

from collections.abc import Iterable

from numpy.typing import ArrayLike

from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import Box, points_on
from napari_medfm.core.image import Image
from napari_medfm.core.jobs import Progress, Steps, Work
from napari_medfm.verbs.planes import PlaneReader
from napari_medfm.verbs.workspace import Workspace


def embed(
    ws: Workspace,
    image: str,
    planes: Iterable[int] | None = None,
    region: ArrayLike | None = None,
    near: ArrayLike | None = None,
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
    near
        Position (row, col) on planes that size: what lies near it comes first.

    Raises
    ------
    BadInput
        If a plane, the region or the position is not on the image.
    """
    source = ws.image(image)
    checked = source.plane_indices(planes)
    box = None if region is None else Box.of(region).clipped(source.plane_shape)
    first = None if near is None else _position(source, near)
    reader = ws.planes
    return Work(
        f"Embedding {image}",
        lambda: _embed(reader, source, checked, box, first),
        lambda _: None,
    )


def _position(image: Image, near: ArrayLike) -> tuple[float, float]:
    places = points_on(near, image.plane_shape, "position")
    if len(places) != 1:
        raise BadInput(f"near is one position (row, col), got {len(places)}")
    return float(places[0, 0]), float(places[0, 1])


def _embed(
    reader: PlaneReader,
    image: Image,
    planes: list[int],
    box: Box | None,
    near: tuple[float, float] | None,
) -> Steps[None]:
    for done, plane in enumerate(planes):
        for step in _plane(reader, image, plane, box, near):
            total = max(step.total, 1)
            yield Progress(
                done * total + step.done,
                len(planes) * total,
                f"plane {done + 1} of {len(planes)}"
                if len(planes) > 1
                else step.message,
            )


def _plane(
    reader: PlaneReader,
    image: Image,
    plane: int,
    box: Box | None,
    near: tuple[float, float] | None,
) -> Steps[None]:
    yield Progress(0, 1, f"reading {image.name}")
    tiled = reader.tiled(image, plane)
    if tiled is None:
        yield from reader.embedding(image, plane)
        return
    cells = list(tiled.wanted if box is None else tiled.cells_of(box))
    if near is not None:
        cells = tiled.outward(near, cells)
    yield from tiled.embed(cells)
