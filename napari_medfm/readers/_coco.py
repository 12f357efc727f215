"""Objects of COCO JSON: polygons and runs, packed or not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadFile, BadInput
from napari_medfm.core.image import Image
from napari_medfm.engine.outlines import fill
from napari_medfm.readers._names import Named, named

_MAX_CLASSES = 4096


def masks_of(
    path: Path, document: Mapping[str, Any], image: Image
) -> list[tuple[Named, NDArray[np.bool_]]]:
    """Return each category as a mask of the image's shape, in order of its id.

    The image is the one of its file name or name, or the only one there is; the planes
    of a volume are the images in order of their ids.

    Raises
    ------
    BadInput
        If no image of the document is this one.
    """
    planes = _planes(path, document, image)
    categories = {
        int(c["id"]): named(c.get("name", c["id"]), c.get("color"))
        for c in document.get("categories") or []
    }
    if len(categories) > _MAX_CLASSES:
        raise BadFile(f"{path.name} names {len(categories)} categories")
    found: dict[int, NDArray[np.bool_]] = {}
    for one in document.get("annotations") or []:
        plane = planes.get(one.get("image_id"))
        category = int(one["category_id"])
        if plane is None or not one.get("segmentation"):
            continue
        if category not in categories:
            raise BadFile(f"{path.name} uses category {category} and does not name it")
        mask = found.setdefault(
            category, np.zeros((image.n_planes, *image.plane_shape), bool)
        )
        mask[plane] |= _mask(path, one["segmentation"], image)
    return [
        (categories[number], mask.reshape(image.shape))
        for number, mask in sorted(found.items())
    ]


def _planes(path: Path, document: Mapping[str, Any], image: Image) -> dict[Any, int]:
    """Return the plane of each image id."""
    images = [one for one in document.get("images") or [] if "id" in one]
    if image.ndim == 3:
        same = sorted(images, key=lambda one: int(one["id"]))
        if len(same) != image.n_planes:
            raise BadInput(
                f"{path.name} has {len(same)} images, {image.name!r} {image.n_planes} "
                "planes: one image a plane is needed"
            )
    else:
        names = {image.name, image.source.name if image.source else image.name}
        same = [
            one
            for one in images
            if {
                (file := str(one.get("file_name", ""))),
                Path(file).name,
                Path(file).stem,
            }
            & names
        ] or images
        if len(same) != 1:
            raise BadInput(
                f"{path.name} holds {len(images)} images, and it is not clear which is "
                f"{image.name!r}: give the image the file name used there"
            )
    for one in same:
        size = (int(one["height"]), int(one["width"]))
        if size != image.plane_shape:
            raise BadInput(
                f"{path.name} is about an image of {size}, {image.name!r} has "
                f"{image.plane_shape}"
            )
    return {one["id"]: plane for plane, one in enumerate(same)}


def _mask(path: Path, segmentation: Any, image: Image) -> NDArray[np.bool_]:
    rows, cols = image.plane_shape
    if isinstance(segmentation, list):
        inside = np.zeros((rows, cols), bool)
        for flat in segmentation:
            ring = np.asarray(flat, float).reshape(-1, 2)[:, ::-1]
            inside |= fill([ring], (rows, cols))
        return inside
    if [int(n) for n in segmentation["size"]] != [rows, cols]:
        raise BadInput(f"{path.name} has runs of another size than {image.name!r}")
    counts = segmentation["counts"]
    lengths = _unpacked(counts) if isinstance(counts, str) else [int(n) for n in counts]
    if sum(lengths) != rows * cols or min(lengths, default=0) < 0:
        raise BadFile(f"{path.name} has runs that do not fill the image: it is damaged")
    values = np.arange(len(lengths)) % 2 == 1
    return np.repeat(values, lengths).reshape(cols, rows).T


def _unpacked(text: str) -> list[int]:
    """Return the lengths in COCO's packed runs.

    Six bits a character, least first, the sixth says that more follows; from the third
    length on, the difference to the length two before is written.
    """
    lengths: list[int] = []
    value, shift = 0, 0
    for character in text.encode("ascii"):
        bits = character - 48
        value |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20:
            continue
        if bits & 0x10:
            value -= 1 << shift
        lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
        value, shift = 0, 0
    return lengths
