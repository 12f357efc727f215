"""Objects as COCO JSON: one image entry a plane, one annotation an object.

``.coco.json`` holds every object as runs of pixels (RLE), exactly. ``.polygons.json``
holds outlines along pixel edges, for programs that read nothing else; COCO's polygons
know no holes, so that an object with holes stays RLE there.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.engine.outlines import polygons_of
from napari_medfm.exporters._format import ExportFormat, LabelMap
from napari_medfm.exporters._objects import PlaneObject, objects_of


def write_coco(path: Path, labels: LabelMap, *, polygons: bool) -> None:
    """Write objects, categories and images; places are columns before rows."""
    rows, cols = labels.image.plane_shape
    volume = labels.image.ndim == 3
    name = labels.image.name
    annotations = [
        _annotation(number, one, (rows, cols), polygons=polygons)
        for number, one in enumerate(objects_of(labels), 1)
    ]
    document = {
        "info": {
            "description": f"Labels of {name}",
            "version": str(labels.provenance.get("program", "")),
            "date_created": str(labels.provenance.get("created", "")),
        },
        "licenses": [],
        "images": [
            {
                "id": plane + 1,
                "width": cols,
                "height": rows,
                "file_name": f"{name}_{plane:04d}" if volume else name,
            }
            for plane in range(labels.image.n_planes)
        ],
        "categories": [
            {"id": one.value, "name": one.name, "color": one.colour}
            for one in labels.classes
            if one.value
        ]
        or [{"id": c.value, "name": c.name} for c in labels.present()],
        "annotations": annotations,
    }
    path.write_text(json.dumps(document), "utf-8")


def _annotation(
    number: int, one: PlaneObject, shape: tuple[int, int], *, polygons: bool
) -> dict[str, Any]:
    row, col = one.corner
    height, width = one.inside.shape
    return {
        "id": number,
        "image_id": one.plane + 1,
        "category_id": one.label_class.value,
        "bbox": [col, row, width, height],
        "area": int(one.inside.sum()),
        "iscrowd": 0,
        "segmentation": (polygons and _polygons(one)) or _runs(one, shape),
    }


def _polygons(one: PlaneObject) -> list[list[float]] | None:
    """Return flat x, y lists; None if there is a hole."""
    found = polygons_of(one.inside)
    if any(len(polygon) > 1 for polygon in found):
        return None
    shifted = [polygon[0] + one.corner for polygon in found]
    return [ring[:, ::-1].ravel().tolist() for ring in shifted]


def _runs(one: PlaneObject, shape: tuple[int, int]) -> dict[str, Any]:
    """Return the lengths of runs, column by column, zeros first."""
    rows, cols = shape
    whole: NDArray[np.bool_] = np.zeros((cols, rows), bool)
    whole[one.place[1], one.place[0]] = one.inside.T
    flat = whole.ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    bounds = np.concatenate([[0], edges, [flat.size]])
    counts = np.diff(bounds).tolist()
    return {"size": [rows, cols], "counts": [0, *counts] if flat[0] else counts}


_KEEPS = frozenset({"names", "overlap"})
RLE = ExportFormat(
    "coco", "COCO (runs)", (".coco.json",), partial(write_coco, polygons=False), _KEEPS
)
POLYGONS = ExportFormat(
    "coco-polygons",
    "COCO (polygons)",
    (".polygons.json",),
    partial(write_coco, polygons=True),
    _KEEPS,
)
