"""Files that pydicom and nibabel test themselves with: opened right, or refused."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest

from napari_medfm.core.errors import BadFile, BadInput
from napari_medfm.readers import read_image, suffixes

DICOM = Path(pydicom.__file__).parent / "data" / "test_files"
NIBABEL = Path(nib.__file__).parent
OURS = sorted(
    path
    for path in DICOM.rglob("*")
    if path.is_file() and path.suffix in ("", ".dcm") and "__" not in str(path)
)
THEIRS = sorted(
    path
    for folder in (NIBABEL / "tests" / "data", NIBABEL / "nicom" / "tests" / "data")
    for path in folder.rglob("*")
    if path.is_file() and path.name.lower().endswith(suffixes())
)


def outcome(path):
    """Whether it opens; a refusal names the file and says more than that."""
    reason = None
    try:
        loaded = read_image(path)
    except (BadFile, BadInput) as error:
        reason = str(error)
    if reason is not None:
        assert path.name in reason
        assert len(reason.replace(path.name, "")) > 20
        return False
    assert np.asarray(loaded.data[0]).dtype.kind in "buif"
    return True


def same_as_pydicom(path):
    """Where pydicom reads one plane of grey and rescales it, ours is the same."""
    from pydicom.pixels.processing import apply_rescale

    dataset = pydicom.dcmread(path)
    grey = str(dataset.get("PhotometricInterpretation", "")).startswith("MONO")
    if not grey or int(dataset.get("NumberOfFrames") or 1) > 1:
        return False
    theirs = apply_rescale(dataset.pixel_array, dataset)
    np.testing.assert_allclose(read_image(path).data, theirs, rtol=1e-6)
    return True


@pytest.mark.filterwarnings("ignore")
def test_files_of_pydicom():
    opened = [path for path in OURS if outcome(path)]
    assert len(OURS) > 100
    assert len(opened) > len(OURS) * 0.45
    compared = [path for path in opened if same_as_pydicom(path)]
    assert len(compared) > 20


@pytest.mark.filterwarnings("ignore")
def test_files_of_nibabel():
    opened = [path for path in THEIRS if outcome(path)]
    assert len(THEIRS) >= 10
    assert len(opened) >= 8
    for path in opened:
        if path.name.endswith((".nii", ".nii.gz")):
            theirs = nib.load(path)
            ours = read_image(path)
            squeezed = np.squeeze(np.asanyarray(theirs.dataobj)).T
            np.testing.assert_allclose(np.squeeze(ours.data), squeezed, rtol=1e-6)
