import json

import nibabel as nib
import numpy as np
import pytest
from toys import ToyEncoder, ToySegmenter

from napari_medfm import Session
from napari_medfm.core.errors import BadInput


@pytest.fixture
def session():
    made = Session(ToyEncoder(), ToySegmenter())
    made.add_class("tumour")
    affine = np.diag([3.0, -0.5, 0.25, 1])
    affine[:3, 3] = (4, 5, 6)
    pixels = np.random.default_rng(0).normal(size=(2, 4, 12, 14)).astype(np.float32)
    for number, name in enumerate(("Jane Doe", "b")):
        made.add_image(pixels[number], name, affine=affine, metadata={"unit": "mm"})
        mask = np.zeros((4, 12, 14), bool)
        mask[1:3, 2:5, 3 + number : 8] = True
        made.accept(name, mask)
    return made


def test_nnunet_finds_what_it_wants(session, tmp_path):
    folder = session.export_dataset(tmp_path / "Dataset007_Tumour")
    described = json.loads((folder / "dataset.json").read_text())
    assert described["labels"] == {"background": 0, "tumour": 1}
    assert described["numTraining"] == 2
    assert described["channel_names"] == {"0": "channel 0"}
    for number, image in enumerate(session.images.values(), 1):
        labels = nib.load(folder / "labelsTr" / f"case_{number:04d}.nii.gz")
        pixels = nib.load(folder / "imagesTr" / f"case_{number:04d}_0000.nii.gz")
        np.testing.assert_array_equal(labels.affine, pixels.affine)
        np.testing.assert_array_equal(
            np.asanyarray(labels.dataobj).T, session.labels(image.name)
        )
        np.testing.assert_array_equal(np.asanyarray(pixels.dataobj).T, image.data)
    names = [path.name for path in folder.rglob("*")]
    assert not any("Jane" in name for name in names)
    assert (folder / "labelsTr" / "case_0001.nii.gz.provenance.json").is_file()


def test_a_folder_that_is_there_is_kept(session, tmp_path):
    (tmp_path / "Dataset007_Tumour").mkdir()
    with pytest.raises(BadInput, match="exists"):
        session.export_dataset(tmp_path / "Dataset007_Tumour")


def test_different_channels_are_refused(session, tmp_path):
    session.add_image(np.zeros((4, 12, 14, 3), np.uint8), "rgb")
    session.accept("rgb", np.ones((4, 12, 14), bool))
    with pytest.raises(BadInput, match="same channels"):
        session.export_dataset(tmp_path / "Dataset007_Tumour")
    assert list(tmp_path.glob("Data*")) == []
