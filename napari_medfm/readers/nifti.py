"""NIfTI volumes and pictures, through nibabel.

A volume is presented with its axes reversed, (k, j, i): axis 0 counts slices. The
affine is reversed with it, array axes and world axes alike, so that an export gives
back the file's own layout and matrix exactly.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadFile, BadInput
from napari_medfm.engine.orientation import swap_axis_order
from napari_medfm.readers._guard import check_packed, check_size, reading
from napari_medfm.readers._loaded import Loaded, ReaderSpec

_GZIP = b"\x1f\x8b"
_HEADER = 540
_MAGICS = {348: (344, (b"n+1\0",)), 540: (4, (b"n+2\0",))}
_DEFLATE_RATIO = 1100
_MAX_EXTENSIONS = 64 * 2**20
_UNITS = {"meter": "m", "mm": "mm", "micron": "um"}
GEOMETRY = (
    "pixdim",
    "qform_code",
    "sform_code",
    "quatern_b",
    "quatern_c",
    "quatern_d",
    "qoffset_x",
    "qoffset_y",
    "qoffset_z",
    "srow_x",
    "srow_y",
    "srow_z",
    "xyzt_units",
)


def read_nifti(path: Path) -> Loaded:
    """Read a .nii or .nii.gz file.

    Scaled files give scaled floats; others keep their dtype. RGB files get a channel
    axis. Trailing axes of one are dropped.

    Raises
    ------
    BadFile
        If it is damaged, truncated or not NIfTI.
    BadInput
        If it holds several time points.
    """
    import nibabel as nib
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError, HeaderTypeError
    from nibabel.wrapstruct import WrapStructError

    known = (ImageFileError, HeaderDataError, HeaderTypeError, WrapStructError)
    with reading(path, *known):
        header = _checked_header(path)
        shape = _spatial_shape(path, header.get_data_shape())
        image: Any = nib.load(path)
        stored = np.asanyarray(image.dataobj)
        affine = swap_axis_order(np.asarray(image.affine, np.float64))
        data, channel = _as_planes(stored, shape)
        metadata = _metadata(header, affine)
    if len(shape) == 2:
        spacing = tuple(float(v) for v in np.linalg.norm(affine[:3, 1:3], axis=0))
        metadata["affine_3d"] = affine.tolist()
        return Loaded(data, channel, spacing, None, metadata=metadata)
    spacing = tuple(float(v) for v in np.linalg.norm(affine[:3, :3], axis=0))
    return Loaded(data, channel, spacing, affine, metadata=metadata)


def _checked_header(path: Path) -> Any:
    """Return the header of a file that can hold what it declares."""
    import nibabel as nib

    with path.open("rb") as raw:
        packed = raw.read(2) == _GZIP
    if packed and not path.name.lower().endswith(".gz"):
        raise BadFile(f"{path.name} is gzip-compressed: rename it to {path.name}.gz")
    with gzip.open(path) if packed else path.open("rb") as stream:
        start = stream.read(_HEADER)
    kind: Any = nib.Nifti2Header if _is_nifti(start) == 540 else nib.Nifti1Header
    header: Any = kind(start[: kind.template_dtype.itemsize])
    offset = int(header["vox_offset"])
    if not 0 <= offset <= _MAX_EXTENSIONS:
        raise BadFile(f"{path.name} places its pixels at byte {offset}: it is damaged")
    shape = header.get_data_shape()
    if not shape or min(shape) < 1:
        raise BadFile(f"{path.name} is empty: its shape is {tuple(shape)}")
    count = int(np.prod([int(n) for n in shape], dtype=object))
    nbytes = count * header.get_data_dtype().itemsize
    scaled = header.get_slope_inter() not in ((None, None), (1.0, 0.0))
    check_packed(
        path, nbytes + offset, path.stat().st_size, _DEFLATE_RATIO if packed else 1
    )
    check_size(path, nbytes + (count * 8 if scaled else 0))
    return header


def _spatial_shape(path: Path, shape: tuple[int, ...]) -> tuple[int, ...]:
    kept = tuple(int(n) for n in shape)
    while len(kept) > 3 and kept[-1] == 1:
        kept = kept[:-1]
    if len(kept) > 3:
        raise BadInput(
            f"{path.name} has shape {kept}: {kept[-1]} volumes. Pick one, for instance "
            "nibabel.save(nibabel.load(path).slicer[..., 0], 'one.nii.gz')"
        )
    return kept if len(kept) >= 2 else (*kept, 1)


def _as_planes(
    stored: NDArray[Any], shape: tuple[int, ...]
) -> tuple[NDArray[Any], int | None]:
    names = stored.dtype.names
    if names is None:
        return stored.reshape(shape, order="A").T, None
    planes = [stored[name].reshape(shape, order="A").T for name in names[:3]]
    return np.stack(planes, axis=-1), len(shape)


def _metadata(header: Any, affine: NDArray[np.float64]) -> dict[str, Any]:
    low, high = float(header["cal_min"]), float(header["cal_max"])
    return {
        "format": "nifti",
        "unit": _UNITS.get(header.get_xyzt_units()[0]),
        "window": (low, high) if np.isfinite(high - low) and high > low else None,
        "nifti": {
            "version": 2 if header["sizeof_hdr"] == 540 else 1,
            "ndim": len(header.get_data_shape()),
            "affine": affine.tolist(),
            "geometry": {name: header[name].tolist() for name in GEOMETRY},
        },
    }


def _is_nifti(start: bytes) -> int:
    """Return the header's size, 348 or 540; 0 if it is not NIfTI."""
    for order in ("little", "big"):
        size = int.from_bytes(start[:4], order)
        where, magics = _MAGICS.get(size, (0, ()))
        if magics and start[where : where + 4] in magics:
            return size
    return 0


def _recognises(start: bytes) -> bool:
    return bool(_is_nifti(start))


SPEC = ReaderSpec("nifti", "NIfTI", (".nii", ".nii.gz"), _recognises, read_nifti)
