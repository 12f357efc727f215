"""Label maps as OME-Zarr 0.5: a labels image with its classes, in zarr v3.

The folder can be opened by itself, or moved into an image's ``labels/``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.labels import rgb
from napari_medfm.exporters._format import ExportFormat, LabelMap

_VERSION = "0.5"
_SMALLEST = 256
_CHUNK = 512
_UNITS = {
    "um": "micrometer",
    "mm": "millimeter",
    "nm": "nanometer",
    "cm": "centimeter",
    "m": "meter",
    "inch": "inch",
}


def write_ome_zarr(path: Path, labels: LabelMap) -> None:
    """Write levels of half the size each, by picking pixels, and their places.

    Scale and origin are kept; a rotation has no place in OME-Zarr 0.5, so that the
    whole affine goes into an attribute that only this program reads.
    """
    import zarr

    group = zarr.create_group(store=path, zarr_format=3, overwrite=True)
    axes = "zyx"[3 - labels.image.ndim :]
    datasets: list[dict[str, Any]] = []
    level, factor = labels.values, 1
    while True:
        name = f"s{len(datasets)}"
        chunks = tuple(
            min(n, _CHUNK if i >= level.ndim - 2 else 16)
            for i, n in enumerate(level.shape)
        )
        array = group.create_array(
            name,
            shape=level.shape,
            dtype=level.dtype,
            chunks=chunks,
            dimension_names=list(axes),
        )
        array[...] = level
        datasets.append(
            {"path": name, "coordinateTransformations": _place(labels, factor)}
        )
        if min(level.shape[-2:]) < 2 * _SMALLEST:
            break
        level, factor = np.ascontiguousarray(level[..., ::2, ::2]), factor * 2
    described: dict[str, Any] = {
        "version": _VERSION,
        "multiscales": [
            {
                "name": labels.image.name,
                "axes": [_axis(name, labels.unit) for name in axes],
                "datasets": datasets,
            }
        ],
        "image-label": _classes(labels),
    }
    group.attrs["ome"] = described
    if not np.allclose(labels.image.affine[:-1, :-1], np.diag(labels.image.spacing)):
        group.attrs["napari-medfm"] = {"affine": labels.image.affine.tolist()}


def _axis(name: str, unit: str | None) -> dict[str, str]:
    known = _UNITS.get(unit or "")
    return {"name": name, "type": "space", **({"unit": known} if known else {})}


def _place(labels: LabelMap, factor: int) -> list[dict[str, Any]]:
    """Return scale and origin; a picked pixel keeps its place."""
    image = labels.image
    scale = [float(step) for step in image.spacing]
    scale[-2:] = [scale[-2] * factor, scale[-1] * factor]
    origin: NDArray[np.float64] = image.affine[:-1, -1]
    return [
        {"type": "scale", "scale": scale},
        {"type": "translation", "translation": [float(v) for v in origin]},
    ]


def _classes(labels: LabelMap) -> dict[str, Any]:
    present = labels.present()
    return {
        "version": _VERSION,
        "colors": [
            {"label-value": one.value, "rgba": [*rgb(one.colour), 255]}
            for one in present
        ],
        "properties": [{"label-value": c.value, "class": c.name} for c in present],
    }


FORMAT = ExportFormat(
    "ome-zarr",
    "OME-Zarr labels",
    (".ome.zarr", ".zarr"),
    write_ome_zarr,
    frozenset({"spacing", "names"}),
    folder=True,
)
