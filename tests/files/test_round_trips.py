"""Every writer's file is read by a library that is not ours."""

import csv
import json
from xml.etree import ElementTree as ET

import highdicom as hd
import jsonschema
import nibabel as nib
import nrrd
import numpy as np
import pydicom
import pytest
import tifffile
import zarr  # noqa: TID253
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Picture
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from shapely import contains_xy
from shapely.geometry import shape as shapely_shape
from slices import STUDY_TAGS, slice_of

from napari_medfm.core.labels import LabelClass
from napari_medfm.engine.intake import image_of
from napari_medfm.engine.outlines import fill, polygons_of, signed_area
from napari_medfm.exporters import export_labels

CLASSES = (
    LabelClass("background", 0, "#000000"),
    LabelClass("tumour", 1, "#e69f00"),
    LabelClass("vessel, left", 2, "#56b4e9"),
)
step = st.floats(0.05, 20)
angle = st.floats(-3, 3)


def turn(x, y, z):
    """Rotation about three axes, so that no direction is along an axis."""
    made = np.eye(3)
    for axis, size in enumerate((x, y, z)):
        i, j = [n for n in range(3) if n != axis]
        part = np.eye(3)
        part[i, i] = part[j, j] = np.cos(size)
        part[i, j], part[j, i] = -np.sin(size), np.sin(size)
        made = made @ part
    return made


@st.composite
def placed(draw):
    """An oblique, flipped, anisotropic volume of labels up to 16 bits and over."""
    shape = tuple(draw(st.integers(1, 6)) for _ in range(3))
    top = draw(st.sampled_from([2, 300, 70_000]))
    labels = np.random.default_rng(draw(st.integers(0, 99))).integers(0, top, shape)
    labels[-1, -1, -1] = top
    affine = np.eye(4)
    flips = np.diag([draw(st.sampled_from([-1.0, 1.0])) for _ in range(3)])
    sizes = np.diag([draw(step) for _ in range(3)])
    affine[:3, :3] = turn(draw(angle), draw(angle), draw(angle)) @ flips @ sizes
    affine[:3, 3] = [draw(st.floats(-300, 300)) for _ in range(3)]
    return labels, affine


def write(folder, name, labels, affine=None, spacing=None, unit="mm", whole=None):
    kind = np.uint16 if labels.max() < 2**16 else np.uint32
    image = image_of(
        labels.astype(kind),
        "case",
        axes="zyx"[-labels.ndim :],
        affine=affine,
        spacing=spacing,
        metadata={"unit": unit},
    )
    export_labels(folder / name, labels, image, CLASSES, {"program": "p 1"}, whole)
    return folder / name


def world_of(affine, index):
    """Where ITK's libraries should find a voxel: x, y, z of RAS."""
    return (affine @ [*index, 1])[:3][::-1]


@settings(max_examples=25, deadline=None)
@given(case=placed())
def test_nrrd(tmp_path_factory, case):
    labels, affine = case
    path = write(tmp_path_factory.mktemp("out"), "a.seg.nrrd", labels, affine)
    array, header = nrrd.read(str(path))
    np.testing.assert_array_equal(array.T, labels)
    assert header["space"] == "left-posterior-superior"
    k, j, i = np.array(labels.shape) - 1
    lps = header["space origin"] + np.array([i, j, k]) @ header["space directions"]
    np.testing.assert_allclose(
        lps * [-1, -1, 1], world_of(affine, (k, j, i)), atol=1e-9
    )
    named = {
        int(header[f"Segment{n}_LabelValue"]): header[f"Segment{n}_Name"]
        for n in range(len(np.unique(labels[labels > 0])))
    }
    assert {v: n for v, n in named.items() if v <= 2} == {
        c.value: c.name for c in CLASSES if c.value in labels and c.value
    }


@settings(max_examples=25, deadline=None)
@given(case=placed())
def test_nifti(tmp_path_factory, case):
    labels, affine = case
    path = write(tmp_path_factory.mktemp("out"), "a.nii.gz", labels, affine)
    image = nib.load(path)
    np.testing.assert_array_equal(np.asanyarray(image.dataobj).T, labels)
    k, j, i = np.array(labels.shape) - 1
    found = (image.affine @ [i, j, k, 1])[:3]
    scale = max(1.0, np.abs(affine).max())
    np.testing.assert_allclose(found, world_of(affine, (k, j, i)), atol=1e-6 * scale)


@pytest.mark.parametrize("ndim", [2, 3])
@settings(max_examples=15, deadline=None)
@given(case=placed())
def test_ome_zarr(tmp_path_factory, ndim, case):
    labels, affine = case
    spacing = np.abs(affine).max(0)[3 - ndim : 3]
    labels = labels[-1] if ndim == 2 else labels
    matrix = np.diag([*spacing, 1.0])
    matrix[:-1, -1] = affine[3 - ndim : 3, 3]
    path = write(tmp_path_factory.mktemp("out"), "a.ome.zarr", labels, matrix)
    group = zarr.open_group(path, mode="r")
    np.testing.assert_array_equal(group["s0"][...], labels)
    first = group.attrs["ome"]["multiscales"][0]["datasets"][0]
    scale, shift = first["coordinateTransformations"]
    np.testing.assert_allclose(scale["scale"], spacing, rtol=1e-12)
    np.testing.assert_array_equal(shift["translation"], matrix[:-1, -1])


def test_ome_zarr_is_as_its_specification_says(tmp_path):
    from ome_zarr_models.v05 import Image, ImageLabel

    labels = np.zeros((1200, 1300), int)
    labels[100:900, 200:300] = 2
    path = write(tmp_path, "a.ome.zarr", labels, spacing=(0.5, 0.25), unit="um")
    group = zarr.open_group(path, mode="r")
    Image.from_zarr(group)
    found = ImageLabel.from_zarr(group).attributes.ome
    assert found.image_label.colors[0].rgba == (0x56, 0xB4, 0xE9, 255)
    assert len(found.multiscales[0].datasets) == 3
    np.testing.assert_array_equal(group["s2"][...], labels[::4, ::4])
    assert found.multiscales[0].axes[0].unit == "micrometer"


def test_ome_zarr_replaces_labels_and_nothing_else(tmp_path):
    labels = np.eye(8, dtype=int)
    write(tmp_path, "a.ome.zarr", labels)
    path = write(tmp_path, "a.ome.zarr", labels * 2)
    np.testing.assert_array_equal(
        zarr.open_group(path, mode="r")["s0"][...], labels * 2
    )
    (tmp_path / "b.ome.zarr").mkdir()
    (tmp_path / "b.ome.zarr" / "mine.txt").write_text("kept")
    with pytest.raises(ValueError, match="holds no labels"):
        write(tmp_path, "b.ome.zarr", labels)
    assert (tmp_path / "b.ome.zarr" / "mine.txt").read_text() == "kept"
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("suffix", [".tif", ".ome.tif", ".png"])
@settings(max_examples=10, deadline=None)
@given(case=placed())
def test_pictures(tmp_path_factory, suffix, case):
    labels, _ = case
    labels = (labels % 60_000)[-1]
    path = write(tmp_path_factory.mktemp("out"), f"a{suffix}", labels, spacing=(0.5, 2))
    read = tifffile.imread if "tif" in suffix else lambda p: np.array(Picture.open(p))
    np.testing.assert_array_equal(read(path), labels)


masks = st.integers(0, 10_000).map(
    lambda seed: (
        np.random.default_rng(seed).random(
            np.random.default_rng(seed).integers(1, 13, 2)
        )
        < np.random.default_rng(seed).uniform(0.2, 0.9)
    )
)


@settings(max_examples=80, deadline=None)
@given(mask=masks)
def test_outlines_are_valid_and_exact(mask):
    polygons = polygons_of(mask)
    np.testing.assert_array_equal(
        fill([r for p in polygons for r in p], mask.shape), mask
    )
    rows, cols = np.indices(mask.shape) + 0.5
    covered = np.zeros(mask.shape, int)
    for outer, *holes in polygons:
        assert signed_area(outer) > 0
        made = shapely_shape(
            {
                "type": "Polygon",
                "coordinates": [
                    [*ring[:, ::-1].tolist(), ring[0, ::-1].tolist()]
                    for ring in (outer, *holes)
                ],
            }
        )
        assert made.is_valid
        covered += contains_xy(made, cols, rows)
    np.testing.assert_array_equal(covered, mask)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # pycocotools and NumPy
@pytest.mark.parametrize("suffix", [".coco.json", ".polygons.json"])
@settings(max_examples=25, deadline=None)
@given(mask=masks)
def test_coco(tmp_path_factory, suffix, mask):
    labels = np.stack([mask * 1, mask * 2])
    path = write(tmp_path_factory.mktemp("out"), f"a{suffix}", labels)
    coco = COCO()
    coco.dataset = json.loads(path.read_text())
    coco.createIndex()
    assert [c["name"] for c in coco.loadCats(coco.getCatIds())] == [
        "tumour",
        "vessel, left",
    ]
    for plane in (1, 2):
        found = np.zeros(mask.shape, int)
        for one in coco.loadAnns(coco.getAnnIds(imgIds=[plane])):
            part = coco.annToMask(one)
            assert one["area"] == coco_mask.area(coco.annToRLE(one)) == part.sum()
            box = coco_mask.toBbox(coco.annToRLE(one))
            np.testing.assert_array_equal(box, one["bbox"])
            found += part * one["category_id"]
        np.testing.assert_array_equal(found, labels[plane - 1])


POSITION = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
RING = {"type": "array", "items": POSITION, "minItems": 4}
POLYGON = {"type": "array", "items": RING, "minItems": 1}
GEOJSON = {
    "type": "object",
    "required": ["type", "features"],
    "properties": {
        "type": {"const": "FeatureCollection"},
        "features": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["type", "geometry", "properties", "id"],
                "properties": {
                    "type": {"const": "Feature"},
                    "geometry": {
                        "oneOf": [
                            {
                                "properties": {
                                    "type": {"const": kind},
                                    "coordinates": coordinates,
                                }
                            }
                            for kind, coordinates in (
                                ("Polygon", POLYGON),
                                ("MultiPolygon", {"type": "array", "items": POLYGON}),
                            )
                        ]
                    },
                },
            },
        },
    },
}


@settings(max_examples=40, deadline=None)
@given(mask=masks)
def test_geojson(tmp_path_factory, mask):
    labels = mask * 2
    path = write(
        tmp_path_factory.mktemp("out"),
        "a.geojson",
        labels,
        spacing=(0.5, 0.25),
        unit="um",
    )
    document = json.loads(path.read_text())
    jsonschema.validate(document, GEOJSON)
    rows, cols = np.indices(mask.shape) + 0.5
    found = np.zeros(mask.shape, int)
    for feature in document["features"]:
        made = shapely_shape(feature["geometry"])
        assert made.is_valid
        inside = contains_xy(made, cols, rows)
        found += inside
        facts = feature["properties"]
        assert facts["classification"] == {
            "name": "vessel, left",
            "color": [86, 180, 233],
        }
        assert facts["measurements"]["Area um^2"] == pytest.approx(inside.sum() / 8)
        assert made.area == inside.sum()
    np.testing.assert_array_equal(found, mask)


def test_overlaps_are_kept_where_a_format_can(tmp_path):
    labels = np.zeros((9, 9), int)
    labels[2:7, 2:7], labels[4:6, 4:6] = 1, 2
    whole = {1: labels > 0}
    path = write(tmp_path, "a.coco.json", labels, whole=whole)
    found = json.loads(path.read_text())["annotations"]
    assert [one["area"] for one in found] == [25, 4]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_tables_are_read_by_pandas(tmp_path, suffix):
    import pandas as pd
    from toys import ToyEncoder, ToySegmenter

    from napari_medfm import Session

    session = Session(ToyEncoder(), ToySegmenter())
    pixels = np.arange(40.0 * 50).reshape(1, 40, 50).repeat(6, 0)
    session.add_image(pixels, "ct", spacing=(3, 0.5, 0.25), metadata={"unit": "mm"})
    session.add_class("=tumour")
    mask = np.zeros((6, 40, 50), bool)
    mask[1:3, 10:14, 20:28] = True
    session.accept("ct", mask, "=tumour")
    session.annotate("ct", "=tumour", points=[(1, 11, 21), (2, 12, 22)])
    session.annotate("ct", "background", points=[(1, 30, 40), (2, 5, 5)])
    session.fit("ridge")
    path = session.export_table(tmp_path / f"a{suffix}", ask_head=True)
    read = pd.read_csv if suffix == ".csv" else pd.read_parquet
    (row,) = read(path).to_dict("records")
    assert row["pixels"] == 64
    assert row["size"] == pytest.approx(64 * 0.375)
    assert row["diameter_max"] == pytest.approx(np.hypot(np.hypot(6, 2), 2))
    assert row["diameter_equivalent"] == pytest.approx((6 * 24 / np.pi) ** (1 / 3))
    assert (row["plane"], row["row"], row["col"]) == (1.5, 11.5, 23.5)
    assert (row["world_z"], row["world_y"], row["world_x"]) == (4.5, 5.75, 5.875)
    assert row["unit"] == "mm"
    inside = pixels[mask]
    assert row["intensity_median"] == np.median(inside)
    assert row["intensity_max"] == inside.max()
    assert 0 <= row["probability"] <= 1
    assert 0 <= row["uncertainty"] <= 1
    assert row["class"] == ("'=tumour" if suffix == ".csv" else "=tumour")
    if suffix == ".csv":
        with path.open() as stream:
            assert len(list(csv.reader(stream))) == 2


@settings(max_examples=8, deadline=None)
@given(
    turns=st.tuples(angle, angle, angle),
    flips=st.tuples(*[st.sampled_from([-1.0, 1.0])] * 2),
    pixel=st.tuples(step, step),
    gap=step,
    seed=st.integers(0, 99),
)
def test_dicom_seg_of_oblique_flipped_anisotropic_series(
    tmp_path_factory, turns, flips, pixel, gap, seed
):
    """Frames lie where the slices lie, by pydicom and highdicom, of 16-bit pixels."""
    from toys import ToyEncoder, ToySegmenter

    from napari_medfm import Session

    folder = tmp_path_factory.mktemp("scan")
    rng = np.random.default_rng(seed)
    whole = turn(*turns)
    along_row, along_col = whole[:, 0] * flips[0], whole[:, 1] * flips[1]
    orientation = [float(f"{v:.10f}") for v in (*along_row, *along_col)]
    normal = np.cross(orientation[:3], orientation[3:])
    pixels = rng.integers(0, 65_535, (4, 9, 11))
    spacing = [float(f"{v:.6f}") for v in pixel]
    for plane, name in enumerate("cadb"):
        position = [float(f"{v:.8f}") for v in 5 + plane * gap * normal]
        slice_of(
            pixels[plane], np.round(position, 6), InstanceNumber=plane + 1,
            ImageOrientationPatient=orientation, PixelSpacing=spacing, **STUDY_TAGS,
        ).save_as(folder / name, enforce_file_format=True)  # fmt: skip
    session = Session(ToyEncoder(), ToySegmenter())
    session.add_image(folder, "ct")
    labels = rng.integers(0, 3, session.images["ct"].shape)
    for value, name in enumerate(("organ", "tumour"), 1):
        session.add_class(name)
        session.accept("ct", labels == value, name)
    session.export_masks("ct", folder / "a.seg.dcm")
    session.close()
    source = {d.SOPInstanceUID: d for d in map(pydicom.dcmread, folder.glob("?"))}
    uids = session.images["ct"].metadata["dicom"]["sop_uids"]
    seg = hd.seg.segread(folder / "a.seg.dcm")
    found = seg.get_pixels_by_source_instance(uids, ignore_spatial_locations=True)
    for value in (1, 2):
        np.testing.assert_array_equal(found[..., value - 1], labels == value)
    shared = seg.SharedFunctionalGroupsSequence[0]
    assert shared.PixelMeasuresSequence[0].PixelSpacing == spacing
    turned = shared.PlaneOrientationSequence[0].ImageOrientationPatient
    np.testing.assert_allclose(turned, orientation, atol=1e-9)
    for frame in seg.PerFrameFunctionalGroupsSequence:
        where = frame.PlanePositionSequence[0].ImagePositionPatient
        used = frame.DerivationImageSequence[0].SourceImageSequence[0]
        theirs = source[used.ReferencedSOPInstanceUID].ImagePositionPatient
        np.testing.assert_allclose(where, theirs, atol=1e-6)


@settings(max_examples=15, deadline=None)
@given(case=placed(), suffix=st.sampled_from([".tif", ".ome.tif"]))
def test_stacks_in_tiff(tmp_path_factory, case, suffix):
    """Volumes: pixels, planes and pixel sizes, by tifffile."""
    labels, affine = case
    labels = labels % 60_000
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    path = write(tmp_path_factory.mktemp("out"), f"a{suffix}", labels, None, spacing)
    with tifffile.TiffFile(path) as tif:
        np.testing.assert_array_equal(tif.asarray().reshape(labels.shape), labels)
        if suffix == ".ome.tif":
            root = ET.fromstring(tif.ome_metadata)  # noqa: S314  our own file
            facts = root.find(".//{*}Pixels").attrib
            found = [float(facts[f"PhysicalSize{axis}"]) for axis in "ZYX"]
            assert {facts[f"PhysicalSize{axis}Unit"] for axis in "ZYX"} == {"mm"}
            np.testing.assert_allclose(found, spacing, rtol=1e-6)
