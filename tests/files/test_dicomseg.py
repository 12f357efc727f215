"""DICOM segmentations, read by pydicom and highdicom; what to mind before export."""

import json

import highdicom as hd
import numpy as np
import pydicom
import pytest
from slices import NORMAL, STUDY_TAGS, slice_of
from toys import ToyEncoder, ToySegmenter

from napari_medfm import Session
from napari_medfm.core.errors import BadInput
from napari_medfm.engine.provenance import version

PIXELS = np.random.default_rng(0).integers(0, 3000, (5, 16, 18))
MODEL = {
    "name": "some-model",
    "weights_sha256": "ab" * 32,
    "licence": "CC BY-NC 4.0",
    "commercial": False,
}


@pytest.fixture
def session(tmp_path):
    folder = tmp_path / "scan"
    folder.mkdir()
    for plane, name in enumerate("dbeac"):
        position = np.array([10, 20, 30]) + 2 * plane * NORMAL
        slice_of(
            PIXELS[plane], position, InstanceNumber=plane + 1, **STUDY_TAGS
        ).save_as(folder / name, enforce_file_format=True)
    made = Session(ToyEncoder(), ToySegmenter())
    made.add_image(folder, "ct")
    for name in ("organ", "tumour"):
        made.add_class(name)
    return made


def accept(session):
    organ, tumour = np.zeros((2, *PIXELS.shape), bool)
    organ[1:4, 2:12, 2:12], tumour[2:4, 5:8, 6:9] = True, True
    session.accept("ct", organ, "organ", provenance={"model": MODEL})
    session.accept("ct", tumour, "tumour", origin="edited")
    return organ, tumour


def test_segments_overlap_and_refer_to_their_slices(session, tmp_path):
    organ, tumour = accept(session)
    written = session.export_masks("ct", tmp_path / "a.dcm")
    seg = hd.seg.segread(tmp_path / "a.dcm")
    assert seg.number_of_segments == 2
    source = session.images["ct"]
    uids = source.metadata["dicom"]["sop_uids"]
    pixels = seg.get_pixels_by_source_instance(uids, ignore_spatial_locations=True)
    np.testing.assert_array_equal(pixels[..., 0], organ)
    np.testing.assert_array_equal(pixels[..., 1], tumour)
    for frame in seg.PerFrameFunctionalGroupsSequence:
        where = frame.PlanePositionSequence[0].ImagePositionPatient
        used = frame.DerivationImageSequence[0].SourceImageSequence[0]
        plane = uids.index(used.ReferencedSOPInstanceUID)
        z, y, x, _ = source.affine @ [plane, 0, 0, 1]
        np.testing.assert_allclose(where, (-x, -y, z), atol=1e-5)
    assert written[1].name == "a.dcm.provenance.json"


def test_each_segment_says_what_made_it(session, tmp_path):
    accept(session)
    session.export_masks("ct", tmp_path / "a.dcm")
    organ, tumour = pydicom.dcmread(tmp_path / "a.dcm").SegmentSequence
    assert organ.SegmentLabel == "organ"
    algorithm = organ.SegmentationAlgorithmIdentificationSequence[0]
    assert algorithm.AlgorithmName == "napari-medfm"
    assert algorithm.AlgorithmVersion == version().removeprefix("napari-medfm ")
    assert "some-model abababababab" in algorithm.AlgorithmParameters
    assert organ.SegmentAlgorithmType == "SEMIAUTOMATIC"
    assert tumour.SegmentAlgorithmType == "MANUAL"


def test_an_image_that_is_not_dicom_is_refused(session, tmp_path):
    session.add_image(PIXELS.astype(float), "array")
    session.accept("array", PIXELS > 2000, "organ")
    with pytest.raises(BadInput, match=r"did not come from DICOM.*nii\.gz"):
        session.export_masks("array", tmp_path / "a.dcm")
    assert not (tmp_path / "a.dcm").exists()


def test_source_files_that_are_gone_are_named(session, tmp_path):
    accept(session)
    (tmp_path / "scan" / "e").unlink()
    with pytest.raises(BadInput, match="no longer in scan"):
        session.export_masks("ct", tmp_path / "a.dcm")


def test_an_enhanced_file_is_referred_to_frame_by_frame(tmp_path):
    made = slice_of(PIXELS[0], [0, 0, 0], NumberOfFrames=5, **STUDY_TAGS)
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = (
        "1.2.840.10008.5.1.4.1.1.2.1"
    )
    made.PixelData = PIXELS.astype("<u2").tobytes()
    item = pydicom.Dataset
    orientation, measures, shared = item(), item(), item()
    orientation.ImageOrientationPatient = made.ImageOrientationPatient
    measures.PixelSpacing, measures.SliceThickness = made.PixelSpacing, 2
    shared.PlaneOrientationSequence = [orientation]
    shared.PixelMeasuresSequence = [measures]
    made.SharedFunctionalGroupsSequence = [shared]
    del made.ImagePositionPatient, made.ImageOrientationPatient, made.PixelSpacing
    made.PerFrameFunctionalGroupsSequence = []
    for depth in (6, 4, 2, 0, 8):
        place, group = item(), item()
        place.ImagePositionPatient = [float(round(v, 6)) for v in depth * NORMAL]
        group.PlanePositionSequence = [place]
        made.PerFrameFunctionalGroupsSequence.append(group)
    made.InstanceNumber = 1
    made.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    session = Session(ToyEncoder(), ToySegmenter())
    session.add_image(tmp_path / "a.dcm", "ct")
    session.add_class("organ")
    mask = np.zeros(PIXELS.shape, bool)
    mask[1, 2:5, 2:5], mask[4, 6:9, 1:3] = True, True
    session.accept("ct", mask)
    session.export_masks("ct", tmp_path / "b.seg.dcm")
    seg = hd.seg.segread(tmp_path / "b.seg.dcm")
    pixels = seg.get_pixels_by_source_frame(made.SOPInstanceUID, [4, 3, 2, 1, 5])
    np.testing.assert_array_equal(pixels[..., 0], mask)


def test_patients_are_warned_of(session, tmp_path):
    accept(session)
    dicom = session.before_export("ct", tmp_path / "a.dcm")
    assert any("patient's name, patient's number" in said for said in dicom)
    named = session.before_export("ct", tmp_path / "scan_doe.nii.gz")
    assert any("scan_doe.nii.gz" in s and "patient's name" in s for s in named)
    numbered = session.before_export("ct", tmp_path / "mrn-778899.nii.gz")
    assert any("patient's number" in said for said in numbered)
    neutral = session.before_export("ct", tmp_path / "case_12.nii.gz")
    assert not any("patient" in said for said in neutral)
    assert session.export_masks("ct", tmp_path / "doe.nii.gz").warnings == tuple(
        session.before_export("ct", tmp_path / "doe.nii.gz")
    )


def test_an_image_named_after_its_patient_is_warned_of(session, tmp_path):
    source = session.images["ct"].source
    session.add_image(source, "Jane Doe T1")
    session.accept("Jane Doe T1", PIXELS > 2000, "organ")
    said = session.before_export("Jane Doe T1", tmp_path / "a.nii.gz")
    assert any("image's name 'Jane Doe T1'" in sentence for sentence in said)


def test_nothing_written_names_the_patient_but_dicom(session, tmp_path):
    accept(session)
    for suffix in (".nii", ".nrrd", ".tif", ".ome.tif", ".coco.json", ".geojson"):
        for path in session.export_masks("ct", tmp_path / f"a{suffix}"):
            content = path.read_bytes()
            for word in (b"Doe", b"Jane", b"MRN778899", b"19700102"):
                assert word not in content, path
    assert (
        b"Doe"
        not in json.dumps(session.images["ct"].metadata["dicom"], default=str).encode()
    )


def test_non_commercial_models_are_named_before_export(session, tmp_path):
    accept(session)
    said = session.before_export("ct", tmp_path / "a.nii.gz")
    assert said == [
        "These labels are derived with a non-commercial model: some-model "
        "(CC BY-NC 4.0): the file inherits that."
    ]
    assert not list(tmp_path.glob("a.nii.gz*"))


def test_lost_geometry_is_said(session, tmp_path):
    accept(session)
    said = session.before_export("ct", tmp_path / "a.tif")
    assert any("where the image lies" in sentence for sentence in said)
