"""A project's masks, measurements, dataset and head as files, from the shell."""

import csv
from dataclasses import replace

import nibabel
import numpy as np
import pytest
from slices import named_scan
from toys import ToyEncoder, ToySegmenter

from napari_medfm import Session, load_head

pytestmark = pytest.mark.usefixtures("toy_models")


def saved(tmp_path, *images, encoder=None):
    session = Session(encoder or ToyEncoder(), ToySegmenter())
    session.add_class("lesion")
    for image, name in images:
        session.add_image(image, name=name)
    name = images[0][1]
    rows, cols = session.images[name].plane_shape
    plane = 0 if session.images[name].ndim == 3 else None
    session.annotate(name, "lesion", points=[(rows // 2, cols // 2)], plane=plane)
    session.annotate(name, "background", points=[(1, 1), (2, 2)], plane=plane)
    session.fit("ridge")
    session.accept(name, session.predict(name))
    session.save(tmp_path / "case.medfm")
    session.close()
    return tmp_path / "case.medfm"


@pytest.fixture
def case(disc, tmp_path):
    return saved(tmp_path, (disc[0], "ct / 1"), (disc[0][::-1], "other"))


def test_all_at_once(shell, case, tmp_path):
    code, output, errors = shell(
        *("export", case, "--masks", tmp_path / "masks", "--format", "nii.gz"),
        *("--table", tmp_path / "a.csv", "--dataset", tmp_path / "Dataset001_A"),
        *("--head", tmp_path / "a.head.safetensors"),
    )
    assert (code, errors) == (0, "")
    assert output.count("wrote ") == 4
    mask = np.asarray(nibabel.load(tmp_path / "masks" / "ct_1.nii.gz").dataobj)
    assert mask.any()
    assert [p.name for p in (tmp_path / "masks").glob("*.nii.gz")] == ["ct_1.nii.gz"]
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text().splitlines()))
    assert sum(int(row["pixels"]) for row in rows) == int((mask > 0).sum())
    assert (tmp_path / "Dataset001_A" / "dataset.json").exists()
    assert load_head(tmp_path / "a.head.safetensors").classes[1].name == "lesion"


def test_an_image_without_labels_is_predicted_when_it_is_named(shell, case, tmp_path):
    code, _, _ = shell("export", case, "--masks", tmp_path / "m", "--image", "other")
    assert code == 0
    assert [p.name for p in (tmp_path / "m").glob("*.nii.gz")] == ["other.nii.gz"]


def test_onnx(shell, case, tmp_path):
    pytest.importorskip("onnx")
    assert shell("export", case, "--head", tmp_path / "a.onnx")[0] == 0
    assert (tmp_path / "a.onnx").stat().st_size


def test_what_cannot_be_is_said(shell, case, tmp_path):
    code, _, errors = shell("export", case)
    assert code == 2
    assert "--masks, --table, --dataset, --head" in errors
    (tmp_path / "a.csv").write_text("mine")
    code, _, errors = shell("export", case, "--table", tmp_path / "a.csv")
    assert code == 2
    assert "exists" in errors
    assert (tmp_path / "a.csv").read_text() == "mine"
    code, _, errors = shell("export", case, "--masks", tmp_path, "--image", "nobody")
    assert code == 1
    assert "No image 'nobody'" in errors
    code, _, errors = shell("export", tmp_path / "no.medfm", "--table", "b.csv")
    assert code == 1
    assert "There is no project" in errors


def test_nothing_accepted(shell, disc, tmp_path):
    session = Session(ToyEncoder(), ToySegmenter())
    session.add_image(disc[0], name="x")
    session.save(tmp_path / "case.medfm")
    session.close()
    case = tmp_path / "case.medfm"
    code, _, errors = shell("export", case, "--masks", tmp_path / "m")
    assert code == 1
    assert "nothing was accepted" in errors
    code, _, errors = shell("export", case, "--table", tmp_path / "a.csv")
    assert code == 1
    assert "accept a mask" in errors


def test_two_images_of_one_file_name(shell, disc, tmp_path):
    session = Session(ToyEncoder(), ToySegmenter())
    session.add_class("lesion")
    for name in ("a b", "a/b"):
        session.add_image(disc[0], name=name)
        session.accept(name, disc[1], "lesion")
    session.save(tmp_path / "case.medfm")
    session.close()
    code, _, errors = shell("export", tmp_path / "case.medfm", "--masks", tmp_path)
    assert code == 2
    assert "a_b.nii.gz" in errors
    assert not list(tmp_path.glob("*.nii.gz"))


@pytest.mark.parametrize("wish", ["--masks", "--table", "--dataset"])
def test_names_of_patients_need_a_yes(shell, tmp_path, wish):
    scan = named_scan(tmp_path / "scan")
    case = saved(tmp_path, (scan, "Doe T1"))
    out = tmp_path / {"--table": "a.csv", "--dataset": "Dataset001_A"}.get(wish, "m")
    code, _, errors = shell("export", case, wish, out)
    assert code == 2
    assert "patient's name" in errors
    assert not out.exists()
    assert shell("export", case, wish, out, "--yes")[0] == 0
    assert out.exists()


def test_licences_are_said_before(shell, disc, tmp_path):
    encoder = ToyEncoder()
    encoder.spec = replace(encoder.spec, commercial=False)
    case = saved(tmp_path, (disc[0], "x"), encoder=encoder)
    for wish, name in (("--table", "a.csv"), ("--head", "a.head.safetensors")):
        code, _, errors = shell("export", case, wish, tmp_path / name)
        assert code == 2
        assert "non-commercial model: toy-encoder" in errors
        assert not (tmp_path / name).exists()


def test_labels_of_others_are_measured(shell, disc, disc_file, tmp_path):
    labels = tmp_path / "labels.nii.gz"
    nibabel.save(nibabel.Nifti1Image(disc[1].T[..., None].astype("u1"), None), labels)
    code, _, errors = shell(
        *("import", disc_file[0], labels, "--anywhere", "--out", tmp_path / "a.csv"),
    )
    assert (code, errors) == (0, "")
    (row,) = csv.DictReader((tmp_path / "a.csv").read_text().splitlines())
    assert int(row["pixels"]) == disc[1].sum()
