"""Similarity maps: what looks like the places clicked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.arguments import list_of
from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import points_on
from napari_medfm.core.image import Image
from napari_medfm.core.jobs import Progress, Steps, Work
from napari_medfm.core.results import Embedding
from napari_medfm.engine.provenance import version
from napari_medfm.engine.upsample import upsample
from napari_medfm.verbs.models import model_facts
from napari_medfm.verbs.planes import IndexCache, PlaneReader
from napari_medfm.verbs.workspace import Workspace

Maps = dict[str, NDArray[np.float32]]
Reference = tuple[str, tuple[float, float]]


def similarity(
    ws: Workspace,
    image: str,
    at: Sequence[Sequence[float]],
    against: Sequence[Sequence[float]] = (),
    images: Sequence[str] | None = None,
    planes: Sequence[int] | None = None,
) -> Work[Maps]:
    """Show how much each place looks like the places clicked.

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

    Returns
    -------
    dict
        Image name -> float32 map in [-1, 1] of the image's shape; planes of a volume
        that were not asked for are NaN.

    Raises
    ------
    BadInput
        If there is no position in ``at``, or one lies outside.
    """
    source = ws.image(image)
    positive = points_on(at, source.shape)
    negative = points_on(against, source.shape)
    if not len(positive):
        raise BadInput("Nothing to compare with: give at least one position in `at`")
    names = [image] if images is None else list_of(images, "images")
    targets = [ws.image(name) for name in names]
    clicked = sorted({int(p) for p in _planes(np.concatenate([positive, negative]))})
    wanted = [(target, _wanted(target, image, clicked, planes)) for target in targets]
    reader, indices = ws.planes, ws.indices
    query = _Query(source, positive, negative, clicked)

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
        lambda: _maps(reader, indices, query, wanted),
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


def _planes(points: NDArray[np.float64]) -> NDArray[np.intp]:
    if points.shape[1] == 2:
        return np.zeros(len(points), np.intp)
    return np.floor(points[:, 0] + 0.5).astype(np.intp)


def _key(name: str, plane: int) -> str:
    return f"{name}:{plane}"


def _reference(image: Image, point: NDArray[np.float64]) -> Reference:
    plane = int(_planes(point[None])[0])
    return _key(image.name, plane), (float(point[-2]), float(point[-1]))


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
) -> Steps[Maps]:
    embeddings: dict[str, Embedding] = {}
    jobs = [(query.image, plane) for plane in query.planes]
    jobs += [(target, plane) for target, planes in wanted for plane in planes]
    for done, (image, plane) in enumerate(jobs):
        key = _key(image.name, plane)
        if key not in embeddings:
            embeddings[key] = yield from reader.embedding(image, plane)
        yield Progress(done, len(jobs), f"{image.name}, plane {plane + 1}")
    tokens = indices.of(embeddings).maps(query.positive, query.negative)
    maps: Maps = {}
    for target, planes in wanted:
        volume = np.full((target.n_planes, *target.plane_shape), np.nan, np.float32)
        for plane in planes:
            key = _key(target.name, plane)
            values = upsample(
                tokens[key][..., None], embeddings[key].grid, target.plane_shape
            )
            volume[plane] = np.clip(values[..., 0], -1, 1)
        maps[target.name] = volume.reshape(target.shape)
    return maps
