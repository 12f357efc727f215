"""TIFF, OME-TIFF, ImageJ stacks and pyramids, through tifffile.

Only the file itself is read: names of further files in its metadata are ignored.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medfm.core.errors import BadFile, BadInput
from napari_medfm.readers._guard import check_packed, check_size, reading
from napari_medfm.readers._lazy import lazy_tiff
from napari_medfm.readers._loaded import Loaded, ReaderSpec
from napari_medfm.readers._slide import slide_facts
from napari_medfm.readers._tiffpages import STARTS, bound_unpacking, check_pages
from napari_medfm.readers._tiffspacing import spacing_of

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPageSeries

_IN_MEMORY = 256 * 2**20
_RATIO = 5000
_PLANES = "ZTIQR"


def read_tiff(path: Path) -> Loaded:
    """Read the first image series of a .tif, .tiff or .ome.tiff file, or a slide.

    Large images and pyramids are opened, not read: their parts come from the file when
    asked for. Bit depth is kept; palettes become RGB. A slide's label and overview are
    never read.

    Raises
    ------
    BadFile
        If it is damaged, truncated, not TIFF, or its compression is not supported.
    BadInput
        If it has more axes than planes, rows, columns and channels.
    """
    import tifffile

    with reading(path, tifffile.TiffFileError):
        check_pages(path)
        with tifffile.TiffFile(path, _multifile=False) as tif:
            if not tif.series:
                raise BadFile(f"{path.name} holds no image")
            slide = slide_facts(path, tif)
            series = tif.series[slide.series]
            channel = _channel_axis(path, series.axes, series.shape)
            _check(path, tif, series)
            keyframe = series.keyframe
            spacing, unit = slide.spacing or spacing_of(tif, series.axes)
            metadata = {
                "format": "tiff",
                "unit": unit,
                "window": None,
                "tiff_axes": series.axes,
                "photometric": getattr(keyframe.photometric, "name", None),
                "other_images": len(tif.series) - 1,
                **({"vendor": slide.vendor} if slide.vendor else {}),
            }
            if series.nbytes <= _IN_MEMORY and len(series.levels) == 1:
                bound_unpacking(keyframe)
                data = _with_colours(series.asarray(), keyframe)
                if data.shape[: len(series.shape)] != tuple(series.shape):
                    raise BadFile(f"{path.name} holds less than it declares")
                if data.ndim > len(series.shape):
                    channel = data.ndim - 1
                return Loaded(data, channel, spacing, metadata=metadata)
            count = len(series.levels)
        levels = tuple(lazy_tiff(path, n, slide.series) for n in range(count))
    return Loaded(levels[0], channel, spacing, levels=levels[1:], metadata=metadata)


def _channel_axis(path: Path, axes: str, shape: tuple[int, ...]) -> int | None:
    channels = [i for i, axis in enumerate(axes) if axis in "CS"]
    spatial = "".join(axis for axis in axes if axis not in "CS")
    planes = [axis for axis in spatial if axis not in "YX"]
    fits = spatial.endswith("YX") and len(planes) <= 1 and len(channels) <= 1
    if not fits or any(axis not in _PLANES for axis in planes):
        raise BadInput(
            f"{path.name} has axes {axes} of lengths {tuple(shape)}: planes, rows, "
            "columns and one channel axis can be used. Save one time point, or one "
            "channel, as a file of its own"
        )
    return channels[0] if channels else None


def _check(path: Path, tif: TiffFile, series: TiffPageSeries) -> None:
    """Refuse what is truncated, absurdly large, or packed by an unknown method."""
    import tifffile

    if 0 in series.shape:
        raise BadFile(f"{path.name} is empty: its shape is {tuple(series.shape)}")
    size = tif.filehandle.size
    page = series.keyframe
    if not isinstance(page.bitspersample, int):
        raise BadFile(f"{path.name} has channels of {page.bitspersample} bits: damaged")
    stored = series.nbytes * page.bitspersample // (8 * series.dtype.itemsize)
    check_packed(path, stored, size, 1 if page.compression == 1 else _RATIO)
    if series.nbytes <= _IN_MEMORY:
        check_size(path, series.nbytes)
    if page.compression not in tifffile.TIFF.DECOMPRESSORS:
        name = getattr(page.compression, "name", page.compression)
        raise BadFile(
            f"{path.name} is compressed by {name}: pip install imagecodecs, or save it "
            "uncompressed or with deflate"
        )
    pages = series.pages if series.nbytes <= _IN_MEMORY else [page]
    for part in pages:
        if part is None:
            continue
        if not all(isinstance(length, int) for length in part.chunks):
            raise BadFile(f"{path.name} is damaged: its tiles have no single size")
        check_size(path, math.prod(part.chunks) * series.dtype.itemsize)
        if len(part.dataoffsets) < math.prod(part.chunked):
            raise BadFile(
                f"{path.name} is damaged: it says where {len(part.dataoffsets)} of "
                f"{math.prod(part.chunked)} parts lie; copy it again from its source"
            )
        ends = (
            a + n for a, n in zip(part.dataoffsets, part.databytecounts, strict=True)
        )
        if max(ends, default=0) > size:
            raise BadFile(
                f"{path.name} is truncated: its pixels go on after the end of the "
                "file; copy it again from its source"
            )


def _with_colours(data: Any, page: Any) -> Any:
    if getattr(page.photometric, "name", "") != "PALETTE" or page.colormap is None:
        return data
    return (np.moveaxis(page.colormap[:, data], 0, -1) >> 8).astype(np.uint8)


def _recognises(start: bytes) -> bool:
    return start[:4] in STARTS


SPEC = ReaderSpec(
    "tiff",
    "TIFF, OME-TIFF, ImageJ stack, slide",
    (".tif", ".tiff", ".ome.tif", ".ome.tiff", ".svs", ".ndpi", ".scn"),
    _recognises,
    read_tiff,
)
