"""The shell on toy models, and files for it."""

import numpy as np
import pytest
from toys import ENCODER, SEGMENTER, ToyEncoder, ToySegmenter

from napari_medfm import Session, encoders, segmenters
from napari_medfm.cli import main


@pytest.fixture
def toy_models(monkeypatch):
    """Whatever model is asked for, a toy answers."""
    for folder, spec, toy in (
        (encoders, ENCODER, ToyEncoder),
        (segmenters, SEGMENTER, ToySegmenter),
    ):
        monkeypatch.setattr(folder, "spec_of", lambda name, *_, spec=spec: spec)
        monkeypatch.setattr(folder, "load", lambda name, toy=toy, **_: toy())
        monkeypatch.setattr(folder, "is_installed", lambda name, cache=None: True)


@pytest.fixture
def shell(capsys):
    """Run a command; returns its exit code, output and errors."""

    def run(*words):
        capsys.readouterr()
        code = main([str(word) for word in words])
        output, errors = capsys.readouterr()
        return code, output, errors

    return run


@pytest.fixture
def disc_file(disc, tmp_path):
    """The disc as a TIFF file, and its truth."""
    import tifffile

    path = tmp_path / "in" / "disc.tif"
    path.parent.mkdir()
    tifffile.imwrite(path, disc[0])
    return path, disc[1]


@pytest.fixture
def ball_file(ball, tmp_path):
    """The ball as a NIfTI file with an affine, and its truth."""
    import nibabel as nib

    path = tmp_path / "in" / "ball.nii.gz"
    path.parent.mkdir(exist_ok=True)
    image = nib.Nifti1Image(ball[0].T, np.diag([0.5, 0.5, 2.0, 1.0]))
    nib.save(image, path)
    return path, ball[1]


@pytest.fixture
def head_file(disc, tmp_path, encoder, segmenter):
    """A head trained on the disc."""
    session = Session(encoder=encoder, segmenter=segmenter)
    session.add_image(disc[0], name="disc")
    session.add_class("lesion")
    session.annotate("disc", "lesion", points=[(70, 110), (60, 100), (85, 120)])
    session.annotate("disc", "background", points=[(10, 10), (150, 30), (20, 180)])
    session.fit("ridge")
    return session.export_head(tmp_path / "lesion.head.safetensors")
