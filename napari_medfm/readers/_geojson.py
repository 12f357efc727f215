"""Annotations as GeoJSON, of QuPath and of others, in pixels of the full image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadInput
from napari_medfm.core.image import Image
from napari_medfm.engine.outlines import Ring, fill
from napari_medfm.readers._names import Named, named

_MAX_CLASSES = 4096


def masks_of(
    path: Path, document: Mapping[str, Any], image: Image
) -> list[tuple[Named, NDArray[np.bool_]]]:
    """Return each class as a mask of the image's shape, in order of appearance.

    Points and lines are left out; a feature without a class is one of "object".

    Raises
    ------
    BadInput
        If a feature lies on a plane that the image does not have, or beyond its edges.
    """
    found: dict[str, tuple[Named, NDArray[np.bool_]]] = {}
    for feature in document.get("features") or []:
        geometry = feature.get("geometry") or {}
        polygons = list(_polygons(geometry))
        if not polygons:
            continue
        one = _class_of(feature.get("properties") or {})
        if one.name not in found and len(found) >= _MAX_CLASSES:
            raise BadInput(f"{path.name} has more than {_MAX_CLASSES} classes")
        _, mask = found.setdefault(
            one.name, (one, np.zeros((image.n_planes, *image.plane_shape), bool))
        )
        plane = _plane(path, geometry, image)
        for polygon in polygons:
            _check_inside(path, polygon, image)
            mask[plane] |= fill(polygon, image.plane_shape)
    return [(one, mask.reshape(image.shape)) for one, mask in found.values()]


def _polygons(geometry: Mapping[str, Any]) -> Iterator[list[Ring]]:
    kind, coordinates = geometry.get("type"), geometry.get("coordinates")
    if kind == "GeometryCollection":
        return
    if kind == "Polygon":
        coordinates = [coordinates]
    elif kind != "MultiPolygon":
        return
    for polygon in coordinates or []:
        yield [np.asarray(ring, float)[:, 1::-1] for ring in polygon]


def _class_of(properties: Mapping[str, Any]) -> Named:
    facts = properties.get("classification") or {}
    if isinstance(facts, str):
        return named(facts)
    label = facts.get("name") or " ".join(map(str, facts.get("names") or ()))
    return named(label or "object", facts.get("color"))


def _plane(path: Path, geometry: Mapping[str, Any], image: Image) -> int:
    plane = int((geometry.get("plane") or {}).get("z", 0))
    if not 0 <= plane < image.n_planes:
        raise BadInput(
            f"{path.name} has an outline on plane {plane}, {image.name!r} has "
            f"{image.n_planes}"
        )
    return plane


def _check_inside(path: Path, polygon: list[Ring], image: Image) -> None:
    rows, cols = image.plane_shape
    for ring in polygon:
        if ring.min() < -1 or (ring.max(0) > np.array([rows + 1, cols + 1])).any():
            raise BadInput(
                f"{path.name} has outlines beyond the edges of {image.name!r}: it "
                "belongs to another image, or to another level of it"
            )
