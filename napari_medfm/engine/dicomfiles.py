"""DICOM headers of a file or folder; links are not followed, pixels are not read."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from napari_medfm.core.errors import BadFile, BadInput

_MAX_FILES = 20_000
_DEFLATED = "1.2.840.10008.1.2.1.99"
_MAX_INFLATED = 2**32
IDENTIFYING = {
    "PatientName": "patient's name",
    "PatientID": "patient's number",
    "PatientBirthDate": "date of birth",
    "OtherPatientIDs": "another patient's number",
    "OtherPatientNames": "another name",
    "PatientMotherBirthName": "mother's name",
    "PatientAddress": "address",
    "PatientTelephoneNumbers": "telephone number",
    "AccessionNumber": "accession number",
    "StudyID": "study number",
    "ReferringPhysicianName": "physician's name",
    "PerformingPhysicianName": "physician's name",
    "OperatorsName": "operator's name",
    "InstitutionName": "institution",
}


def headers_below(
    place: Path, tags: Sequence[str] | None = None
) -> Iterator[tuple[Path, Any]]:
    """Yield the path and header of each DICOM file in a folder, or of one file.

    Parameters
    ----------
    tags
        Names of the tags to read; all of them if None.

    Raises
    ------
    BadInput
        If the folder holds too many files to be one study.
    """
    import pydicom
    from pydicom.errors import InvalidDicomError

    paths = [place] if place.is_file() else sorted(place.rglob("*"))
    files = [p for p in paths if p.is_file() and not p.is_symlink()]
    if len(files) > _MAX_FILES:
        raise BadInput(
            f"{place.name} holds {len(files)} files: choose the folder of one series"
        )
    for path in files:
        try:
            check_deflated(path)
            header = pydicom.dcmread(
                path,
                stop_before_pixels=True,
                specific_tags=None if tags is None else list(tags),
            )
        except InvalidDicomError:
            continue
        yield path, header


def dicom_errors() -> tuple[type[Exception], ...]:
    """Return what pydicom raises of its own for a damaged file."""
    from pydicom.errors import BytesLengthException, InvalidDicomError

    return (InvalidDicomError, BytesLengthException)


def check_deflated(path: Path) -> None:
    """Measure a file whose whole content is deflated, before it is unpacked.

    Raises
    ------
    BadFile
        If it unpacks to more than 4 GiB.
    """
    from pydicom.filereader import read_file_meta_info

    with path.open("rb") as stream:
        if stream.read(132)[128:] != b"DICM":
            return
    if str(read_file_meta_info(path).get("TransferSyntaxUID", "")) != _DEFLATED:
        return
    worker, total = zlib.decompressobj(wbits=-15), 0
    pending = _after_meta(path)
    while pending and total <= _MAX_INFLATED:
        total += len(worker.decompress(pending, 2**22))
        pending = worker.unconsumed_tail
    if total > _MAX_INFLATED:
        raise BadFile(f"{path.name} unpacks to over 4 GiB: save it uncompressed")


def _after_meta(path: Path) -> bytes:
    """Return what follows the file meta group, whose length its first element says."""
    content = path.read_bytes()
    length = int.from_bytes(content[140:144], "little")
    return content[144 + length :]


def identity_of(place: Path | None) -> dict[str, str]:
    """Return the identifying tags of the first DICOM image of a file or folder.

    Empty where it is not DICOM, cannot be read, or pydicom is missing: then nothing is
    known of the patient.
    """
    import importlib.util

    if place is None or not place.exists() or not importlib.util.find_spec("pydicom"):
        return {}
    damaged: tuple[type[Exception], ...]
    damaged = (BadFile, BadInput, OSError, ValueError, LookupError, RuntimeError)
    damaged += dicom_errors()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = next(headers_below(place, tuple(IDENTIFYING)), None)
            header = {} if found is None else found[1]
            texts = {n: str(header.get(n, "") or "").strip() for n in IDENTIFYING}
    except damaged:
        return {}
    return {name: text for name, text in texts.items() if text}
