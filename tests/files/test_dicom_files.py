import importlib.util

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from slices import ALONG_COL, ALONG_ROW, NORMAL, slice_of

from napari_medfm.core.errors import BadFile, BadInput
from napari_medfm.readers import read_image
from napari_medfm.readers.napari_reader import napari_get_reader
from napari_medfm.session import Session

RNG = np.random.default_rng(0)


@pytest.fixture
def series(tmp_path):
    """Five oblique slices 2 mm apart, in files whose names are out of order."""
    folder = tmp_path / "ct"
    folder.mkdir()
    pixels = RNG.integers(0, 3000, (5, 6, 7))
    for plane, name in enumerate("dbeac"):
        position = np.array([10, 20, 30]) + 2 * plane * NORMAL
        slice_of(pixels[plane], position).save_as(
            folder / name, enforce_file_format=True
        )
    return folder, pixels


def test_a_series_is_sorted_and_in_hounsfield_units(series):
    folder, pixels = series
    (folder / "notes.txt").write_text("not an image")
    loaded = read_image(folder)
    np.testing.assert_array_equal(loaded.data, pixels - 1024)
    assert loaded.data.dtype == np.int16
    np.testing.assert_allclose(loaded.spacing, (2, 0.5, 0.25), rtol=1e-6)
    assert loaded.metadata["window"] == (-160, 240)
    assert loaded.metadata["unit"] == "mm"
    assert "Doe" not in repr(loaded.metadata)


def test_every_voxel_lies_where_dicom_says(series):
    folder, _ = series
    affine = read_image(folder).affine
    for plane, row, col in [(0, 0, 0), (4, 5, 6), (2, 1, 3)]:
        lps = np.array([10, 20, 30]) + 2 * plane * NORMAL
        lps = lps + ALONG_COL * 0.5 * row + ALONG_ROW * 0.25 * col
        z, y, x, _ = affine @ [plane, row, col, 1]
        np.testing.assert_allclose((-x, -y, z), lps, atol=1e-5)


def test_one_file_is_a_picture(series):
    folder, pixels = series
    loaded = read_image(folder / "b")
    np.testing.assert_array_equal(loaded.data, pixels[1] - 1024)
    assert loaded.spacing == (0.5, 0.25)
    whole = read_image(folder).affine
    np.testing.assert_allclose(
        np.array(loaded.metadata["affine_3d"]) @ [0, 2, 3, 1],
        whole @ [1, 2, 3, 1],
        atol=1e-5,
    )


def test_a_missing_slice_is_said(series):
    folder, _ = series
    (folder / "e").unlink()
    with pytest.raises(BadInput, match="widest gap follows slice 2 of 4"):
        read_image(folder)


def test_the_same_place_twice_is_said(series):
    folder, pixels = series
    slice_of(pixels[0], [10, 20, 30]).save_as(
        folder / "again", enforce_file_format=True
    )
    with pytest.raises(BadInput, match="same place"):
        read_image(folder)


def test_mixed_series_are_listed_and_can_be_chosen(series):
    folder, pixels = series
    (folder / "more").mkdir()
    slice_of(pixels[0], [0, 0, 0], uid="1.2.9").save_as(
        folder / "more" / "z", enforce_file_format=True
    )
    with pytest.raises(
        BadInput, match=r"1\.2\.3 \(CT, 5 files\); 1\.2\.9 \(CT, 1 files"
    ):
        read_image(folder)
    assert read_image(folder, series="1.2.3").data.shape == (5, 6, 7)
    assert read_image(folder, series="1.2.9").data.shape == (6, 7)
    with pytest.raises(BadInput, match=r"no series 7"):
        read_image(folder, series="7")


def test_turned_slices_are_refused(series):
    folder, pixels = series
    turned = [*map(float, ALONG_COL), *map(float, ALONG_ROW)]
    slice_of(pixels[0], [0, 0, 90], ImageOrientationPatient=turned).save_as(
        folder / "f", enforce_file_format=True
    )
    with pytest.raises(BadInput, match="direction"):
        read_image(folder)


def test_a_declared_giant_is_refused(tmp_path):
    made = slice_of(np.zeros((6, 7)), [0, 0, 0], NumberOfFrames=2_000_000)
    made.Rows = made.Columns = 65_000
    made.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with pytest.raises(BadFile, match="memory"):
        read_image(tmp_path / "a.dcm")


def test_frames_are_placed_by_their_groups(tmp_path):
    pixels = RNG.integers(0, 3000, (3, 6, 7))
    made = slice_of(pixels[0], [0, 0, 0], NumberOfFrames=3)
    made.PixelData = pixels.astype("<u2").tobytes()
    made.PerFrameFunctionalGroupsSequence = []
    for step in (0, 4, 2):
        place, group = pydicom.Dataset(), pydicom.Dataset()
        place.ImagePositionPatient = [float(round(v, 6)) for v in step * NORMAL]
        group.PlanePositionSequence = [place]
        made.PerFrameFunctionalGroupsSequence.append(group)
    del made.ImagePositionPatient
    made.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    loaded = read_image(tmp_path / "a.dcm")
    np.testing.assert_array_equal(loaded.data, pixels[[0, 2, 1]] - 1024)
    np.testing.assert_allclose(loaded.spacing, (2, 0.5, 0.25), rtol=1e-5)


def test_a_dose_grid_is_placed_by_its_offsets():
    path = get_testdata_file("rtdose.dcm", download=False)
    offsets = np.array(pydicom.dcmread(path).GridFrameOffsetVector, float)
    loaded = read_image(path)
    np.testing.assert_allclose(loaded.spacing[0], np.diff(offsets)[0])


def test_without_pydicom_the_way_out_is_named(series, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "pydicom" else find(name, *rest),
    )
    with pytest.raises(BadInput, match=r'pip install "napari-medfm\[dicom\]"'):
        read_image(series[0])


def test_an_empty_folder(tmp_path):
    with pytest.raises(BadInput, match="no DICOM"):
        read_image(tmp_path)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("CT_small.dcm", (128, 128)),
        ("MR_small.dcm", (64, 64)),
        ("MR_small_RLE.dcm", (64, 64)),
        ("MR_small_bigendian.dcm", (64, 64)),
        ("SC_rgb_small_odd.dcm", (3, 3, 3)),
        ("SC_ybr_full_422_uncompressed.dcm", (100, 100, 3)),
        ("SC_rgb_rle_2frame.dcm", (2, 100, 100, 3)),
        ("rtdose.dcm", (15, 10, 10)),
    ],
)
def test_files_of_pydicom(name, shape):
    path = get_testdata_file(name, download=False)
    loaded = read_image(path)
    assert loaded.data.shape == shape
    assert (loaded.channel_axis is not None) == (shape[-1] == 3)


@pytest.mark.parametrize(
    "name", ["rtplan.dcm", "rtstruct.dcm", "test-SR.dcm", "rtplan_truncated.dcm"]
)
def test_files_without_pixels_are_refused(name):
    with pytest.raises(BadFile, match=name.split(".")[0]):
        read_image(get_testdata_file(name, download=False))


def test_every_window_preset_is_kept(series):
    folder, pixels = series
    (folder / "more").mkdir()
    slice_of(
        pixels[0],
        [0, 0, 0],
        uid="1.2.9",
        WindowCenter=[40, -600],
        WindowWidth=[400, 1500],
        WindowCenterWidthExplanation=["BODY", "LUNG"],
    ).save_as(folder / "more" / "z", enforce_file_format=True)
    loaded = read_image(folder / "more")
    assert loaded.metadata["windows"] == [(-160, 240, "BODY"), (-1350, 150, "LUNG")]
    assert loaded.metadata["window"] == (-160, 240)


def _item(**tags):
    made = pydicom.Dataset()
    for name, value in tags.items():
        setattr(made, name, value)
    return made


def test_an_enhanced_file_keeps_everything_in_its_groups(tmp_path):
    pixels = RNG.integers(0, 3000, (3, 6, 7))
    made = slice_of(pixels[0], [0, 0, 0], NumberOfFrames=3)
    made.PixelData = pixels.astype("<u2").tobytes()
    orientation, spacing = made.ImageOrientationPatient, made.PixelSpacing
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        delattr(made, name)
    for name in ("RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth"):
        delattr(made, name)
    made.SharedFunctionalGroupsSequence = [
        _item(
            PlaneOrientationSequence=[_item(ImageOrientationPatient=orientation)],
            PixelMeasuresSequence=[_item(PixelSpacing=spacing)],
            FrameVOILUTSequence=[_item(WindowCenter=40, WindowWidth=400)],
        )
    ]
    made.PerFrameFunctionalGroupsSequence = [
        _item(
            PlanePositionSequence=[
                _item(ImagePositionPatient=[float(round(v, 6)) for v in depth * NORMAL])
            ],
            PixelValueTransformationSequence=[
                _item(RescaleSlope=slope, RescaleIntercept=-1024)
            ],
        )
        for depth, slope in ((4, 1), (2, 2), (0, 3))
    ]
    made.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    loaded = read_image(tmp_path / "a.dcm")
    wanted = np.stack([pixels[2] * 3, pixels[1] * 2, pixels[0]]) - 1024
    np.testing.assert_array_equal(loaded.data, wanted)
    np.testing.assert_allclose(loaded.spacing, (2, 0.5, 0.25), rtol=1e-5)
    assert loaded.metadata["window"] == (-160, 240)
    assert loaded.metadata["dicom"]["frames"] == [3, 2, 1]


def test_the_source_of_each_plane_is_kept(series):
    folder, _ = series
    uids = read_image(folder).metadata["dicom"]["sop_uids"]
    files = [pydicom.dcmread(folder / name) for name in "dbeac"]
    assert uids == [one.SOPInstanceUID for one in files]


def test_what_nothing_installed_unpacks_is_refused_with_a_way_out(monkeypatch):
    from pydicom.pixels.decoders import JPEG2000LosslessDecoder

    monkeypatch.setattr(type(JPEG2000LosslessDecoder), "is_available", False)
    with pytest.raises(BadInput, match="python-gdcm"):
        read_image(get_testdata_file("JPEG2000.dcm", download=False))


def test_a_packed_frame_larger_than_declared_is_refused(tmp_path):
    made = pydicom.dcmread(get_testdata_file("SC_rgb_jpeg_dcmtk.dcm", download=False))
    made.Rows = made.Columns = 50
    made.save_as(tmp_path / "a.dcm")
    with pytest.raises(BadFile, match="declares frames of"):
        read_image(tmp_path / "a.dcm")


def test_a_deflated_bomb_is_measured_first(tmp_path, monkeypatch):
    from napari_medfm.engine import dicomfiles

    path = get_testdata_file("image_dfl.dcm", download=False)
    assert read_image(path).data.shape == (512, 512)
    monkeypatch.setattr(dicomfiles, "_MAX_INFLATED", 100_000)
    with pytest.raises(BadFile, match="unpacks to over"):
        read_image(path)


def test_palettes_become_colours():
    loaded = read_image(get_testdata_file("examples_palette.dcm", download=False))
    assert loaded.data.shape == (350, 800, 3)
    assert loaded.channel_axis == 2


def test_each_series_of_a_folder_becomes_a_layer(series):
    folder, pixels = series
    (folder / "more").mkdir()
    for place, uid in enumerate(("1.2.9", "1.2.8", "1.2.8")):
        slice_of(pixels[0], [0, 0, 0], uid=uid).save_as(
            folder / "more" / f"z{place}", enforce_file_format=True
        )
    with pytest.warns(UserWarning, match="Series 2 .*same place"):
        layers = napari_get_reader(str(folder))(str(folder))
    assert [layer[0].shape for layer in layers] == [(5, 6, 7), (6, 7)]
    assert [layer[1]["name"] for layer in layers] == ["ct 1 CT", "ct 3 CT"]


def test_a_session_takes_one_series(series):
    folder, pixels = series
    slice_of(pixels[0], [0, 0, 0], uid="1.2.9").save_as(
        folder / "z", enforce_file_format=True
    )
    session = Session()
    name = session.add_image(folder, series="1.2.3")
    assert session.images[name].shape == (5, 6, 7)
    assert "series='1.2.3'" in session.script()


def test_an_absurd_packed_size_is_refused():
    name = "JPEG2000-embedded-sequence-delimiter.dcm"
    with pytest.raises(BadFile, match="decompression bomb"):
        read_image(get_testdata_file(name, download=False))


def test_what_holds_no_image_says_what_it_holds(tmp_path):
    path = get_testdata_file("DICOMDIR-nopatient", download=False)
    with pytest.raises(BadFile, match="table of contents"):
        read_image(path)
    structure = pydicom.dcmread(
        get_testdata_file("rtstruct.dcm", download=False), force=True
    )
    structure.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with pytest.raises(BadFile, match="import_labels"):
        read_image(tmp_path / "a.dcm")
