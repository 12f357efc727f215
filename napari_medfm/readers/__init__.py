"""Image files in: one file a format, each with a ``SPEC``.

A volume is (plane, row, col); its affine leads to a world whose axes are in the same
order, (z, y, x) in mm, with x to the patient's Right, y to Anterior, z to Superior.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_medfm.core.errors import BadFile, BadInput
from napari_medfm.readers import dicom, nifti, nrrd, omezarr, picture, tiff
from napari_medfm.readers._loaded import Loaded, ReaderSpec
from napari_medfm.readers._others import refusal_of

__all__ = ["Loaded", "ReaderSpec", "read_image", "reader_of", "specs", "suffixes"]

_SPECS = (
    dicom.SPEC,  # may begin as TIFF
    nifti.SPEC,
    nrrd.SPEC,
    tiff.SPEC,
    picture.SPEC,
    omezarr.SPEC,
)
_START = 512


def specs() -> tuple[ReaderSpec, ...]:
    """Return the formats that can be read."""
    return _SPECS


def suffixes() -> tuple[str, ...]:
    """Return every suffix that can be read."""
    return tuple(suffix for spec in _SPECS for suffix in spec.suffixes)


def read_image(path: str | Path, *, series: str | None = None) -> Loaded:
    """Read an image file, or a folder with a DICOM series or OME-Zarr image.

    The content decides where it is recognised, the suffix otherwise.

    Parameters
    ----------
    series
        SeriesInstanceUID, where a DICOM folder holds several.

    Raises
    ------
    BadInput
        If there is no such file, or the format is not one of `suffixes`.
    BadFile
        If the file is damaged, truncated or not what it claims to be.
    """
    path = Path(path)
    spec = reader_of(path)
    options: dict[str, Any] = {} if series is None else {"series": series}
    if options and spec is not dicom.SPEC:
        raise BadInput(f"series= is for DICOM folders, {path.name} is {spec.title}")
    return dicom.read_dicom(path, **options) if options else spec.read(path)


def reader_of(path: str | Path) -> ReaderSpec:
    """Return the format of a file or folder.

    Raises
    ------
    BadInput, BadFile
        As `read_image`.
    """
    path = Path(path)
    if path.is_dir():
        if path.suffix == ".medfm":
            raise BadInput(
                f"{path.name} is a project: open it with load_project, `napari-medfm "
                "open`, or the menu Project"
            )
        found = (s for s in _SPECS if s.recognises_folder and s.recognises_folder(path))
        return next(found, dicom.SPEC)
    if not path.exists():
        raise BadInput(f"There is no file {path}")
    try:
        with path.open("rb") as stream:
            start = stream.read(_START)
    except OSError as error:
        raise BadFile(f"Could not open {path.name}: {error.strerror}") from error
    if not start:
        raise BadFile(f"{path.name} is empty")
    return _reader_of(path, start)


def _reader_of(path: Path, start: bytes) -> ReaderSpec:
    name = path.name.lower()
    named = [s for s in _SPECS if name.endswith(s.suffixes)]
    seen = [s for s in _SPECS if s.recognises(start)]
    refusal = refusal_of(path, start if seen else b"")
    if refusal is not None:
        raise BadInput(refusal)
    for spec in (*(s for s in named if s in seen), *seen, *named):
        return spec
    raise BadInput(
        f"{path.name} is not an image that can be read: it should end in "
        f"{', '.join(suffixes())}, or be a DICOM folder"
    )
