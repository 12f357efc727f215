"""DICOM pixels in the scanner's units: unpacked, rescaled, colours as RGB."""

from __future__ import annotations

import io
import struct
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadFile, BadInput
from napari_medfm.readers._guard import reading

_WIDEST = 2**31
_LONGEST_RUN = 64  # bytes of pixels that a byte of runs can stand for
_HARMLESS = 2**24


def pixels_of(path: Path, dataset: Any) -> NDArray[Any]:
    """Return (rows, cols), (frames, rows, cols) or the same with a last colour axis.

    Whole numbers stay whole after rescaling.

    Raises
    ------
    BadFile
        If there are no pixels, or they are damaged.
    BadInput
        If no installed library unpacks them.
    """
    from PIL import Image
    from pydicom.pixels.processing import apply_color_lut, convert_color_space

    with reading(path, Image.DecompressionBombError):
        if "PixelData" not in dataset:
            raise BadFile(f"{path.name} is DICOM without pixels")
        _check_packing(path, dataset)
        data = _unpacked(path, dataset)
        name = str(dataset.get("PhotometricInterpretation", ""))
        if int(dataset.get("SamplesPerPixel") or 1) > 1:
            if name.startswith("YBR_FULL"):
                data = convert_color_space(data, name, "RGB")
            return data
        if name == "PALETTE COLOR":
            coloured: NDArray[Any] = apply_color_lut(data, dataset)
            return coloured[..., :3]
        return _rescaled(data, dataset)


def _check_packing(path: Path, dataset: Any) -> None:
    """Refuse what cannot be unpacked, or would unpack to more than is declared."""
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import RLELossless

    syntax = dataset.file_meta.TransferSyntaxUID
    if not syntax.is_encapsulated:
        return
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        raise BadInput(
            f"{path.name} is packed as {syntax.name}, which is not read: convert it "
            "with gdcmconv --raw or dcmdjpeg"
        ) from None
    if not decoder.is_available:
        raise BadInput(
            f"{path.name} is packed as {syntax.name}, and nothing installed unpacks "
            "it: pip install python-gdcm, or convert it with gdcmconv --raw or dcmdjpeg"
        )
    if syntax == RLELossless:
        _check_runs(path, dataset)
    else:
        _check_frame_size(path, dataset)


def _check_runs(path: Path, dataset: Any) -> None:
    """Count what runs unpack to, where that could be more than is declared."""
    from pydicom.encaps import generate_frames

    frames = int(dataset.get("NumberOfFrames") or 1)
    pixel = int(dataset.get("SamplesPerPixel") or 1) * int(dataset.BitsAllocated) // 8
    declared = int(dataset.Columns) * int(dataset.Rows) * pixel
    for frame in generate_frames(dataset.PixelData, number_of_frames=frames):
        if len(frame) * _LONGEST_RUN <= _HARMLESS:
            continue
        count, *starts = struct.unpack("<16L", frame[:64])
        edges = [*starts[: min(count, 15)], len(frame)]
        total = sum(_unpacks_to(frame[a:b]) for a, b in pairwise(edges))
        if total > 2 * declared + _HARMLESS:
            raise BadFile(f"{path.name} declares frames of {declared} bytes, has more")


def _unpacks_to(runs: bytes) -> int:
    """Return how many bytes PackBits runs stand for."""
    at = total = 0
    while at < len(runs):
        head = runs[at]
        if head < 128:
            at, total = at + 2 + head, total + 1 + head
        else:
            at, total = at + (2 if head > 128 else 1), total + (257 - head) % 129
    return total


def _check_frame_size(path: Path, dataset: Any) -> None:
    """Compare the size that a packed frame claims with that of the dataset."""
    from PIL import Image, UnidentifiedImageError
    from pydicom.encaps import generate_frames

    frames = int(dataset.get("NumberOfFrames") or 1)
    declared = (int(dataset.Columns), int(dataset.Rows))
    for frame in generate_frames(dataset.PixelData, number_of_frames=frames):
        try:
            with Image.open(io.BytesIO(frame), formats=("JPEG", "JPEG2000")) as image:
                size = image.size
        except UnidentifiedImageError:
            continue
        if size != declared:
            raise BadFile(f"{path.name} declares frames of {declared}, holds {size}")


def _unpacked(path: Path, dataset: Any) -> NDArray[Any]:
    """Return the stored pixels; also a decoder's own panic becomes a `BadFile`."""
    from pydicom.uid import RLELossless

    if dataset.file_meta.TransferSyntaxUID == RLELossless:
        dataset.pixel_array_options(decoding_plugin="pydicom")
    try:
        data: NDArray[Any] = dataset.pixel_array
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # of decoders written in Rust
            raise
        raise BadFile(f"Could not read {path.name}: damaged pixels") from error
    return data


def _rescaled(data: NDArray[Any], dataset: Any) -> NDArray[Any]:
    from pydicom.pixels.processing import apply_rescale

    groups = _frame_rescales(dataset, len(data) if data.ndim == 3 else 1)
    if groups is None:
        made: NDArray[Any] = np.asarray(apply_rescale(data, dataset))
    elif data.ndim == 3:
        slopes, shifts = np.array(groups).T[:, :, None, None]
        made = data * slopes + shifts
    else:
        made = data * groups[0][0] + groups[0][1]
    if made.dtype.kind != "f":
        return made
    whole: NDArray[Any] = np.rint(made)
    widest = np.abs(whole).max(initial=0)
    if np.array_equal(whole, made) and widest < _WIDEST:
        return whole.astype(np.int16 if widest < 2**15 else np.int32)
    return made.astype(np.float32)


def _frame_rescales(dataset: Any, frames: int) -> list[tuple[float, float]] | None:
    """Return (slope, intercept) of each frame, from the functional groups."""
    shared = list(dataset.get("SharedFunctionalGroupsSequence") or [])[:1]
    each = list(dataset.get("PerFrameFunctionalGroupsSequence") or [])
    if len(each) != frames:
        return None
    found = []
    for group in each:
        steps = [
            step
            for holder in (group, *shared)
            for step in list(holder.get("PixelValueTransformationSequence") or [])[:1]
        ]
        if not steps:
            return None
        found.append(
            (
                float(steps[0].get("RescaleSlope", 1)),
                float(steps[0].get("RescaleIntercept", 0)),
            )
        )
    return found
