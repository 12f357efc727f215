"""Similarity and probability maps as float32 TIFF."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadInput
from napari_medfm.core.image import Image
from napari_medfm.engine.atomic import atomic_path

_IMAGEJ_LIMIT = 2**32 - 2**20


def export_map(
    path: str | Path,
    values: NDArray[np.floating[Any]],
    image: Image,
    names: tuple[str, ...] = (),
) -> Path:
    """Write a map of an image, with its pixel size, for ImageJ and Python alike.

    Parameters
    ----------
    values
        The image's shape, or (maps,) + shape, such as the probabilities of classes.
    names
        What each map is, written into the file.

    Raises
    ------
    BadInput
        If the suffix is not .tif or .tiff, or the shape does not fit.
    WriteFailed
        If the folder cannot be written; what was there is as it was.
    """
    import tifffile

    path = Path(path)
    if not path.name.lower().endswith((".tif", ".tiff")):
        raise BadInput(f"Maps are written as .tif or .tiff, not {path.name!r}")
    shape, axes = tuple(values.shape), "ZYX"[3 - image.ndim :]
    if shape not in (image.shape, (*shape[:1], *image.shape)):
        raise BadInput(
            f"The map has shape {shape}, {image.name!r} has {image.shape}: give "
            "one map, or several along a first axis"
        )
    array = np.ascontiguousarray(values, np.float32)
    if len(shape) > image.ndim:
        array, axes = np.moveaxis(array, 0, -3), axes[:-2] + "CYX"
    unit = image.metadata.get("unit") or "pixel"
    options: dict[str, Any] = {"axes": axes, "unit": unit}
    if image.ndim == 3:
        options["spacing"] = image.spacing[0]
    if names:
        planes = array.size // (array.shape[-1] * array.shape[-2] * len(names))
        options["Labels"] = list(names) * planes
    with atomic_path(path) as temporary:
        tifffile.imwrite(
            temporary,
            array,
            imagej=array.nbytes < _IMAGEJ_LIMIT,
            photometric="minisblack",
            resolution=(1 / image.spacing[-1], 1 / image.spacing[-2]),
            metadata=options,
        )
    return path
