"""Label maps of pictures as PNG: grey values are class values."""

from __future__ import annotations

from pathlib import Path

from napari_medfm.core.errors import BadInput
from napari_medfm.exporters._format import ExportFormat, LabelMap


def write_png(path: Path, labels: LabelMap) -> None:
    """Write an 8-bit .png file, 16-bit where a value is over 255.

    Raises
    ------
    BadInput
        If it is a volume, or a value is over 65,535.
    """
    from PIL import Image

    values = labels.values
    if values.ndim != 2:
        raise BadInput(
            f"PNG holds one plane, {labels.image.name!r} has {len(values)}: export a "
            "volume as .nii.gz or .tif"
        )
    if values.dtype.itemsize > 2:
        raise BadInput(
            f"PNG holds values up to 65535, the labels reach {values.max()}: export "
            "them as .tif"
        )
    Image.fromarray(values).save(path, format="PNG")


FORMAT = ExportFormat("png", "PNG", (".png",), write_png)
