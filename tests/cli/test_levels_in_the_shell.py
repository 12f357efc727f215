"""Heads of whole images and of objects, applied from a shell."""

import csv

import numpy as np
import pytest
import tifffile

from napari_medfm import Session

pytestmark = pytest.mark.usefixtures("toy_models")


def rows_of(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def picture(seed, spread):
    noise = np.random.default_rng(seed).normal(0.5, spread, (56, 70))
    return (255 * noise.clip(0, 1)).astype(np.uint8)


@pytest.fixture
def pictures(tmp_path):
    paths = []
    for n in range(4):
        paths.append(tmp_path / f"i{n}.tif")
        tifffile.imwrite(paths[-1], picture(n, 0.3 if n % 2 else 0.02))
    return paths


@pytest.fixture
def session(encoder, segmenter):
    s = Session(encoder, segmenter)
    s.add_class("benign")
    s.add_class("malignant")
    return s


def test_a_head_of_images_writes_one_table(shell, session, pictures, tmp_path):
    for n, path in enumerate(pictures):
        name = session.add_image(path)
        session.annotate_image(name, ["benign", "malignant"][n % 2])
    head = tmp_path / "a.head.safetensors"
    session.fit("logistic", level="image")
    session.export_head(head, level="image")
    out = tmp_path / "out"
    code, output, errors = shell("apply", head, *pictures, "--out", out)
    assert (code, errors) == (0, "")
    assert "4 of 4 images done" in output
    rows = rows_of(out / "predictions.csv")
    assert {row["image"]: row["class"] for row in rows} == {
        str(path): ["benign", "malignant"][n % 2] for n, path in enumerate(pictures)
    }
    code, _, errors = shell("apply", head, *pictures, "--out", out)
    assert code == 2
    assert "--overwrite" in errors
    code, _, errors = shell(
        "apply", head, pictures[0], tmp_path / "none.tif", "--out", out, "--overwrite"
    )
    assert code == 1
    assert "no file" in errors
    assert len(rows_of(out / "predictions.csv")) == 1


def test_a_head_of_objects_needs_them(shell, session, tmp_path):
    image, objects = np.full((60, 80), 128, np.uint8), np.zeros((60, 80), np.uint16)
    for k in range(6):
        where = (
            slice(5 + 30 * (k // 3), 25 + 30 * (k // 3)),
            slice(5 + 25 * (k % 3), 25 + 25 * (k % 3)),
        )
        image[where] = 220 if k % 2 else 40
        objects[where] = k + 1
    path, folder = tmp_path / "cells.tif", tmp_path / "objects"
    folder.mkdir()
    tifffile.imwrite(path, image)
    tifffile.imwrite(folder / "cells.tif", objects)
    session.add_image(path)
    session.use_objects("cells", objects)
    for k in range(1, 5):
        session.annotate_object("cells", ["malignant", "benign"][k % 2], region=k)
    head, out = tmp_path / "o.head.safetensors", tmp_path / "out"
    session.fit("logistic", level="object")
    session.export_head(head, level="object")
    code, _, errors = shell("apply", head, path, "--out", out)
    assert code == 2
    assert "--objects DIR" in errors
    code, output, _ = shell("apply", head, path, "--out", out, "--objects", folder)
    assert code == 0
    assert "3 benign, 3 malignant" in output
    rows = rows_of(out / "predictions.csv")
    assert {int(row["object"]): row["class"] for row in rows} == {
        k: ["malignant", "benign"][k % 2] for k in range(1, 7)
    }
    (folder / "cells.tif").unlink()
    code, _, errors = shell(
        "apply", head, path, "--out", out, "--objects", folder, "--overwrite"
    )
    assert code == 1
    assert "0 label images named cells" in errors
