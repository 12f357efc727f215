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
from napari_medfm.readers._dicomgeometry import (
    Placement,
    along_normal,
    frames_of,
    placement_of,
    spacing_of,
    stack_affine,
    to_world,
)
from napari_medfm.readers._guard import check_size, reading
from napari_medfm.readers._loaded import Loaded, ReaderSpec

_MAX_FILES = 20_000
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
)


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
    if importlib.util.find_spec("pydicom") is None:
        raise BadInput(
            f'To read {path.name}: pip install "napari-medfm[dicom]", which brings '
            "pydicom"
        )
    if path.is_dir():
        return _folder(path, series)
    return _file(path)


def _file(path: Path) -> Loaded:
    dataset = _dataset(path)
    with reading(path, *_errors()):
        _check_declared(path, dataset, 1)
        data = _pixels(dataset, path)
        frames = _int(dataset, "NumberOfFrames", 1)
        channel = data.ndim - 1 if _int(dataset, "SamplesPerPixel", 1) > 1 else None
        metadata = _metadata(dataset)
        if frames == 1:
            place = placement_of(dataset)
            metadata["affine_3d"] = None if place is None else place.affine().tolist()
            spacing = None if place is None else place.pixel
            return Loaded(data, channel, spacing, metadata=metadata)
        placed = frames_of(dataset, frames)
        if placed is None:
            return Loaded(data, channel, metadata=metadata)
        order = along_normal(placed)
        affine = to_world(stack_affine(path.name, [placed[i] for i in order]))
    return Loaded(data[order], channel, spacing_of(affine), affine, metadata=metadata)


def _folder(folder: Path, series: str | None) -> Loaded:
    with reading(folder, *_errors()):
        found = _series_of(folder)
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
    files = found[uid]
    if len(files) == 1:
        return _file(files[0][0])
    return _stack(folder, files)


def _stack(folder: Path, files: list[tuple[Path, Any]]) -> Loaded:
    with reading(folder, *_errors()):
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
        slices = [_pixels(first, placed[0][1])]
        slices += [_pixels(_dataset(path), path) for _, path, _ in placed[1:]]
        if len({s.shape for s in slices}) > 1:
            raise BadInput(f"The slices in {folder.name} have different shapes")
        data = np.stack(slices).astype(np.result_type(*{s.dtype for s in slices}))
    spacing = None if affine is None else spacing_of(affine)
    channel = 3 if data.ndim == 4 else None
    return Loaded(data, channel, spacing, affine, metadata=_metadata(first))


def _in_order(
    folder: Path, placed: list[tuple[Placement | None, Path, Any]]
) -> tuple[list[tuple[Placement | None, Path, Any]], NDArray[np.float64]]:
    known = [item[0] for item in placed if item[0] is not None]
    order = along_normal(known)
    affine = stack_affine(folder.name, [known[i] for i in order])
    return [placed[i] for i in order], to_world(affine)


def _series_of(folder: Path) -> dict[str, list[tuple[Path, Any]]]:
    """Return the DICOM images below a folder by series; links are not followed."""
    import pydicom
    from pydicom.errors import InvalidDicomError

    found: dict[str, list[tuple[Path, Any]]] = {}
    files = [p for p in sorted(folder.rglob("*")) if p.is_file() and not p.is_symlink()]
    if len(files) > _MAX_FILES:
        raise BadInput(
            f"{folder.name} holds {len(files)} files: choose the folder of one series"
        )
    for path in files:
        try:
            header = pydicom.dcmread(
                path, stop_before_pixels=True, specific_tags=list(_TAGS)
            )
        except InvalidDicomError:
            continue
        if "Rows" in header and "Columns" in header:
            uid = _text(header, "SeriesInstanceUID")
            found.setdefault(uid, []).append((path, header))
    return found


def _dataset(path: Path) -> Any:
    import pydicom

    with reading(path, *_errors()):
        return pydicom.dcmread(path)


def _pixels(dataset: Any, path: Path) -> NDArray[Any]:
    """Return pixels in the scanner's units: rescaled, whole numbers kept whole."""
    from pydicom.pixels.processing import apply_rescale, convert_color_space

    with reading(path, *_errors()):
        if "PixelData" not in dataset:
            raise BadFile(f"{path.name} is DICOM without pixels")
        data: NDArray[Any] = dataset.pixel_array
        if _int(dataset, "SamplesPerPixel", 1) > 1:
            name = _text(dataset, "PhotometricInterpretation")
            if name.startswith("YBR_FULL"):
                data = convert_color_space(data, name, "RGB")
            return data
        rescaled: NDArray[Any] = np.asarray(apply_rescale(data, dataset))
        if rescaled.dtype.kind != "f":
            return rescaled
        whole: NDArray[Any] = np.rint(rescaled)
        if np.array_equal(whole, rescaled) and np.abs(whole).max(initial=0) < 2**31:
            small = np.abs(whole).max(initial=0) < 2**15
            return whole.astype(np.int16 if small else np.int32)
        return rescaled.astype(np.float32)


def _check_declared(path: Path, dataset: Any, files: int) -> None:
    count = _int(dataset, "Rows") * _int(dataset, "Columns")
    count *= _int(dataset, "SamplesPerPixel", 1) * _int(dataset, "NumberOfFrames", 1)
    if count < 1:
        raise BadFile(f"{path.name} is DICOM without pixels")
    check_size(path, count * files * 8)


def _metadata(dataset: Any) -> dict[str, Any]:
    centre, width = dataset.get("WindowCenter"), dataset.get("WindowWidth")
    window = None
    if centre is not None and width is not None:
        middle = float(np.atleast_1d(np.asarray(centre, float))[0])
        half = float(np.atleast_1d(np.asarray(width, float))[0]) / 2
        window = (middle - half, middle + half) if half > 0 else None
    return {
        "format": "dicom",
        "unit": "mm",
        "window": window,
        "modality": _text(dataset, "Modality"),
        "photometric": _text(dataset, "PhotometricInterpretation"),
        "series_uid": _text(dataset, "SeriesInstanceUID"),
    }


def _text(dataset: Any, name: str) -> str:
    return str(dataset.get(name, "") or "")


def _int(dataset: Any, name: str, default: int = 0) -> int:
    value = dataset.get(name)
    return default if value is None else int(value)


def _errors() -> tuple[type[Exception], ...]:
    from pydicom.errors import BytesLengthException, InvalidDicomError

    return (InvalidDicomError, BytesLengthException)


def _recognises(start: bytes) -> bool:
    return start[128:132] == b"DICM"


SPEC = ReaderSpec("dicom", "DICOM", (".dcm", ".dicom", ".ima"), _recognises, read_dicom)
