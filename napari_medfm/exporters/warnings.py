"""What the user should know before a file leaves: patients, licences, losses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_medfm.core.image import Image
from napari_medfm.engine.dicomfiles import IDENTIFYING, identity_of
from napari_medfm.exporters._format import ExportFormat

_WORD = re.compile(r"[^\W_]{3,}")
_COMMON = {"the", "and", "unknown", "anonymous", "anonymized", "anon", "none", "test"}
_SEARCHED = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "OtherPatientIDs",
    "OtherPatientNames",
    "PatientMotherBirthName",
    "AccessionNumber",
)
_COPIED = ("PatientName", "PatientID", "PatientBirthDate", "AccessionNumber", "StudyID")


def sentences_about(
    path: Path,
    image: Image,
    chosen: ExportFormat,
    provenance: Mapping[str, Any],
) -> list[str]:
    """Return, in plain sentences, what to mind about a label map's file.

    Parameters
    ----------
    path
        Where it would be written.
    provenance
        Of the labels, with ``licence_notes`` and ``image``.
    """
    return [
        *licence_sentences(provenance.get("licence_notes") or ()),
        *patient_sentences(path.name, image.name, image.source, chosen),
        *losses(image, chosen),
    ]


def licence_sentences(notes: Iterable[str]) -> list[str]:
    """Return what labels inherit from the licences of the models behind them."""
    return [f"These labels are {note}: the file inherits that." for note in notes]


def patient_sentences(
    file: str, image: str, source: Path | None, chosen: ExportFormat | None
) -> list[str]:
    """Return what would tell who the patient is.

    Only what the image's own DICOM tags say can be recognised.

    Parameters
    ----------
    file
        Name of the file, or its place below a folder.
    image
        Name of the image.
    source
        File or folder of the image.
    chosen
        Format of the file; None for a table.
    """
    tags = identity_of(source)
    if not tags:
        return []
    said = []
    if chosen is not None and chosen.name == "dicom-seg":
        copied = [IDENTIFYING[name] for name in _COPIED if name in tags]
        if copied:
            said.append(
                f"{file} carries the {_and(copied)} of its source images, as "
                "DICOM asks: do not pass it on unless you may pass them on."
            )
    for text, where in (
        (file, f"the file name {file!r}"),
        (image, f"the image's name {image!r}, which the file and its record hold,"),
    ):
        seen = sorted(set(_named_in(text, tags)))
        if seen:
            said.append(
                f"It looks as if {where} comes from the {_and(seen)}: choose a neutral "
                "name before you pass it on."
            )
    return said


def losses(image: Image, chosen: ExportFormat) -> list[str]:
    """Return what of the image's geometry the format cannot hold."""
    keeps = chosen.keeps
    if "orientation" in keeps:
        return []
    linear = image.affine[:-1, :-1]
    turned = not np.allclose(linear, np.diag(image.spacing), rtol=0, atol=1e-6)
    moved = bool(np.any(image.affine[:-1, -1])) and "spacing" not in keeps
    said = []
    if turned or moved or image.metadata.get("affine_3d") is not None:
        said.append(
            f"The format {chosen.title} does not hold where the image lies in the "
            "patient: use .nii.gz or .nrrd to keep that."
        )
    if "spacing" not in keeps and image.metadata.get("unit"):
        said.append(f"The format {chosen.title} does not hold the pixel size.")
    return said


def _named_in(text: str, tags: Mapping[str, str]) -> Iterable[str]:
    words = {word.casefold() for word in _WORD.findall(text)}
    flat = "".join(sorted(words, key=text.casefold().find))
    for name in _SEARCHED:
        tokens = {t.casefold() for t in _WORD.findall(tags.get(name, ""))} - _COMMON
        whole = "".join(_WORD.findall(tags.get(name, ""))).casefold()
        if tokens & words or (len(whole) >= 5 and whole in flat):
            yield IDENTIFYING[name]


def _and(items: list[str]) -> str:
    distinct = list(dict.fromkeys(items))
    if len(distinct) == 1:
        return distinct[0]
    return f"{', '.join(distinct[:-1])} and {distinct[-1]}"
