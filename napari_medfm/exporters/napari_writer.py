"""Writers as napari calls them; napari itself is not imported."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.image import Image
from napari_medfm.core.labels import LabelClass
from napari_medfm.engine.intake import image_of
from napari_medfm.engine.provenance import provenance_of
from napari_medfm.exporters import export_labels, format_of, sentences_about

_COLOURS = ("#000000", "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2")


@dataclass(frozen=True, eq=False)
class Written:
    """What a layer of this program is of: its image's geometry, classes, making."""

    image: Image
    classes: tuple[LabelClass, ...]
    record: dict[str, Any]


def write_labels(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write a Labels layer, with its provenance beside it.

    What to mind about the file (licences, names of patients, what the format cannot
    hold) is warned of before it is written; napari shows that.

    Geometry and class names come from ``meta["metadata"]["napari_medfm"]`` where the
    layer has them (``shown``, which this program's own layers have and which returns a
    `Written`; or ``affine``, ``metadata``, ``classes`` as ``{name: value}``), from the
    layer's own transform otherwise.

    Parameters
    ----------
    data
        Integers, (rows, cols) or (planes, rows, cols).
    meta
        The layer's attributes.

    Returns
    -------
    list of str
        The files written.

    Raises
    ------
    BadInput, WriteFailed
        As `napari_medfm.exporters.export_labels`.
    """
    values = np.asarray(data)
    known = dict((meta.get("metadata") or {}).get("napari_medfm") or {})
    ours = known["shown"](values) if callable(known.get("shown")) else None
    if isinstance(ours, Written):
        return _written(path, values, ours)
    affine = known.get("affine")
    spacing = known.get("spacing")
    if affine is None and spacing is None:
        affine = _affine_of_layer(meta, values.ndim)
    name = str(meta.get("name", "labels"))
    image = image_of(
        values,
        name,
        axes="zyx"[-values.ndim :],
        spacing=None if affine is not None else spacing,
        affine=affine,
        metadata=known.get("metadata"),
    )
    classes = [
        LabelClass(str(label), int(value), _COLOURS[int(value) % len(_COLOURS)])
        for label, value in dict(known.get("classes") or {"background": 0}).items()
    ]
    record = provenance_of(
        image, classes=classes, content={"what": "labels layer", "layer": name}
    )
    source = known.get("path") or known.get("sample")
    record["image"] |= {"sha256": None, "name": source and Path(source).name}
    return _written(path, values, Written(image, tuple(classes), record))


def _written(path: str, values: NDArray[Any], what: Written) -> list[str]:
    target = Path(path)
    for said in sentences_about(target, what.image, format_of(target), what.record):
        warnings.warn(said, stacklevel=3)
    files = export_labels(target, values, what.image, what.classes, what.record)
    return [str(file) for file in files]


def _affine_of_layer(meta: dict[str, Any], ndim: int) -> NDArray[np.float64]:
    """Return a layer's data -> world matrix: affine after shift, turn, shear, scale."""
    inner = np.eye(ndim + 1)
    scale = np.asarray(meta.get("scale", np.ones(ndim)), float)
    rotate = np.asarray(meta.get("rotate", np.eye(ndim)), float)
    shear = np.asarray(meta.get("shear", np.eye(ndim)), float)
    if shear.ndim == 1:
        upper = np.eye(ndim)
        upper[np.triu_indices(ndim, 1)] = shear
        shear = upper
    inner[:ndim, :ndim] = rotate @ shear @ np.diag(scale)
    inner[:ndim, ndim] = np.asarray(meta.get("translate", np.zeros(ndim)), float)
    outer = np.asarray(meta.get("affine", np.eye(ndim + 1)), float)
    return outer @ inner if outer.shape == inner.shape else inner
