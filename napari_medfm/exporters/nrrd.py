"""Label maps as NRRD, and as the segmentations of 3D Slicer (.seg.nrrd).

Written (col, row, plane) in the space that ITK and Slicer use, left-posterior-superior;
numbers are written in full, so that the geometry comes back exactly.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.labels import rgb
from napari_medfm.engine.orientation import swap_axis_order
from napari_medfm.exporters._format import ExportFormat, LabelMap

_TYPES = {1: "uint8", 2: "uint16", 4: "uint32"}


def write_nrrd(path: Path, labels: LabelMap) -> None:
    """Write a .nrrd file, gzip-packed; the same labels give the same bytes."""
    values = labels.values.astype(labels.values.dtype.newbyteorder("<"))
    with path.open("wb") as raw:
        raw.write(_header(labels).encode())
        with gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) as stream:
            stream.write(np.ascontiguousarray(values).data)


def _header(labels: LabelMap) -> str:
    image = labels.image
    lines = [
        "NRRD0004",
        f"type: {_TYPES[labels.values.dtype.itemsize]}",
        f"dimension: {image.ndim}",
        f"sizes: {' '.join(str(n) for n in image.shape[::-1])}",
        f"kinds: {' '.join(['domain'] * image.ndim)}",
        "endian: little",
        "encoding: gzip",
        *_place(labels),
    ]
    for number, one in enumerate(labels.present()):
        colour = " ".join(f"{part / 255:.6g}" for part in rgb(one.colour))
        name = " ".join(one.name.split())
        lines += [
            f"Segment{number}_ID:=Segment_{one.value}",
            f"Segment{number}_Name:={name}",
            f"Segment{number}_LabelValue:={one.value}",
            f"Segment{number}_Layer:=0",
            f"Segment{number}_Color:={colour}",
        ]
    return "\n".join(lines) + "\n\n"


def _place(labels: LabelMap) -> list[str]:
    ndim = labels.image.ndim
    unit = labels.unit
    if ndim == 2 and labels.image.metadata.get("affine_3d") is None:
        matrix, space, world = swap_axis_order(labels.image.affine), "dimension: 2", 2
    else:
        matrix = swap_axis_order(labels.affine_3d)
        matrix[:2] *= -1
        space, world = ": left-posterior-superior", 3
    directions = " ".join(_vector(matrix[:world, axis]) for axis in range(ndim))
    lines = [
        f"space{space if space.startswith(':') else ' ' + space}",
        f"space directions: {directions}",
        f"space origin: {_vector(matrix[:world, -1])}",
    ]
    if unit is not None:
        lines.append("space units: " + " ".join([f'"{unit}"'] * world))
    return lines


def _vector(numbers: NDArray[np.float64]) -> str:
    values: list[Any] = (numbers + 0.0).tolist()
    return f"({','.join(repr(value) for value in values)})"


FORMAT = ExportFormat(
    "nrrd",
    "NRRD, 3D Slicer segmentation",
    (".nrrd", ".seg.nrrd"),
    write_nrrd,
    frozenset({"orientation", "spacing", "names"}),
)
