"""Label maps as OME-TIFF with physical pixel sizes."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path
from typing import Any

import numpy as np

from napari_medfm.exporters._format import ExportFormat, LabelMap

_UNITS = {"um": "µm", "inch": "in"}


def write_ome_tiff(path: Path, labels: LabelMap) -> None:
    """Write an .ome.tif or .ome.tiff file, deflated; large planes in tiles."""
    import tifffile

    image, values = labels.image, labels.values
    axes = "ZYX"[3 - image.ndim :]
    unit = _UNITS.get(labels.unit or "pixel", labels.unit or "pixel")
    digest = hashlib.sha256(np.ascontiguousarray(values).data).digest()
    options: dict[str, Any] = {
        "axes": axes,
        "UUID": str(uuid.UUID(bytes=digest[:16])),
        "Name": image.name,
    }
    for axis, size in zip(axes, image.spacing, strict=True):
        options[f"PhysicalSize{axis}"] = size
        options[f"PhysicalSize{axis}Unit"] = unit
    large = min(image.plane_shape) > 4096
    tifffile.imwrite(
        path,
        values,
        ome=True,
        photometric="minisblack",
        compression="zlib",
        tile=(512, 512) if large else None,
        metadata=options,
    )


FORMAT = ExportFormat(
    "ome-tiff",
    "OME-TIFF",
    (".ome.tif", ".ome.tiff"),
    write_ome_tiff,
    frozenset({"spacing"}),
)
