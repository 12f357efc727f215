"""DICOM files and series, through pydicom (an optional extra).

Slices are sorted by their position along the normal; no path is ever built from a tag,
and no tag that names a person is kept.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadFile, BadInput
from napari_medfm.engine.dicomfiles import (
    check_deflated,
    dicom_errors,
    headers_below,
)
from napari_medfm.readers._dicomgeometry import (
    Placement,
    along_normal,
    frames_of,
    placement_of,
    spacing_of,
    stack_affine,
    to_world,
)
from napari_medfm.readers._dicompixels import pixels_of
from napari_medfm.readers._dicomwindows import windows_of
from napari_medfm.readers._guard import check_size, reading
from napari_medfm.readers._loaded import Loaded, ReaderSpec

_TAGS = (
    "SeriesInstanceUID",
    "Modality",
    "InstanceNumber",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "PixelSpacing",
    "SliceThickness",
    "SpacingBetweenSlices",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SamplesPerPixel",
    "SOPInstanceUID",
)
_Series = dict[str, list[tuple[Path, Any]]]


def read_dicom(path: Path, series: str | None = None) -> Loaded:
    """Read one file, or the series of a folder.

    Parameters
    ----------
    series
        SeriesInstanceUID to read where a folder holds several.

    Raises
    ------
    BadInput
        If pydicom is missing, a folder holds no or several series, or its slices do
        not make one regular stack.
    BadFile
        If a file is damaged or not DICOM.
    """
    _check_installed(path)
    if path.is_dir():
        return _folder(path, series)
    return _file(path)


def _check_installed(path: Path) -> None:
    if importlib.util.find_spec("pydicom") is None:
        raise BadInput(
            f'To read {path.name}: pip install "napari-medfm[dicom]", which brings '
            "pydicom"
        )


def _file(path: Path) -> Loaded:
    dataset = _dataset(path)
    with reading(path, *dicom_errors()):
        _check_declared(path, dataset, 1)
        data = pixels_of(path, dataset)
        frames = _int(dataset, "NumberOfFrames", 1)
        channel = data.ndim - 1 if data.ndim > 2 + (frames > 1) else None
        metadata = _metadata([dataset], frames)
        if frames == 1:
            place = placement_of(dataset)
            metadata["affine_3d"] = None if place is None else place.affine().tolist()
            spacing = None if place is None else place.pixel
            return Loaded(data, channel, spacing, metadata=metadata)
        placed = frames_of(dataset, frames)
        if placed is None:
            return Loaded(data, channel, metadata=metadata)
        order = along_normal(placed)
        metadata["dicom"]["frames"] = [i + 1 for i in order]
        affine = to_world(stack_affine(path.name, [placed[i] for i in order]))
    return Loaded(data[order], channel, spacing_of(affine), affine, metadata=metadata)


def _folder(folder: Path, series: str | None) -> Loaded:
    with reading(folder, *dicom_errors()):
        files = _chosen(folder, _series_of(folder), series)
    if len(files) == 1:
        return _file(files[0][0])
    return _stack(folder, files)


def _chosen(folder: Path, found: _Series, series: str | None) -> list[tuple[Path, Any]]:
    """Return the files of the one series that is meant.

    Raises
    ------
    BadInput
        If there is none, or it is not clear which.
    """
    if not found:
        raise BadInput(
            f"{folder.name} holds no DICOM images: choose the folder with the slices"
        )
    if series is None and len(found) > 1:
        listed = "; ".join(
            f"{uid} ({_text(files[0][1], 'Modality')}, {len(files)} files)"
            for uid, files in sorted(found.items())
        )
        raise BadInput(
            f"{folder.name} holds {len(found)} series: {listed}. Choose one with "
            "series=UID, or keep each in a folder of its own"
        )
    uid = next(iter(found)) if series is None else series
    if uid not in found:
        raise BadInput(f"{folder.name} holds no series {uid}: {', '.join(found)}")
    return found[uid]


def _stack(folder: Path, files: list[tuple[Path, Any]]) -> Loaded:
    with reading(folder, *dicom_errors()):
        shapes = {(_int(d, "Rows"), _int(d, "Columns")) for _, d in files}
        if len(shapes) > 1 or any(_int(d, "NumberOfFrames", 1) > 1 for _, d in files):
            raise BadInput(
                f"The series in {folder.name} mixes slices of {sorted(shapes)} or "
                "multi-frame files: keep one size in a folder"
            )
        placed = [(placement_of(d), p, d) for p, d in files]
        if any(place is None for place, _, _ in placed):
            placed.sort(
                key=lambda item: (_int(item[2], "InstanceNumber"), item[1].name)
            )
            affine = None
        else:
            placed, affine = _in_order(folder, placed)
        first = _dataset(placed[0][1])
        _check_declared(folder, first, len(placed))
        slices = [pixels_of(placed[0][1], first)]
        slices += [pixels_of(path, _dataset(path)) for _, path, _ in placed[1:]]
        if len({s.shape for s in slices}) > 1:
            raise BadInput(f"The slices in {folder.name} have different shapes")
        data = np.stack(slices).astype(np.result_type(*{s.dtype for s in slices}))
        metadata = _metadata([first, *(header for _, _, header in placed[1:])], 1)
    spacing = None if affine is None else spacing_of(affine)
    channel = 3 if data.ndim == 4 else None
    return Loaded(data, channel, spacing, affine, metadata=metadata)


def _in_order(
    folder: Path, placed: list[tuple[Placement | None, Path, Any]]
) -> tuple[list[tuple[Placement | None, Path, Any]], NDArray[np.float64]]:
    known = [item[0] for item in placed if item[0] is not None]
    order = along_normal(known)
    affine = stack_affine(folder.name, [known[i] for i in order])
    return [placed[i] for i in order], to_world(affine)


def series_in(folder: Path) -> dict[str, str]:
    """Return the UID and modality of each image series in a folder, in order of UID.

    Raises
    ------
    BadFile, BadInput
        As `read_dicom`.
    """
    _check_installed(folder)
    with reading(folder, *dicom_errors()):
        found = _series_of(folder)
        return {uid: _text(found[uid][0][1], "Modality") for uid in sorted(found)}


def _series_of(folder: Path) -> _Series:
    """Return the DICOM images below a folder by series."""
    found: _Series = {}
    for path, header in headers_below(folder, _TAGS):
        if "Rows" in header and "Columns" in header:
            uid = _text(header, "SeriesInstanceUID")
            found.setdefault(uid, []).append((path, header))
    return found


def header_of(path: Path) -> tuple[str, Any]:
    """Return the modality of a file, and all its tags but its pixels.

    Raises
    ------
    BadFile, BadInput
        As `read_dicom`.
    """
    import pydicom

    _check_installed(path)
    with reading(path, *dicom_errors()):
        check_deflated(path)
        header = pydicom.dcmread(path, stop_before_pixels=True)
        return _text(header, "Modality"), header


def _dataset(path: Path) -> Any:
    import pydicom

    with reading(path, *dicom_errors()):
        check_deflated(path)
        return pydicom.dcmread(path)


def _check_declared(path: Path, dataset: Any, files: int) -> None:
    count = _int(dataset, "Rows") * _int(dataset, "Columns")
    count *= _int(dataset, "SamplesPerPixel", 1) * _int(dataset, "NumberOfFrames", 1)
    if count < 1:
        raise BadFile(f"{path.name} is DICOM without pixels{_instead(dataset)}")
    if "TotalPixelMatrixColumns" in dataset and _int(dataset, "NumberOfFrames", 1) > 1:
        raise BadInput(
            f"{path.name} is a slide in DICOM tiles: convert it to a pyramidal OME-TIFF"
        )
    check_size(path, count * files * 8)


def _instead(dataset: Any) -> str:
    if _text(dataset, "Modality") == "RTSTRUCT":
        return ": it holds contours, which import_labels reads"
    if "DirectoryRecordSequence" in dataset:
        return ": it is a table of contents; choose a folder beside it"
    return ""


def _metadata(files: list[Any], frames: int) -> dict[str, Any]:
    """Return what is kept of the tags; ``files`` in the order of the planes."""
    first = files[0]
    windows = windows_of(first)
    return {
        "format": "dicom",
        "unit": "mm",
        "window": windows[0][:2] if windows else None,
        "windows": windows,
        "modality": _text(first, "Modality"),
        "photometric": _text(first, "PhotometricInterpretation"),
        "series_uid": _text(first, "SeriesInstanceUID"),
        "dicom": {
            "sop_uids": [_text(one, "SOPInstanceUID") for one in files],
            "frames": list(range(1, frames + 1)),
        },
    }


def _text(dataset: Any, name: str) -> str:
    return str(dataset.get(name, "") or "")


def _int(dataset: Any, name: str, default: int = 0) -> int:
    value = dataset.get(name)
    return default if value is None else int(value)


def _recognises(start: bytes) -> bool:
    return start[128:132] == b"DICM"


SPEC = ReaderSpec("dicom", "DICOM", (".dcm", ".dicom", ".ima"), _recognises, read_dicom)
