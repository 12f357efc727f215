"""The page about files: its own lines, over files made here."""

import shlex

import nibabel as nib
import numpy as np
import pydicom
import pytest
from pages import lines, run_python
from PIL import Image
from pydicom.data import get_testdata_file
from slices import NORMAL, STUDY_TAGS, slice_of

from napari_medfm import Session
from napari_medfm.readers import read_image

SERIES = "1.2.840.113619.2.1"
SIDE, PLANES = 110, 14


@pytest.fixture
def scan(tmp_path, monkeypatch, toy_models):
    """Two series of a CT in one folder, and a contour drawn on one of them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scan").mkdir()
    rows, cols = np.mgrid[:SIDE, :SIDE]
    inside = (rows - 65) ** 2 + (cols - 65) ** 2 < 20**2
    pixels = 1000 + 400 * inside
    for plane in range(PLANES):
        made = slice_of(pixels, 2.0 * plane * NORMAL, uid=SERIES, **STUDY_TAGS)
        made.save_as(tmp_path / "scan" / f"{plane}.dcm", enforce_file_format=True)
    other = slice_of(pixels, NORMAL, uid="1.2.9")
    other.save_as(tmp_path / "scan" / "scout.dcm", enforce_file_format=True)
    _contour(tmp_path / "structures.dcm", read_image(tmp_path / "scan", series=SERIES))
    return inside


def _contour(path, image):
    """Write the square around the disc on plane 12, as radiotherapy does."""
    made = pydicom.dcmread(
        get_testdata_file("rtstruct.dcm", download=False), force=True
    )
    corners = [(12, r - 0.5, c - 0.5, 1) for r, c in _square(45, 85)]
    lps = (np.array(corners) @ image.affine.T)[:, 2::-1] * [-1, -1, 1]
    roi, structure, contour = (pydicom.Dataset() for _ in range(3))
    roi.ROINumber, roi.ROIName = 4, "tumour"
    structure.ReferencedROINumber = 4
    contour.ContourGeometricType = "CLOSED_PLANAR"
    contour.ContourData = [float(round(v, 5)) for v in lps.ravel()]
    contour.NumberOfContourPoints = len(corners)
    structure.ContourSequence = [contour]
    made.StructureSetROISequence, made.ROIContourSequence = [roi], [structure]
    made.save_as(path, enforce_file_format=True)


def _square(first, last):
    return [(first, first), (first, last), (last, last), (last, first)]


@pytest.fixture
def cells(scan):
    """A picture of two cells, and the numbers of their pixels."""
    numbers = np.zeros((80, 90), np.uint8)
    numbers[10:30, 10:30], numbers[40:60, 50:70] = 1, 2
    Image.fromarray(numbers).save("cells.png")
    picture = np.where(numbers > 0, 60, 200).astype(np.uint8)
    Image.fromarray(np.stack([picture] * 3, -1)).save("tissue.png")
    return numbers


def test_files_in_python(scan, cells, capsys):
    made = run_python("how-to/files.md")
    s, names = made["s"], made["cells"].labels("tissue")
    wanted = np.zeros((PLANES, SIDE, SIDE), bool)
    wanted[12, 45:85, 45:85] = True
    np.testing.assert_array_equal(s.labels("ct") == 1, wanted)
    np.testing.assert_array_equal(names > 0, cells > 0)
    assert "carries the patient's name" in capsys.readouterr().out


def test_files_in_the_shell(scan, head_file, shell, tmp_path):
    head_file.rename("tumour.head.safetensors")
    volume = np.random.default_rng(0).integers(0, 2000, (3, 60, 70), np.uint16)
    nib.save(nib.Nifti1Image(volume.T, np.eye(4)), "a.nii.gz")
    (tmp_path / "b.nrrd").write_bytes(
        b"NRRD0004\ntype: ushort\ndimension: 3\nsizes: 70 60 3\n"
        b"endian: little\nencoding: raw\n\n" + volume.tobytes()
    )
    _save_with_a_head("trained.medfm")
    for line in lines("how-to/files.md"):
        code, _, errors = shell(*shlex.split(line)[1:])
        assert code == 0, (line, errors)


def _save_with_a_head(path):
    session = Session()
    session.add_image(np.arange(9600.0).reshape(80, 120), name="a")
    session.add_class("tumour")
    session.annotate("a", "tumour", points=[(70, 10), (75, 90)])
    session.annotate("a", "background", points=[(5, 10), (9, 90)])
    session.fit("ridge")
    session.save(path)
    session.close()
