"""Label maps as NIfTI, through nibabel.

Written (col, row, plane) with the affine of the image, whose axes are reversed on both
sides. The same label map gives the same bytes.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadInput
from napari_medfm.engine.orientation import swap_axis_order
from napari_medfm.exporters._format import ExportFormat, LabelMap

_LONGEST_AXIS = 32767
_TO_MM = {"cm": 10.0, "m": 1000.0, "nm": 1e-6, "inch": 25.4}
_UNITS = {"mm": "mm", "um": "micron"}
_SCANNER, _ALIGNED = 1, 2
_SPACE_UNITS = 7


def write_nifti(path: Path, labels: LabelMap) -> None:
    """Write a .nii or .nii.gz file.

    The geometry of an image that came from NIfTI is written back field by field, in
    the version of NIfTI it came from. NIfTI-1, which all others get, keeps single
    precision: 1e-7 of the largest number.

    Raises
    ------
    BadInput
        If an axis is longer than the format allows.
    """
    write_volume(path, labels.values, labels)


def write_volume(path: Path, values: NDArray[Any], labels: LabelMap) -> None:
    """Write numbers of the image's shape with the geometry of a label map's image.

    Raises
    ------
    BadInput
        As `write_nifti`.
    """
    import nibabel as nib

    image = labels.image
    version = image.metadata.get("nifti", {}).get("version", 1)
    kind: Any = nib.Nifti2Image if version == 2 else nib.Nifti1Image
    if version == 1 and max(image.shape) > _LONGEST_AXIS:
        raise BadInput(
            f"NIfTI holds {_LONGEST_AXIS} pixels an axis, the image has {image.shape}: "
            "export it as .ome.tif"
        )
    header = kind.header_class()
    header.set_data_dtype(values.dtype)
    header.set_data_shape(values.T.shape)
    _place(header, labels)
    made = kind(values.T, None, header)
    with path.open("wb") as raw:
        if not path.name.lower().endswith(".gz"):
            made.to_stream(raw)
            return
        with gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) as stream:
            made.to_stream(stream)


def _place(header: Any, labels: LabelMap) -> None:
    image, unit = labels.image, labels.unit
    source = image.metadata.get("nifti")
    affine = labels.affine_3d
    if source is not None and np.array_equal(source["affine"], affine):
        for name, value in source["geometry"].items():
            header[name] = value
        header["pixdim"][image.ndim + 1 :] = 1
        header["xyzt_units"] = int(header["xyzt_units"]) & _SPACE_UNITS
        return
    matrix = swap_axis_order(affine)
    matrix[:3] *= _TO_MM.get(unit or "", 1.0)
    code = _ALIGNED if unit is None else _SCANNER
    header.set_qform(matrix, code)
    if not _says(header, matrix):
        header.set_qform(matrix, 0)
    header.set_sform(matrix, code)
    header.set_xyzt_units(_UNITS.get(unit or "mm", "mm"))


def _says(header: Any, matrix: NDArray[np.float64]) -> bool:
    """Whether the quaternion, kept in single precision, gives the matrix to 1e-6.

    Of sheared axes it cannot, and of some turns by nearly 180 degrees it does not.
    """
    return bool(np.allclose(header.get_qform(), matrix, rtol=1e-6, atol=5e-7))


FORMAT = ExportFormat(
    "nifti",
    "NIfTI",
    (".nii.gz", ".nii"),
    write_nifti,
    frozenset({"orientation", "spacing"}),
)
