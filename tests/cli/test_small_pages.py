"""Pages with a few lines each: large images, the notebook, napari, installation."""

import asyncio
import shlex

import nibabel as nib
import numpy as np
import pytest
import tifffile
from pages import is_run, lines, run_python
from slides import WideToy

from napari_medfm import encoders


def _save_volume(path, shape=(50, 40, 44)):
    pixels = np.random.default_rng(0).normal(0, 100, shape).astype(np.int16)
    nib.save(nib.Nifti1Image(pixels.T, np.diag([1, 1, 3, 1])), path)


def test_large_images(tmp_path, monkeypatch, toy_models):
    monkeypatch.chdir(tmp_path)
    wide = WideToy()
    monkeypatch.setattr(encoders, "spec_of", lambda name, *_: wide.spec)
    monkeypatch.setattr(encoders, "load", lambda name, **_: wide)
    slide = np.full((4200, 4200, 3), 244, np.uint8)
    tissue = np.random.default_rng(0).integers(90, 200, (2200, 1700, 1), np.uint8)
    slide[:2200, :1700] = tissue * np.array([1, 0.5, 0.8])
    slide[1100:1300, 800:1000] = (110, 60, 150)
    tifffile.imwrite("slide.svs", slide, tile=(256, 256))
    _save_volume("ct.nii.gz")
    made = run_python("scale.md")
    assert made["alike"].shape == (4200, 4200)
    seen = made["alike"][1000:2000, 500:1500]
    assert seen[120:280, 320:480].mean() > seen[400:].mean() + 0.3
    assert made["s"].images["ct"].shape == (50, 40, 44)


def test_the_notebook(tmp_path, monkeypatch, toy_models):
    pytest.importorskip("anywidget")
    monkeypatch.chdir(tmp_path)

    async def cells():
        made = run_python("how-to/notebook.md")
        made["canvas"].close()
        return made["session"]

    session = asyncio.run(cells())
    accepted = tifffile.imread("tissue.tif")
    assert accepted.any()
    np.testing.assert_array_equal(accepted, session.labels("tissue"))


@pytest.mark.gui
def test_napari(tmp_path, monkeypatch, toy_models, qtbot):
    monkeypatch.chdir(tmp_path)
    _save_volume("ct.nii.gz")
    made = run_python("how-to/napari.md")
    assert made["viewer"].layers["ct"].data.shape == (50, 40, 44)
    made["viewer"].close()
    made["session"].close()


def test_installed(shell):
    for line in filter(is_run, lines("install.md")):
        words = shlex.split(line.removeprefix(".venv/bin/"))
        assert shell(*words[1:])[0] == 0, line
