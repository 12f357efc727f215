"""Label maps as TIFF that ImageJ, Fiji and QuPath open with the right pixel size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_medfm.exporters._format import ExportFormat, LabelMap

_IMAGEJ_LIMIT = 2**32 - 2**20
_IMAGEJ_TYPES = ("uint8", "uint16", "float32")


def write_tiff(path: Path, labels: LabelMap) -> None:
    """Write a .tif or .tiff file, an ImageJ stack where ImageJ can hold it."""
    import tifffile

    image, values = labels.image, labels.values
    rows, cols = image.spacing[-2:]
    axes = "ZYX"[3 - image.ndim :]
    options: dict[str, Any] = {"axes": axes}
    imagej = str(values.dtype) in _IMAGEJ_TYPES and values.nbytes < _IMAGEJ_LIMIT
    if imagej:
        options["unit"] = labels.unit or "pixel"
        if image.ndim == 3:
            options["spacing"] = image.spacing[0]
    tifffile.imwrite(
        path,
        values,
        imagej=imagej,
        photometric="minisblack",
        resolution=(1 / cols, 1 / rows),
        metadata=options,
    )


FORMAT = ExportFormat(
    "tiff", "TIFF (ImageJ)", (".tif", ".tiff"), write_tiff, frozenset({"spacing"})
)
