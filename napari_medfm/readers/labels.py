"""Labels of an image, from files of other programs.

Label maps (NIfTI, NRRD, TIFF, PNG, OME-Zarr), DICOM-SEG, RTSTRUCT, COCO and GeoJSON.
What comes back lies on the image's own grid; a file that lies elsewhere is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadFile, BadInput
from napari_medfm.core.image import Image
from napari_medfm.readers import read_image, reader_of
from napari_medfm.readers._guard import check_size, reading
from napari_medfm.readers._names import Named, names_of
from napari_medfm.readers._ongrid import check_count, on_grid

_MAX_JSON = 512 * 2**20


@dataclass(frozen=True, eq=False)
class ReadLabels:
    """Labels on the grid of an image.

    Parameters
    ----------
    values
        Whole numbers from 0 of the image's shape.
    names
        Name and colour of each value, where the file says them.
    whole
        Value -> mask of classes that lie partly under others.
    format
        What kind of file it was.
    """

    values: NDArray[np.unsignedinteger[Any]]
    names: dict[int, Named]
    format: str
    whole: dict[int, NDArray[np.bool_]] = field(default_factory=dict)


def read_labels(path: Path, image: Image, *, anywhere: bool = False) -> ReadLabels:
    """Read a file of labels for an image.

    Parameters
    ----------
    anywhere
        Take label maps pixel by pixel, whatever their file says of where they lie.

    Raises
    ------
    BadInput
        If the labels do not fit the image, or hold other things than labels.
    BadFile
        If the file is damaged.
    """
    from napari_medfm.readers import _coco, _dicomseg, _geojson, _rtstruct, dicom

    if not path.exists():
        raise BadInput(f"There is no file {path}")
    if path.is_dir() and reader_of(path).name == "dicom":
        raise BadInput(f"{path.name} is a folder: choose the file of labels in it")
    check_size(path, 2 * int(np.prod(image.shape)))
    name = path.name.lower()
    if path.is_file() and name.endswith((".json", ".geojson")):
        document = _document(path)
        geojson = document.get("type") == "FeatureCollection"
        read: Callable[..., Masks] = _geojson.masks_of if geojson else _coco.masks_of
        with reading(path):
            return _stacked(
                image, read(path, document, image), "GeoJSON" if geojson else "COCO"
            )
    if path.is_file() and reader_of(path).name == "dicom":
        kind, dataset = dicom.header_of(path)
        if kind == "SEG":
            return _stacked(
                image, _dicomseg.masks_of(path, dataset, image), "DICOM-SEG"
            )
        if kind == "RTSTRUCT":
            return _stacked(image, _rtstruct.masks_of(path, dataset, image), "RTSTRUCT")
    return _label_map(path, image, anywhere=anywhere)


Masks = list[tuple[Named, NDArray[np.bool_]]]


def _stacked(image: Image, masks: Masks, kind: str) -> ReadLabels:
    """Number masks in their order, and paint them over one another."""
    values = np.zeros(image.shape, np.uint16)
    for number, (_, mask) in enumerate(masks, 1):
        values[mask] = number
    names = {number: named for number, (named, _) in enumerate(masks, 1)}
    whole = {
        number: mask
        for number, (_, mask) in enumerate(masks, 1)
        if not np.array_equal(mask, values == number)
    }
    return ReadLabels(values, names, kind, whole)


def _label_map(path: Path, image: Image, *, anywhere: bool) -> ReadLabels:
    loaded = read_image(path)
    if loaded.channel_axis is not None:
        raise BadInput(
            f"{path.name} has several channels: a label map has one number a pixel"
        )
    check_count(path, loaded.data.shape, image)
    values = np.asarray(loaded.data)
    if values.dtype.kind == "f" and np.array_equal(values, np.rint(values)):
        values = values.astype(np.int64)
    if values.dtype.kind not in "bui" or (values.size and values.min() < 0):
        raise BadInput(
            f"{path.name} holds {values.dtype}, no labels: whole numbers from 0"
        )
    if values.max(initial=0) > 2**32 - 1:
        raise BadInput(f"{path.name} holds numbers up to {values.max()}: no labels")
    affine = None if anywhere else loaded.affine
    placed = on_grid(path, values, affine, image)
    return ReadLabels(
        placed.astype(np.uint32), names_of(path), loaded.metadata["format"]
    )


def _document(path: Path) -> Mapping[str, Any]:
    if path.stat().st_size > _MAX_JSON:
        raise BadFile(f"{path.name} is over {_MAX_JSON >> 20} MiB: split it by image")
    with reading(path):
        found = json.loads(path.read_bytes())
    if isinstance(found, list):
        found = {"type": "FeatureCollection", "features": found}
    if not isinstance(found, dict):
        raise BadFile(f"{path.name} is JSON, but holds no labels")
    return found
