"""DICOM segmentations (binary and fractional), through pydicom."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadFile, BadInput
from napari_medfm.core.image import Image
from napari_medfm.engine.dicomfiles import dicom_errors
from napari_medfm.readers._dicomgeometry import frames_of
from napari_medfm.readers._guard import check_size, reading
from napari_medfm.readers._names import Named, named

_CLOSE = 0.05


def masks_of(
    path: Path, header: Any, image: Image
) -> list[tuple[Named, NDArray[np.bool_]]]:
    """Return each segment as a mask of the image's shape, in order of its number.

    Frames find their plane by position; without one, by the slice they refer to.

    Raises
    ------
    BadInput, BadFile
        If frames have another size or place than the image's planes.
    """
    import pydicom

    with reading(path, *dicom_errors()):
        frames = int(header.get("NumberOfFrames") or 1)
        size = (int(header.Rows), int(header.Columns))
        if size != image.plane_shape:
            raise BadInput(
                f"{path.name} has frames of {size}, {image.name!r} planes of "
                f"{image.plane_shape}: it belongs to another image"
            )
        check_size(path, frames * size[0] * size[1] * 2)
        dataset = pydicom.dcmread(path)
        stored = np.asarray(dataset.pixel_array).reshape(frames, *size)
        half = 0.5
        if str(dataset.get("SegmentationType", "BINARY")) == "FRACTIONAL":
            half = int(dataset.MaximumFractionalValue) / 2
        groups = list(dataset.get("PerFrameFunctionalGroupsSequence") or [])
        if len(groups) != frames:
            raise BadFile(f"{path.name} does not say where its frames lie")
        planes = _planes(path, dataset, groups, image)
        found: dict[int, NDArray[np.bool_]] = defaultdict(
            lambda: np.zeros((image.n_planes, *size), bool)
        )
        for frame, group, plane in zip(stored, groups, planes, strict=True):
            number = int(_segment_of(group, dataset))
            found[number][plane] |= frame >= half
        return [
            (_name(dataset, number), mask.reshape(image.shape))
            for number, mask in sorted(found.items())
        ]


def _segment_of(group: Any, dataset: Any) -> int:
    holders = [group, *list(dataset.get("SharedFunctionalGroupsSequence") or [])[:1]]
    for holder in holders:
        for item in list(holder.get("SegmentIdentificationSequence") or [])[:1]:
            return int(item.ReferencedSegmentNumber)
    raise ValueError("a frame does not say which segment it shows")


def _planes(path: Path, dataset: Any, groups: list[Any], image: Image) -> list[int]:
    placed = frames_of(dataset, len(groups))
    if placed is not None and image.ndim == 3:
        inverse = np.linalg.inv(image.affine)
        found = []
        for place in placed:
            across = inverse @ place.affine()
            at, linear = across[:3, 3], across[:3, 1:3]
            off = max(np.abs(at - [np.rint(at[0]), 0, 0]).max(), _turn(linear, image))
            if off > _CLOSE or not 0 <= np.rint(at[0]) < image.n_planes:
                raise BadInput(
                    f"{path.name} lies on another grid than {image.name!r}: it belongs "
                    "to another image, or needs resampling"
                )
            found.append(int(np.rint(at[0])))
        return found
    return [_by_reference(path, group, image) for group in groups]


def _turn(linear: NDArray[np.float64], image: Image) -> float:
    """Return how many pixels a frame's rows and columns run off the image's."""
    wanted = np.array([[0, 0], [1, 0], [0, 1]], float)
    return float(np.abs(linear - wanted).max() * max(image.plane_shape))


def _by_reference(path: Path, group: Any, image: Image) -> int:
    known = image.metadata.get("dicom") or {}
    uids, frames = list(known.get("sop_uids", [])), list(known.get("frames", []))
    for derived in list(group.get("DerivationImageSequence") or [])[:1]:
        for used in list(derived.get("SourceImageSequence") or [])[:1]:
            uid = str(used.ReferencedSOPInstanceUID)
            if uid in uids and len(uids) > 1:
                return uids.index(uid)
            if uid in uids:
                number = used.get("ReferencedFrameNumber") or 1
                return frames.index(int(np.atleast_1d(number)[0]))
    if image.ndim == 2 and len(uids) == 0:
        return 0
    raise BadInput(f"{path.name} refers to other images than {image.name!r}")


def _name(dataset: Any, number: int) -> Named:
    for segment in dataset.get("SegmentSequence") or []:
        if int(segment.SegmentNumber) == number:
            return named(segment.get("SegmentLabel", f"segment {number}"))
    return named(f"segment {number}")
