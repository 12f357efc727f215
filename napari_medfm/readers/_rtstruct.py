"""Contours of radiotherapy structure sets, through pydicom."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadInput
from napari_medfm.core.image import Image
from napari_medfm.engine.dicomfiles import dicom_errors
from napari_medfm.engine.outlines import Ring, fill
from napari_medfm.readers._guard import reading
from napari_medfm.readers._names import Named, named

_OFF_PLANE = 0.25
_MAX_MASKS = 2**33


def masks_of(
    path: Path, header: Any, image: Image
) -> list[tuple[Named, NDArray[np.bool_]]]:
    """Return each structure as a mask of the image's shape.

    A pixel is inside where its centre lies in an odd number of the structure's closed
    contours on its plane: an inner contour is a hole. Points and open lines are left
    out, and so are structures without a contour.

    Raises
    ------
    BadInput
        If a contour does not lie on a plane of the image, or the image has no place.
    """
    if image.ndim != 3 or image.metadata.get("unit") != "mm":
        raise BadInput(
            f"{path.name} holds contours in mm of a patient: {image.name!r} must be a "
            "volume that says where it lies, such as the DICOM series it was drawn on"
        )
    inverse = np.linalg.inv(image.affine).astype(np.float64)
    found = []
    with reading(path, *dicom_errors()):
        rois = {
            int(roi.ROINumber): str(roi.get("ROIName", "") or f"ROI {roi.ROINumber}")
            for roi in header.get("StructureSetROISequence") or []
        }
        structures = list(header.get("ROIContourSequence") or [])
        if len(structures) * int(np.prod(image.shape)) > _MAX_MASKS:
            raise BadInput(
                f"{path.name} holds {len(structures)} structures: too many at once for "
                "an image of this size"
            )
        for structure in structures:
            rings = _rings(path, structure, inverse, image)
            if not rings:
                continue
            mask = np.zeros(image.shape, bool)
            for plane, contours in rings.items():
                mask[plane] = fill(contours, image.plane_shape)
            number = int(structure.ReferencedROINumber)
            colour = [int(v) for v in structure.get("ROIDisplayColor") or []]
            found.append((named(rois.get(number, f"ROI {number}"), colour), mask))
    return found


def _rings(
    path: Path, structure: Any, inverse: NDArray[np.float64], image: Image
) -> dict[int, list[Ring]]:
    """Return closed contours as rings of pixel corners, by plane."""
    rings: dict[int, list[Ring]] = defaultdict(list)
    for contour in structure.get("ContourSequence") or []:
        if str(contour.get("ContourGeometricType", "")) != "CLOSED_PLANAR":
            continue
        lps = np.asarray(contour.ContourData, float).reshape(-1, 3)
        world = (lps * [-1, -1, 1])[:, ::-1]
        index = world @ inverse[:3, :3].T + inverse[:3, 3]
        planes = np.rint(index[:, 0])
        off = np.abs(index[:, 0] - planes).max()
        if len(set(planes.tolist())) > 1 or off > _OFF_PLANE:
            raise BadInput(
                f"{path.name} has contours between the planes of {image.name!r}: open "
                "the series it was drawn on"
            )
        plane = int(planes[0])
        if not 0 <= plane < image.n_planes:
            raise BadInput(
                f"{path.name} has contours outside {image.name!r}: open the series it "
                "was drawn on"
            )
        rings[plane].append(index[:, 1:] + 0.5)
    return rings
