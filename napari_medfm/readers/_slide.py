"""Whole-slide files of scanners: which image is the tissue, and its pixel size."""

from __future__ import annotations

import importlib.util
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from napari_medfm.core.errors import BadFile, BadInput
from napari_medfm.readers._guard import PARSE_ERRORS

if TYPE_CHECKING:
    from tifffile import TiffFile

    from napari_medfm.readers._tiffspacing import Spacing

_VENDORS = {"ndpi": "hamamatsu", "philips": "philips"}


@dataclass(frozen=True)
class Slide:
    """The image series with the tissue; spacing and vendor where they are known."""

    series: int = 0
    spacing: Spacing | None = None
    vendor: str | None = None


def slide_facts(path: Path, tif: TiffFile) -> Slide:
    """Return what is known of a scanner's file; defaults for any other TIFF.

    Hamamatsu's and Philips's need tiffslide.

    Raises
    ------
    BadInput
        If the file is of such a scanner, and tiffslide is missing.
    BadFile
        If where the tissue is cannot be told.
    """
    if tif.is_scn:
        return _leica(path, tif)
    vendors = [name for flag, name in _VENDORS.items() if getattr(tif, f"is_{flag}")]
    if not vendors:
        return Slide(vendor="aperio" if tif.is_svs else None)
    if importlib.util.find_spec("tiffslide") is None:
        raise BadInput(
            f'To read {path.name}, a slide: pip install "napari-medfm[wsi]", which '
            "brings tiffslide"
        )
    from tiffslide import TiffSlide

    try:
        with TiffSlide(path) as slide:
            facts = slide.properties
            series = int(facts.get("tiffslide.series-index") or 0)
            mpp = [_positive(facts.get(f"tiffslide.mpp-{axis}")) for axis in "yx"]
    except PARSE_ERRORS as error:
        raise _unknown(path, vendors[0].title()) from error
    known = all(mpp)
    spacing = ((mpp[0], mpp[1]), "um") if known else None
    return Slide(series, spacing, vendors[0])


def _leica(path: Path, tif: TiffFile) -> Slide:
    """Return which image of a Leica file is not the overview; of one, that one.

    Its XML says of each image how large it is in nanometres, and where on the glass.
    """
    try:
        root = ET.fromstring(tif.scn_metadata or "")  # noqa: S314  by expat
        collection = next(part for part in root.iter() if _is(part, "collection"))
        whole = collection.get("sizeX"), collection.get("sizeY")
        images = [part for part in collection if _is(part, "image")]
        views = [_child(image, "view") for image in images]
        tissue = [
            number
            for number, view in enumerate(views)
            if len(views) == 1 or not _is_overview(view, whole)
        ]
        chosen = tissue[0]
        pixels = _child(_child(images[chosen], "pixels"), "dimension")
        microns = [
            _positive(views[chosen].get(f"size{axis}"))
            / (1000 * _positive(pixels.get(f"size{axis}")))
            for axis in "YX"
        ]
    except (*PARSE_ERRORS, ET.ParseError) as error:
        raise _unknown(path, "Leica") from error
    spacing = ((microns[0], microns[1]), "um") if all(microns) else None
    return Slide(chosen, spacing, "leica")


def _is(part: ET.Element, name: str) -> bool:
    return part.tag.endswith(f"}}{name}") or part.tag == name


def _child(part: ET.Element, name: str) -> ET.Element:
    return next(child for child in part if _is(child, name))


def _is_overview(view: ET.Element, whole: tuple[str | None, ...]) -> bool:
    size, offset = (
        tuple(view.get(f"{what}{axis}") for axis in "XY") for what in ("size", "offset")
    )
    return size == whole and offset == ("0", "0")


def _unknown(path: Path, maker: str) -> BadFile:
    return BadFile(
        f"{path.name} is a slide of {maker} whose layout is not known here, so that "
        "tissue and overview cannot be told apart: save the tissue as OME-TIFF (QuPath "
        "does), and open that"
    )


def _positive(value: object) -> float:
    """Return a number, 0 where it is none or not above it."""
    number = float(value) if isinstance(value, (str, int, float)) else 0.0
    return number if math.isfinite(number) and number > 0 else 0.0
