"""The how-to pages' own lines, run on toys over files of the names they use."""

import shlex
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from pages import is_run, lines, run_python
from toys import ENCODER, OtherToy

from napari_medfm import encoders


@pytest.fixture
def ct_files(tmp_path, monkeypatch, toy_models):
    """Volumes with one bright object where the pages click."""
    z, rows, cols = np.mgrid[:60, :180, :140]
    inside = ((z - 40) * 4) ** 2 + (rows - 120) ** 2 + (cols - 85) ** 2 < 24**2
    noise = np.random.default_rng(0).normal(0, 0.03, inside.shape)
    for name in ("ct", "ct1", "ct2", "ct3", "other"):
        pixels = (inside + noise).astype(np.float32).T
        nib.save(nib.Nifti1Image(pixels, np.eye(4)), tmp_path / f"{name}.nii.gz")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_python_page(ct_files, capsys, monkeypatch):
    made = run_python("how-to/python.md")
    session = made["s"]
    assert made["wait_start_or_run"](session).title
    session.add_class("other")
    told = []
    session.changed.connect(told.append)
    truth = np.tile(np.arange(140) > 70, (180, 1)).astype(int)
    made["labels_from_anywhere"](session, truth, "other")
    assert [c.name for c in session.classes] == ["background", "other"]
    assert len(told) >= 6
    assert (ct_files / "lesion.nii.gz").is_file()
    assert (ct_files / "lesion.head.safetensors").is_file()
    assert made["maps"]["ct"].shape == (60, 180, 140)
    assert made["volume"].data.any()
    assert "s.propagate(" in capsys.readouterr().out
    other = OtherToy()
    monkeypatch.setattr(
        encoders, "spec_of", lambda name, *_: ENCODER if "toy" in name else other.spec
    )
    monkeypatch.setattr(encoders, "load", lambda *_, **__: other)
    monkeypatch.setattr(encoders, "check_installed", lambda *_: None)
    made["which_encoder"](session)
    assert "Other toy" in capsys.readouterr().out


def test_shell_page(ct_files, head_file, shell):
    for name in ("slide.png", "cells.png"):
        (ct_files / name).write_bytes(_picture())
    (ct_files / "scans").mkdir()
    (ct_files / "scans" / "ct4.nii.gz").write_bytes(
        (ct_files / "ct1.nii.gz").read_bytes()
    )
    _save_case(ct_files)
    _leave_draft()
    for line in filter(is_run, lines("how-to/shell.md")):
        assert shell(*shlex.split(line)[1:])[0] == 0, line
    assert (ct_files / "masks" / "ct3.nii.gz").is_file()
    assert (ct_files / "effort.csv").is_file()
    assert (ct_files / "sizes.csv").is_file()
    assert (ct_files / "rescued.medfm").is_dir()


def _save_case(folder):
    from napari_medfm import Session

    session = Session()
    session.add_image(folder / "ct1.nii.gz", name="ct")
    session.add_class("lesion")
    mask = session.segment("ct", box=(90, 60, 150, 110), plane=40)
    session.accept("ct", mask, "lesion")
    session.annotate("ct", "lesion", points=[(40, 120, 85)])
    session.annotate("ct", "background", points=[(40, 30, 30)])
    session.save(folder / "case.medfm")
    session.close()


def _leave_draft():
    from napari_medfm import Session

    session = Session()
    session.keep_draft()
    session.add_class("lesion")
    session.close()


def _speckles(seed, spread):
    noise = np.random.default_rng(seed).normal(0.5, spread, (56, 70))
    return (255 * noise.clip(0, 1)).astype(np.uint8)


def test_images_page(tmp_path, monkeypatch, toy_models, shell, capsys):
    import tifffile

    monkeypatch.chdir(tmp_path)
    for n in range(5):
        tifffile.imwrite(f"{n}.tif", _speckles(n, 0.3 if n % 2 else 0.02))
    files = [(f"{n}.tif", n // 2) for n in range(5)]
    s = run_python("how-to/images.md", files=files)["s"]
    found = s.predict("4", level="image")
    assert found.classes[int(found.probabilities.argmax())].name == "benign"
    assert "leave one group out" in capsys.readouterr().out
    (line,) = lines("how-to/images.md")
    for name in ("a.tif", "b.tif"):
        tifffile.imwrite(name, _speckles(9, 0.3))
    assert shell(*shlex.split(line)[1:])[0] == 0
    assert (tmp_path / "results" / "predictions.csv").is_file()


def test_objects_page(tmp_path, monkeypatch, toy_models, shell):
    import tifffile

    monkeypatch.chdir(tmp_path)
    picture, instances = np.full((90, 90), 128, np.uint8), np.zeros((90, 90), np.uint16)
    for k in range(9):
        r, c = 10 + 28 * (k // 3), 10 + 28 * (k % 3)
        picture[r : r + 20, c : c + 20] = 40 if k % 2 else 220
        instances[r : r + 20, c : c + 20] = k + 1
    run_python("how-to/objects.md", picture=picture, instances=instances)
    kinds = tifffile.imread("kinds.tif")
    expected = np.where(instances % 2 == 1, 1, 2) * (instances > 0)
    np.testing.assert_array_equal(kinds, expected)
    Path("outlines").mkdir()
    for name in ("a.tif", "b.tif"):
        tifffile.imwrite(name, picture)
        tifffile.imwrite(Path("outlines") / name, instances)
    (line,) = lines("how-to/objects.md")
    assert shell(*shlex.split(line)[1:])[0] == 0
    assert (tmp_path / "results" / "predictions.csv").is_file()


def _picture():
    import io

    from PIL import Image

    target = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (160, 180, 3), np.uint8)
    Image.fromarray(pixels).save(target, "PNG")
    return target.getvalue()
