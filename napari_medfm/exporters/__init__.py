"""Label maps out: one file a format, each with a ``FORMAT``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medfm.core.errors import BadInput
from napari_medfm.core.image import Image
from napari_medfm.core.labels import LabelClass
from napari_medfm.core.lazy import counts_of
from napari_medfm.core.results import Written
from napari_medfm.engine.atomic import atomic_bytes, atomic_folder, atomic_path
from napari_medfm.exporters import (
    coco,
    dicomseg,
    geojson,
    nifti,
    nrrd,
    ometiff,
    omezarr,
    png,
    tiff,
)
from napari_medfm.exporters._format import ExportFormat, LabelMap
from napari_medfm.exporters.maps import export_map
from napari_medfm.exporters.warnings import (
    licence_sentences,
    patient_sentences,
    sentences_about,
)

__all__ = [
    "ExportFormat",
    "export_labels",
    "export_map",
    "format_of",
    "formats",
    "licence_sentences",
    "patient_sentences",
    "sentences_about",
]

_FORMATS = (
    nifti.FORMAT,
    nrrd.FORMAT,
    ometiff.FORMAT,
    tiff.FORMAT,
    png.FORMAT,
    omezarr.FORMAT,
    dicomseg.FORMAT,
    coco.RLE,
    coco.POLYGONS,
    geojson.FORMAT,
)


def formats() -> tuple[ExportFormat, ...]:
    """Return the formats that label maps can be written in."""
    return _FORMATS


def format_of(path: str | Path) -> ExportFormat:
    """Return the format of a file name by its longest suffix.

    Raises
    ------
    BadInput
        If there is none.
    """
    name = Path(path).name.lower()
    fits = [(s, f) for f in _FORMATS for s in f.suffixes if name.endswith(s)]
    if not fits:
        known = ", ".join(s for f in _FORMATS for s in f.suffixes)
        raise BadInput(f"Labels cannot be written as {Path(path).name!r}: use {known}")
    return max(fits, key=lambda fit: len(fit[0]))[1]


def export_labels(
    path: str | Path,
    labels: ArrayLike,
    image: Image,
    classes: Sequence[LabelClass],
    provenance: Mapping[str, Any],
    whole: Mapping[int, NDArray[np.bool_]] | None = None,
) -> Written:
    """Write a label map, and beside it ``<path>.provenance.json``.

    Both are whole or, if anything fails, as they were.

    Parameters
    ----------
    path
        Where to; the suffix chooses the format (see `formats`).
    labels
        Class values (bool or integers from 0) of the image's shape.
    classes
        Names and colours of the values.
    provenance
        As from `napari_medfm.engine.provenance.provenance_of`; JSON values.
    whole
        Value -> mask of classes that lie partly under others, for formats that keep
        overlaps.

    Returns
    -------
    Written
        The two files written, and what to mind about them.

    Raises
    ------
    BadInput
        If the suffix is unknown, or the labels do not fit the image or the format.
    WriteFailed
        If the folder cannot be written.
    """
    path = Path(path)
    chosen = format_of(path)
    checked = LabelMap(
        _checked(labels, image), image, tuple(classes), provenance, dict(whole or {})
    )
    beside = path.with_name(f"{path.name}.provenance.json")
    with _place(path, chosen) as temporary:
        chosen.write(temporary, checked)
        record = {**provenance, **_contents(path.name, temporary, checked, chosen)}
        text = json.dumps(record, indent=2, ensure_ascii=False, default=_plain)
        atomic_bytes(beside, text.encode() + b"\n")
    return Written([path, beside], sentences_about(path, image, chosen, provenance))


def _place(path: Path, chosen: ExportFormat) -> AbstractContextManager[Path]:
    if not chosen.folder:
        return atomic_path(path)
    old = path / "zarr.json"
    if path.exists() and not (old.is_file() and b'"image-label"' in old.read_bytes()):
        raise BadInput(f"{path.name} exists and holds no labels: choose another name")
    return atomic_folder(path)


def _checked(labels: ArrayLike, image: Image) -> NDArray[np.unsignedinteger[Any]]:
    array = np.asarray(labels)
    if array.shape != image.shape:
        raise BadInput(
            f"The labels have shape {array.shape}, {image.name!r} has {image.shape}: "
            "they must be the same"
        )
    if array.dtype.kind not in "bui":
        raise BadInput(f"Labels are whole numbers, not {array.dtype}")
    if array.dtype.kind == "i" and array.min(initial=0) < 0:
        raise BadInput(f"Labels count from 0, these hold {array.min()}")
    top = int(array.max(initial=0))
    for kind in (np.uint8, np.uint16, np.uint32):
        if top <= np.iinfo(kind).max:
            return array.astype(kind, copy=False)
    raise BadInput(f"Labels reach {top}: files hold up to {2**32 - 1}")


def _contents(
    name: str, written: Path, labels: LabelMap, chosen: ExportFormat
) -> dict[str, Any]:
    known = {c.value: c for c in labels.classes}
    pixels = counts_of(labels.values)
    unnamed = sorted(set(pixels) - set(known))
    digest = file_digest(written)
    return {
        "file": name,
        "format": chosen.name,
        "dtype": str(labels.values.dtype),
        "sha256": digest,
        "classes": [
            {"value": v, "name": c.name, "colour": c.colour, "pixels": pixels[v]}
            for v, c in sorted(known.items())
        ],
        "unnamed_values": len(unnamed),
        "unnamed_pixels": sum(pixels[v] for v in unnamed),
    }


def file_digest(written: Path) -> str:
    """Return the SHA-256 of a file; of a folder, over names and files in order."""
    digest = hashlib.sha256()
    single = written.is_file()
    for path in [written] if single else sorted(written.rglob("*")):
        if path.is_file():
            if not single:
                digest.update(path.relative_to(written).as_posix().encode() + b"\0")
            with path.open("rb") as stream:
                while piece := stream.read(2**20):
                    digest.update(piece)
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return value.name
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (tuple, set, frozenset)):
        return list(value)
    return str(value)
