"""Objects as GeoJSON that QuPath opens: classes, colours, measurements, holes.

Outlines follow pixel edges, in pixels of the full image, x before y, as QuPath counts
them: the pixel at (0, 0) covers [0, 1] x [0, 1].
"""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import numpy as np

from napari_medfm.core.labels import rgb
from napari_medfm.engine.measure import diameter, intensities
from napari_medfm.engine.outlines import Polygon, polygons_of
from napari_medfm.exporters._format import ExportFormat, LabelMap
from napari_medfm.exporters._objects import PlaneObject, objects_of

_SPACE = uuid.UUID("6f2b1d0e-54a8-5d0b-9f0e-5b8f3c1a7d42")


def write_geojson(path: Path, labels: LabelMap) -> None:
    """Write one feature an object, of a volume one an object and plane."""
    features = [
        _feature(number, one, labels) for number, one in enumerate(objects_of(labels))
    ]
    text = json.dumps({"type": "FeatureCollection", "features": features})
    path.write_text(text, "utf-8")


def _feature(number: int, one: PlaneObject, labels: LabelMap) -> dict[str, Any]:
    polygons = [_rings(polygon, one.corner) for polygon in polygons_of(one.inside)]
    single = len(polygons) == 1
    geometry: dict[str, Any] = {
        "type": "Polygon" if single else "MultiPolygon",
        "coordinates": polygons[0] if single else polygons,
    }
    if labels.image.ndim == 3:
        geometry["plane"] = {"c": -1, "z": one.plane, "t": 0}
    facts = (number, one.plane, one.label_class.value, *one.corner)
    return {
        "type": "Feature",
        "id": str(uuid.uuid5(_SPACE, repr(facts))),
        "geometry": geometry,
        "properties": {
            "objectType": "annotation",
            "classification": {
                "name": one.label_class.name,
                "color": list(rgb(one.label_class.colour)),
            },
            "isLocked": False,
            "measurements": _measurements(one, labels),
        },
    }


def _measurements(one: PlaneObject, labels: LabelMap) -> dict[str, float]:
    image = labels.image
    unit = labels.unit or "px"
    whole = (
        one.place if image.ndim == 2 else (slice(one.plane, one.plane + 1), *one.place)
    )
    values = intensities(image, whole).reshape(one.inside.shape)[one.inside]
    rows, cols = image.spacing[-2:]
    return {
        f"Area {unit}^2": float(one.inside.sum()) * rows * cols,
        "Pixels": float(one.inside.sum()),
        f"Max diameter {unit}": diameter(one.inside, np.diag([rows, cols])),
        "Intensity mean": float(values.mean()),
        "Intensity std": float(values.std()),
        "Intensity min": float(values.min()),
        "Intensity max": float(values.max()),
    }


def _rings(polygon: Polygon, corner: tuple[int, int]) -> list[list[list[float]]]:
    """Return closed rings of [x, y]."""
    found = []
    for ring in polygon:
        points = (ring + corner)[:, ::-1].tolist()
        found.append([*points, points[0]])
    return found


FORMAT = ExportFormat(
    "geojson",
    "GeoJSON (QuPath)",
    (".geojson",),
    write_geojson,
    frozenset({"names", "overlap"}),
)
