"""Label maps as DICOM segmentation, through highdicom (an optional extra).

The file refers to the very images it was made on, plane by plane, and takes patient and
study from them. Classes that lie over one another are kept whole.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_medfm.core.errors import BadInput
from napari_medfm.core.labels import LabelClass, rgb
from napari_medfm.engine.dicomfiles import headers_below
from napari_medfm.exporters._format import ExportFormat, LabelMap

_PROGRAM = "napari-medfm"
_BY_HAND = {"edited", "imported", "given labels"}


def write_dicom_seg(path: Path, labels: LabelMap) -> None:
    """Write a .dcm file with one binary segment a class, numbered from 1.

    Raises
    ------
    BadInput
        If highdicom is missing, the image is not DICOM or its files are gone, nothing
        is labelled, or the source lacks what a segmentation must copy from it.
    """
    if importlib.util.find_spec("highdicom") is None:
        raise BadInput(
            'To write DICOM-SEG: pip install "napari-medfm[dicom-seg]", which brings '
            "highdicom"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sources, order = _sources(labels)
    present = labels.present()
    if not present:
        raise BadInput("DICOM-SEG holds no empty label map: label something first")
    stack = np.stack([labels.planes(c.value)[order] for c in present], -1)
    try:
        with warnings.catch_warnings():  # about tags of the source
            warnings.simplefilter("ignore")
            made = _segmentation(labels, sources, stack.astype(np.uint8), present)
            made.save_as(path)
    except (AttributeError, ValueError, TypeError, KeyError) as error:
        reason = " ".join(str(error).split())[:200]
        raise BadInput(
            f"The DICOM images of {labels.image.name!r} cannot be referred to: "
            f"{reason}. Export as .seg.nrrd or .nii.gz"
        ) from error


def _sources(labels: LabelMap) -> tuple[list[Any], list[int]]:
    """Return the headers of the source images, and the plane of each frame in them."""
    image = labels.image
    known = image.metadata.get("dicom")
    if known is None or image.source is None:
        raise BadInput(
            f"DICOM-SEG refers to DICOM images, and {image.name!r} did not come from "
            "DICOM files: export it as .seg.nrrd or .nii.gz"
        )
    uids, frames = list(known["sop_uids"]), list(known["frames"])
    found = {}
    if image.source.exists():
        found = {
            str(h.get("SOPInstanceUID")): h for _, h in headers_below(image.source)
        }
    if any(uid not in found for uid in uids):
        raise BadInput(
            f"The DICOM files of {image.name!r} are no longer in {image.source.name}: "
            "put them back, or export as .seg.nrrd"
        )
    for uid in uids:
        if "SliceThickness" not in found[uid]:  # which highdicom copies
            found[uid].SliceThickness = float(image.spacing[0])
    if len(uids) > 1:
        return [found[uid] for uid in uids], list(range(len(uids)))
    return [found[uids[0]]], [int(i) for i in np.argsort(frames)]


def _segmentation(
    labels: LabelMap, sources: list[Any], stack: Any, present: list[LabelClass]
) -> Any:
    import highdicom as hd

    version = str(labels.provenance.get("program", "")).removeprefix(_PROGRAM).strip()
    return hd.seg.Segmentation(
        source_images=sources,
        pixel_array=stack,
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[
            _segment(labels, number, one, version)
            for number, one in enumerate(present, 1)
        ],
        series_instance_uid=hd.UID(),
        series_number=900,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer=_PROGRAM,
        manufacturer_model_name=_PROGRAM,
        software_versions=version or "unknown",
        device_serial_number="0",
        content_label="MEDFM",
        content_description="Made with napari-medfm; see the provenance file",
    )


def _segment(labels: LabelMap, number: int, one: LabelClass, version: str) -> Any:
    import highdicom as hd
    from pydicom.sr.codedict import codes

    regions = [
        region
        for region in _regions(labels)
        if one.value in region.get("values", [one.value])
    ]
    kind = hd.seg.SegmentAlgorithmTypeValues
    by_hand = bool(regions) and all(_origin(region) in _BY_HAND for region in regions)
    predicted = any(_origin(region) == "prediction" for region in regions)
    models = sorted(set(_models(regions)))
    how = kind.MANUAL if by_hand and not models else kind.SEMIAUTOMATIC
    if predicted and not by_hand:
        how = kind.AUTOMATIC
    algorithm = None
    if how is not kind.MANUAL:
        algorithm = hd.AlgorithmIdentificationSequence(
            name=_PROGRAM,
            family=codes.DCM.ArtificialIntelligence,
            version=version or "unknown",
            parameters={"models": ", ".join(models)} if models else None,
        )
    name = one.name[:64]
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=name,
        segmented_property_category=codes.SCT.AnatomicalStructure,
        segmented_property_type=hd.sr.CodedConcept(
            value=f"CLASS-{one.value}", scheme_designator="99MEDFM", meaning=name
        ),
        algorithm_type=how,
        algorithm_identification=algorithm,
        tracking_uid=hd.UID(),
        tracking_id=name,
        display_color=hd.color.CIELabColor.from_rgb(*rgb(one.colour)),
    )


def _regions(labels: LabelMap) -> list[Mapping[str, Any]]:
    content = labels.provenance.get("content") or {}
    what = content.get("what")
    return [{"origin": what, **region} for region in content.get("regions") or []]


def _origin(region: Mapping[str, Any]) -> str:
    return str(region.get("origin"))


def _models(found: Any) -> list[str]:
    """Return "name weights-hash" of each model named in a region, however deep."""
    if isinstance(found, Mapping):
        name, weights = found.get("name"), found.get("weights_sha256")
        here = [f"{name} {str(weights)[:12]}"] if name and weights else []
        return here + [one for value in found.values() for one in _models(value)]
    if isinstance(found, (list, tuple)):
        return [one for value in found for one in _models(value)]
    return []


FORMAT = ExportFormat(
    "dicom-seg",
    "DICOM segmentation",
    (".dcm", ".seg.dcm"),
    write_dicom_seg,
    frozenset({"orientation", "spacing", "names", "overlap"}),
)
