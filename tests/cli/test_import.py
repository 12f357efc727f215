"""Labels of other programs, through the shell."""

import nibabel as nib
import numpy as np
import pytest

from napari_medfm import load_project

AFFINE = np.diag([2.0, 3.0, 4.0, 1.0])
AFFINE[:3, 3] = 10, 20, 30


@pytest.fixture
def scan(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 900, (9, 8, 7)).astype(np.int16)
    labels = np.zeros(pixels.shape, np.uint8)
    labels[2:5, 2:5, 2:5], labels[6:8, 1:3, 1:3] = 1, 2
    nib.save(nib.Nifti1Image(pixels, AFFINE), tmp_path / "ct.nii.gz")
    nib.save(nib.Nifti1Image(labels, AFFINE), tmp_path / "labels.nii.gz")
    moved = AFFINE.copy()
    moved[0, 3] = 11.0
    nib.save(nib.Nifti1Image(labels, moved), tmp_path / "moved.nii.gz")
    return tmp_path


def test_into_another_format(scan, shell):
    folder = scan
    code, output, errors = shell(
        "import", folder / "ct.nii.gz", folder / "labels.nii.gz", "--out",
        folder / "out.nrrd",
    )  # fmt: skip
    assert code == 0, errors
    assert "27" in output
    import nrrd

    found, header = nrrd.read(str(folder / "out.nrrd"))
    assert sorted(np.unique(found, return_counts=True)[1])[:2] == [8, 27]
    assert np.allclose(np.sort(np.abs(header["space directions"]).sum(0)), [2, 3, 4])
    again = shell(
        "import", folder / "ct.nii.gz", folder / "labels.nii.gz", "--out",
        folder / "out.nrrd",
    )  # fmt: skip
    assert again[0] == 2
    assert "--overwrite" in again[2]


def test_into_a_project_without_a_model(scan, shell):
    folder = scan
    code, _, errors = shell(
        "import", folder / "ct.nii.gz", folder / "labels.nii.gz", "--class-name",
        "lesion", "--out", folder / "case.medfm",
    )  # fmt: skip
    assert code == 0, errors
    session = load_project(folder / "case.medfm")
    assert [c.name for c in session.classes] == ["background", "lesion"]
    assert int((session.labels("ct") == 1).sum()) == 35
    assert session.images["ct"].source == folder / "ct.nii.gz"
    session.close()
    assert shell(
        "import", folder / "ct.nii.gz", folder / "labels.nii.gz", "--overwrite",
        "--out", folder / "case.medfm",
    )[0] == 2  # fmt: skip


def test_another_grid_is_refused_in_one_line(scan, shell):
    folder = scan
    words = ("import", folder / "ct.nii.gz", folder / "moved.nii.gz")
    code, _, errors = shell(*words, "--out", folder / "out.nii.gz")
    assert code == 1
    assert len(errors.splitlines()) == 1
    assert "another grid" in errors
    assert not (folder / "out.nii.gz").exists()
    assert shell(*words, "--anywhere", "--out", folder / "out.nii.gz")[0] == 0


@pytest.mark.parametrize("out", ["a.xyz", "a"])
def test_an_unknown_format_is_refused_first(scan, shell, out):
    folder = scan
    code, _, errors = shell(
        "import", folder / "ct.nii.gz", folder / "none.nii.gz", "--out", folder / out
    )
    assert code in (1, 2)
    assert ".nii.gz" in errors
