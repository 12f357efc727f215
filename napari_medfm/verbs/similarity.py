"""Similarity maps: what looks like the places clicked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medfm.core.arguments import list_of
from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import Box, points_on
from napari_medfm.core.image import Image
from napari_medfm.core.jobs import Steps, Work
from napari_medfm.core.lazy import LazyArray
from napari_medfm.engine.provenance import version
from napari_medfm.verbs.comparing import Scene, place_of
from napari_medfm.verbs.models import model_facts
from napari_medfm.verbs.planes import IndexCache, PlaneReader
from napari_medfm.verbs.texts import Texts, text_similarity
from napari_medfm.verbs.workspace import Workspace

Maps = dict[str, NDArray[np.float32]]
Reference = tuple[str, tuple[float, float]]


def similarity(  # noqa: PLR0913  one keyword per choice
    ws: Workspace,
    image: str,
    at: Sequence[Sequence[float]] = (),
    against: Sequence[Sequence[float]] = (),
    images: Sequence[str] | None = None,
    planes: Sequence[int] | None = None,
    region: ArrayLike | None = None,
    text: str | Sequence[str] | None = None,
    against_text: str | Sequence[str] = (),
    templates: Sequence[str] | None = None,
) -> Work[Maps]:
    """Show how much each place looks like the places clicked, or like a text.

    Parameters
    ----------
    image
        Image that was clicked.
    at, against
        Positions that are meant, and positions that are not, as array indices.
    images
        Images to map; the clicked one if None.
    planes
        Planes of volumes to map; if None, the planes clicked for the image clicked and
        all planes of other images.
    region
        Of an image above 4096 x 4096 pixels, embed only what (row0, col0, row1, col1)
        needs, if it is not yet; all its tissue if None.
    text, against_text
        What is meant, and what is not, in words instead of positions, for an encoder
        with a text tower; on all planes if ``planes`` is None.
    templates
        Sentences with "{}" where a text goes; the encoder's own if None.

    Returns
    -------
    dict
        Image name -> float32 map in [-1, 1] of the image's shape; planes of a volume
        that were not asked for are NaN. The map of a large picture is a `SlideMap`,
        made where it is looked at, NaN on glass and where nothing is embedded.

    Raises
    ------
    BadInput
        If there is no position in ``at`` and no text, both are given, a position lies
        outside, or the encoder knows no texts.
    """
    source = ws.image(image)
    if text is not None:
        if len(at) or len(against):
            raise BadInput("Give positions or texts, not both")
        names = [image] if images is None else list_of(images, "images")
        asked = Texts.of(text, against_text, templates)
        return text_similarity(ws, [ws.image(n) for n in names], asked, planes)
    positive = points_on(at, source.shape)
    negative = points_on(against, source.shape)
    if not len(positive):
        raise BadInput(
            "Nothing to compare with: give at least one position in `at`, or a `text`"
        )
    names = [image] if images is None else list_of(images, "images")
    targets = [ws.image(name) for name in names]
    clicked = sorted({int(p) for p in _planes(np.concatenate([positive, negative]))})
    wanted = [(target, _wanted(target, image, clicked, planes)) for target in targets]
    reader, indices = ws.planes, ws.indices
    query = _Query(source, positive, negative, clicked)
    box = None if region is None else Box.of(region).clipped(source.plane_shape)

    def commit(maps: Maps) -> Maps:
        facts = {
            "made_by": "similarity",
            "program": version(),
            "model": model_facts(reader.encoder.get()),
            "prompt": {
                "clicked_image": image,
                "like": positive.tolist(),
                "unlike": negative.tolist(),
            },
        }
        ws.similar.update({target.uid: facts for target in targets})
        return maps

    return Work(
        f"Similarity in {image}",
        lambda: _maps(reader, indices, query, wanted, box),
        commit,
        lambda: ws.images.get(image) is source,
    )


class _Query:
    """What was clicked."""

    def __init__(
        self,
        image: Image,
        positive: NDArray[np.float64],
        negative: NDArray[np.float64],
        planes: list[int],
    ) -> None:
        self.image, self.planes = image, planes
        self.positive = [_reference(image, point) for point in positive]
        self.negative = [_reference(image, point) for point in negative]

    def points(self, plane: int) -> list[tuple[float, float]]:
        """Return the positions clicked on a plane."""
        key = place_of(self.image.name, plane)
        both = [*self.positive, *self.negative]
        return [point for name, point in both if name == key]


def _planes(points: NDArray[np.float64]) -> NDArray[np.intp]:
    if points.shape[1] == 2:
        return np.zeros(len(points), np.intp)
    return np.floor(points[:, 0] + 0.5).astype(np.intp)


def _reference(image: Image, point: NDArray[np.float64]) -> Reference:
    plane = int(_planes(point[None])[0])
    return place_of(image.name, plane), (float(point[-2]), float(point[-1]))


def _wanted(
    target: Image, clicked_image: str, clicked: list[int], planes: Sequence[int] | None
) -> list[int]:
    if planes is not None:
        return target.plane_indices(planes)
    return clicked if target.name == clicked_image else list(range(target.n_planes))


def _maps(
    reader: PlaneReader,
    indices: IndexCache,
    query: _Query,
    wanted: Sequence[tuple[Image, list[int]]],
    box: Box | None,
) -> Steps[Maps]:
    scene = Scene(reader, indices)
    for plane in query.planes:
        yield from scene.add(query.image, plane, box, query.points(plane))
    for target, planes in wanted:
        for plane in planes:
            yield from scene.add(target, plane, box)
    scorer = scene.scorer(query.positive, query.negative)
    maps: Maps = {}
    for target, planes in wanted:
        found: dict[int, Any] = {}
        for plane in planes:
            found[plane] = yield from scene.map(target, plane, scorer)
        maps[target.name] = _assembled(target, found)
    return maps


def _assembled(image: Image, planes: dict[int, Any]) -> Any:
    """Put maps of planes together to the image's shape; what is missing is NaN."""
    if image.ndim == 2:
        return planes[0]
    if all(isinstance(found, np.ndarray) for found in planes.values()):
        volume = np.full(image.shape, np.nan, np.float32)
        for plane, found in planes.items():
            volume[plane] = found
        return volume

    def read(index: tuple[slice, ...]) -> NDArray[np.float32]:
        depth, rows, cols = index
        shape = [part.stop - part.start for part in index]
        made = np.full(shape, np.nan, np.float32)
        for number, plane in enumerate(range(depth.start, depth.stop)):
            if plane in planes:
                made[number] = planes[plane][rows, cols]
        return made

    return LazyArray(image.shape, np.dtype(np.float32), read)
