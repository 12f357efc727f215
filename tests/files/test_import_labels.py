"""What other programs wrote comes in with its names, at its place."""

import json

import highdicom as hd
import nibabel as nib
import nrrd
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Picture
from pycocotools import mask as coco_mask
from pydicom.data import get_testdata_file
from slices import NORMAL, slice_of
from toys import ToyEncoder, ToySegmenter

from napari_medfm import Session
from napari_medfm.core.errors import BadFile, BadInput

LABELS = np.zeros((5, 16, 18), np.uint8)
LABELS[1:4, 2:12, 2:12] = 1
LABELS[2:4, 5:8, 6:9] = 2
SIGN = st.sampled_from([1, -1])
PIXELS = np.random.default_rng(0).integers(0, 3000, LABELS.shape)


def session_with(array, **facts):
    made = Session(ToyEncoder(), ToySegmenter())
    made.add_image(array, "ct", **facts)
    return made


@pytest.fixture
def scan(tmp_path):
    """An oblique CT series in a session."""
    folder = tmp_path / "scan"
    folder.mkdir()
    tags = {"PatientID": "1", "StudyInstanceUID": "1.2.3.4", "PatientBirthDate": ""}
    tags |= {"PatientSex": "", "StudyDate": "", "StudyTime": "", "StudyID": ""}
    tags |= {"AccessionNumber": "", "ReferringPhysicianName": "", "SeriesNumber": 1}
    tags |= {"FrameOfReferenceUID": "1.2.3.9", "PositionReferenceIndicator": ""}
    for plane, name in enumerate("dbeac"):
        position = np.array([10, 20, 30]) + 2 * plane * NORMAL
        slice_of(PIXELS[plane], position, InstanceNumber=plane, **tags).save_as(
            folder / name, enforce_file_format=True
        )
    return session_with(folder)


SUFFIXES = [
    *(".nii.gz", ".nrrd", ".seg.nrrd", ".tif", ".ome.tif", ".ome.zarr", ".dcm"),
    *(".coco.json", ".polygons.json", ".geojson"),
]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_was_written_comes_back(scan, tmp_path, suffix):
    scan.add_class("organ", "#123456")
    scan.add_class("tumour")
    scan.accept("ct", LABELS)
    scan.export_masks("ct", tmp_path / f"a{suffix}")
    other = session_with(scan.images["ct"].source)
    other.add_class("something else")
    other.add_class("tumour")
    assert other.import_labels("ct", tmp_path / f"a{suffix}") == ["tumour", "organ"]
    names = {c.name: c.value for c in other.classes}
    np.testing.assert_array_equal(other.labels("ct") == names["organ"], LABELS == 1)
    np.testing.assert_array_equal(other.labels("ct") == names["tumour"], LABELS == 2)
    colour = {c.name: c.colour for c in other.classes}["organ"]
    assert colour == "#123456" or suffix == ".dcm"
    record = json.loads(other.export_masks("ct", tmp_path / "b.nii")[1].read_text())
    assert record["human_edits"] == 1
    assert record["content"]["regions"][0]["file"]["name"] == f"a{suffix}"


@pytest.mark.parametrize("suffix", [".dcm", ".coco.json", ".geojson"])
def test_overlaps_come_back(scan, tmp_path, suffix):
    scan.add_class("organ")
    scan.add_class("tumour")
    scan.accept("ct", LABELS > 0, "organ")
    scan.accept("ct", LABELS == 2, "tumour")
    scan.export_masks("ct", tmp_path / f"a{suffix}")
    other = session_with(scan.images["ct"].source)
    other.import_labels("ct", tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(other.labels("ct"), LABELS)
    other.export_masks("ct", tmp_path / "b.dcm")
    seg = hd.seg.segread(tmp_path / "b.dcm")
    uids = scan.images["ct"].metadata["dicom"]["sop_uids"]
    pixels = seg.get_pixels_by_source_instance(uids, ignore_spatial_locations=True)
    np.testing.assert_array_equal(pixels[..., 0], LABELS > 0)


def test_a_script_repeats_an_import(scan, tmp_path):
    scan.add_class("organ")
    scan.accept("ct", LABELS == 1, "organ")
    scan.export_masks("ct", tmp_path / "a.nii")
    other = session_with(scan.images["ct"].source)
    other.import_labels("ct", tmp_path / "a.nii")
    (tmp_path / "a.nii").unlink()
    line = [x for x in other.script().splitlines() if "accept" in x]
    assert "values(" in line[0]
    while other.undo():
        pass
    assert not other.labels("ct").any()


@settings(max_examples=30, deadline=None)
@given(
    order=st.permutations(range(3)), signs=st.tuples(*[st.sampled_from([1, -1])] * 3)
)
def test_turned_grids_are_turned_back(tmp_path_factory, order, signs):
    affine = np.array(
        [[-2.0, 0.1, 0, 5], [0.2, 0.7, 0, -9], [0, 0, 0.5, 3], [0, 0, 0, 1]]
    )
    session = session_with(PIXELS, affine=affine, metadata={"unit": "mm"})
    labels = LABELS.transpose(order)[tuple(slice(None, None, s) for s in signs)]
    across = np.zeros((4, 4))
    across[3, 3] = 1
    for axis, (source, sign) in enumerate(zip(order, signs)):
        across[source, axis] = sign
        if sign < 0:
            across[source, 3] = LABELS.shape[source] - 1
    ras = (affine @ across)[np.ix_([2, 1, 0, 3], [2, 1, 0, 3])]
    path = tmp_path_factory.mktemp("in") / "a.nii"
    image = nib.Nifti1Image(np.ascontiguousarray(labels.T), ras)
    image.header.set_xyzt_units("mm")
    nib.save(image, path)
    session.import_labels("ct", path)
    np.testing.assert_array_equal(session.labels("ct"), LABELS)


def test_labels_that_lie_elsewhere_are_refused(tmp_path):
    affine = np.diag([2.0, 0.7, 0.5, 1])
    affine[:3, 3] = 7
    moved = affine.copy()
    moved[2, 3] += 0.3
    session = session_with(PIXELS, affine=affine, metadata={"unit": "mm"})
    nib.save(
        nib.Nifti1Image(LABELS.T, moved[np.ix_([2, 1, 0, 3], [2, 1, 0, 3])]),
        tmp_path / "a.nii",
    )
    with pytest.raises(BadInput, match=r"another grid.*anywhere=True"):
        session.import_labels("ct", tmp_path / "a.nii")
    session.import_labels("ct", tmp_path / "a.nii", anywhere=True)
    np.testing.assert_array_equal(session.labels("ct"), LABELS)
    nib.save(nib.Nifti1Image(LABELS.T[:-1], np.eye(4)), tmp_path / "b.nii")
    with pytest.raises(BadInput, match=r"another grid|shape"):
        session.import_labels("ct", tmp_path / "b.nii")


def test_objects_that_are_numbered_are_one_class(tmp_path):
    ids = np.arange(16 * 18, dtype=np.uint16).reshape(16, 18) // 2
    Picture.fromarray(ids).save(tmp_path / "a.png")
    session = session_with(PIXELS[0])
    with pytest.raises(BadInput, match="class_name"):
        session.import_labels("ct", tmp_path / "a.png")
    assert len(session.classes) == 1
    assert session.import_labels("ct", tmp_path / "a.png", "nucleus") == ["nucleus"]
    np.testing.assert_array_equal(session.labels("ct"), ids > 0)


def test_segments_of_slicer_keep_their_names(tmp_path):
    facts = {
        "Segment0_Name": "liver",
        "Segment0_LabelValue": "2",
        "Segment0_Color": "1 0.5 0",
        "Segment1_Name": "spleen",
        "Segment1_LabelValue": "1",
    }
    nrrd.write(str(tmp_path / "a.seg.nrrd"), LABELS.T, facts)
    session = session_with(PIXELS)
    assert session.import_labels("ct", tmp_path / "a.seg.nrrd") == ["spleen", "liver"]
    assert session.classes[2].colour == "#ff8000"


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), packed=st.booleans())
def test_runs_of_pycocotools(tmp_path_factory, seed, packed):
    rng = np.random.default_rng(seed)
    mask = rng.random(rng.integers(2, 30, 2)) < rng.random()
    mask[0, 0] = True
    runs = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    runs["counts"] = runs["counts"].decode()
    path = tmp_path_factory.mktemp("in") / "a.json"
    one = {"id": 1, "image_id": 5, "category_id": 3, "segmentation": runs}
    size = {"height": mask.shape[0], "width": mask.shape[1]}
    image = {"id": 5, "file_name": "whatever.png", **size}
    document = {"images": [image], "annotations": [one]}
    path.write_text(json.dumps({**document, "categories": [{"id": 3, "name": "cell"}]}))
    session = session_with(np.pad(mask, 0).astype(float))
    assert session.import_labels("ct", path) == ["cell"]
    np.testing.assert_array_equal(session.labels("ct"), mask)


def _structure(folder, contours, name="GTV"):
    made = pydicom.dcmread(
        get_testdata_file("rtstruct.dcm", download=False), force=True
    )
    item = pydicom.Dataset
    roi, structure = item(), item()
    roi.ROINumber, roi.ROIName = 4, name
    structure.ReferencedROINumber, structure.ROIDisplayColor = 4, [255, 0, 0]
    structure.ContourSequence = []
    for points in contours:
        contour = item()
        contour.ContourGeometricType = "CLOSED_PLANAR"
        contour.ContourData = [float(round(v, 5)) for v in np.ravel(points)]
        contour.NumberOfContourPoints = len(points)
        structure.ContourSequence.append(contour)
    made.StructureSetROISequence, made.ROIContourSequence = [roi], [structure]
    made.save_as(folder / "rs.dcm", enforce_file_format=True)
    return folder / "rs.dcm"


def _contour(image, plane, corners):
    """Corners (row, col) of pixels, as LPS millimetres."""
    index = np.array([[plane, row - 0.5, col - 0.5, 1] for row, col in corners])
    return (index @ image.affine.T)[:, 2::-1] * [-1, -1, 1]


def test_contours_of_radiotherapy(scan, tmp_path):
    image = scan.images["ct"]
    square = [(2, 3), (2, 9), (8, 9), (8, 3)]
    hole = [(4, 5), (4, 7), (6, 7), (6, 5)]
    contours = [_contour(image, 2, c) for c in (square, hole)]
    contours.append(_contour(image, 4, [(0, 0), (0, 2), (1, 2), (1, 0)]))
    assert scan.import_labels("ct", _structure(tmp_path, contours)) == ["GTV"]
    wanted = np.zeros(LABELS.shape, bool)
    wanted[2, 2:8, 3:9], wanted[2, 4:6, 5:7], wanted[4, :1, :2] = True, False, True
    np.testing.assert_array_equal(scan.labels("ct"), wanted)
    assert scan.classes[1].colour == "#ff0000"


def test_contours_between_planes_are_refused(scan, tmp_path):
    image = scan.images["ct"]
    contour = _contour(image, 2.5, [(2, 3), (2, 9), (8, 9)])
    with pytest.raises(BadInput, match="between the planes"):
        scan.import_labels("ct", _structure(tmp_path, [contour]))
    contour = _contour(image, 9, [(2, 3), (2, 9), (8, 9)])
    with pytest.raises(BadInput, match="outside"):
        scan.import_labels("ct", _structure(tmp_path, [contour]))


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("{", BadFile),
        ("[1, 2]", (BadFile, BadInput)),
        ('{"images": 5}', BadFile),
        ("5", BadFile),
        ("[" * 100_000, BadFile),
        ('{"type": "FeatureCollection", "features": [{"geometry": 5}]}', BadFile),
        ('{"type": "FeatureCollection", "features": []}', BadInput),
        ('{"type":"FeatureCollection","features":[{"geometry":{"type":"Polygon",'
         '"coordinates":[[[0,0],[1e9,0],[1e9,1e9]]]}}]}', BadInput),
    ],
)  # fmt: skip
def test_damaged_lists_are_refused(tmp_path, content, error):
    (tmp_path / "a.geojson").write_text(content)
    session = session_with(PIXELS[0])
    with pytest.raises(error):
        session.import_labels("ct", tmp_path / "a.geojson")
    assert len(session.history) == 1


def test_an_image_is_no_label_map(tmp_path):
    Picture.fromarray(np.zeros((16, 18, 3), np.uint8)).save(tmp_path / "a.png")
    session = session_with(PIXELS[0])
    with pytest.raises(BadInput, match="several channels"):
        session.import_labels("ct", tmp_path / "a.png")
    nrrd.write(str(tmp_path / "a.nrrd"), np.full((18, 16), 0.5))
    with pytest.raises(BadInput, match="no labels"):
        session.import_labels("ct", tmp_path / "a.nrrd")


def test_a_folder_of_labels_is_asked_for_its_file(tmp_path, disc):
    session = Session(ToyEncoder(), ToySegmenter())
    session.add_image(disc[0], name="x")
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "RS.dcm").write_bytes(b"x")
    with pytest.raises(BadInput, match="masks is a folder: choose the file of labels"):
        session.import_labels("x", tmp_path / "masks")
