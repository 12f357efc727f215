"""The size of a pixel, as the dialects of TIFF write it down."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

_CENTIMETRE = 3
_MICRONS = {"um", "µm", "μm", "\\u00b5m", "micron", "microns", "micrometer"}
_OTHERS = {"mm": "mm", "millimeter": "mm", "cm": "cm", "nm": "nm", "inch": "inch"}
_PIXELS = re.compile(r"<(?:\w+:)?Pixels\b[^>]*>")
_MPP = re.compile(r"\bMPP\s*=\s*([0-9.]+)")

Spacing = tuple[tuple[float, ...] | None, str | None]


def spacing_of(tif: TiffFile, axes: str) -> Spacing:
    """Return the pixel size per spatial axis, and its unit; None where unknown.

    OME comes first, then ImageJ, the Aperio description, then resolution tags in
    centimetres. Resolutions per inch are left alone: they are a printer's numbers.
    """
    planes = any(axis not in "CSYX" for axis in axes)
    if tif.is_ome:
        z, y, x, unit = _ome(tif.ome_metadata or "")
    elif tif.is_imagej:
        z, y, x, unit = _imagej(tif)
    else:
        z, y, x, unit = _tags(tif.pages.first)
    if not (y and x):
        return None, None
    if not planes:
        return (y, x), unit
    return (z or 1.0, y, x), unit


_Sizes = tuple[float | None, float | None, float | None, str | None]


def _ome(xml: str) -> _Sizes:
    found = _PIXELS.search(xml)
    if found is None:
        return None, None, None, None
    tag = found.group()
    units = {_unit(u) for u in re.findall(r'PhysicalSize[YX]Unit="([^"]*)"', tag)} or {
        "um"
    }
    z, y, x = (
        _positive(m.group(1))
        if (m := re.search(rf'PhysicalSize{a}="([^"]*)"', tag))
        else None
        for a in "ZYX"
    )
    z_unit = re.search(r'PhysicalSizeZUnit="([^"]*)"', tag)
    if len(units) > 1 or (z and z_unit and {_unit(z_unit.group(1))} != units):
        return None, None, None, None
    return z, y, x, units.pop()


def _imagej(tif: TiffFile) -> _Sizes:
    facts = tif.imagej_metadata or {}
    y, x = _per_unit(tif.pages.first)
    z = _positive(facts.get("spacing"))
    unit = _unit(str(facts.get("unit", "")))
    if unit is None and (y, x, z) in ((1, 1, None), (1, 1, 1)):
        return None, None, None, None
    return z, y, x, unit


def _tags(page: TiffPage) -> _Sizes:
    aperio = _MPP.search(str(page.description)[:10_000])
    if aperio and (size := _positive(aperio.group(1))):
        return None, size, size, "um"
    unit = page.tags.valueof("ResolutionUnit")
    if unit != _CENTIMETRE:
        return None, None, None, None
    y, x = _per_unit(page)
    if not (y and x):
        return None, None, None, None
    return None, y * 10_000, x * 10_000, "um"


def _per_unit(page: TiffPage) -> tuple[float | None, float | None]:
    sizes: list[float | None] = []
    for name in ("YResolution", "XResolution"):
        value = page.tags.valueof(name)
        if not (isinstance(value, tuple) and len(value) == 2 and all(value)):
            sizes.append(None)
            continue
        sizes.append(_positive(value[1] / value[0]))
    return sizes[0], sizes[1]


def _unit(text: str) -> str | None:
    name = text.strip().lower()
    return "um" if name in _MICRONS else _OTHERS.get(name)


def _positive(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and number > 0 else None
