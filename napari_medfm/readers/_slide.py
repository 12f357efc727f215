"""Whole-slide files of scanners: which image is the tissue, and its pixel size."""

from __future__ import annotations

import importlib.util
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medfm.core.errors import BadInput

if TYPE_CHECKING:
    from tifffile import TiffFile

    from napari_medfm.readers._tiffspacing import Spacing

_VENDORS = {"scn": "leica", "ndpi": "hamamatsu", "philips": "philips"}


@dataclass(frozen=True)
class Slide:
    """The image series with the tissue; spacing and vendor where they are known."""

    series: int = 0
    spacing: Spacing | None = None
    vendor: str | None = None


def slide_facts(path: Path, tif: TiffFile) -> Slide:
    """Return what tiffslide says of a scanner's file; defaults for any other TIFF.

    Aperio's files need no tiffslide: the TIFF reader knows their pixel size.

    Raises
    ------
    BadInput
        If the file is of such a scanner, and tiffslide is missing.
    """
    vendors = [name for flag, name in _VENDORS.items() if getattr(tif, f"is_{flag}")]
    if not vendors:
        return Slide(vendor="aperio" if tif.is_svs else None)
    if importlib.util.find_spec("tiffslide") is None:
        raise BadInput(
            f'To read {path.name}, a slide: pip install "napari-medfm[wsi]", which '
            "brings tiffslide"
        )
    from tiffslide import TiffSlide

    with TiffSlide(path) as slide:
        facts = slide.properties
        series = int(facts.get("tiffslide.series-index") or 0)
        mpp = [_positive(facts.get(f"tiffslide.mpp-{axis}")) for axis in "yx"]
    known = all(mpp)
    spacing = ((float(mpp[0] or 1), float(mpp[1] or 1)), "um") if known else None
    return Slide(series, spacing, vendors[0])


def _positive(value: object) -> float | None:
    number = float(value) if isinstance(value, (str, int, float)) else 0.0
    return number if math.isfinite(number) and number > 0 else None
