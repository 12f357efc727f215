import gzip
import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_medfm import exporters
from napari_medfm.core.errors import BadInput, WriteFailed
from napari_medfm.core.labels import Annotation, LabelClass
from napari_medfm.engine import atomic
from napari_medfm.engine.intake import image_of
from napari_medfm.engine.provenance import provenance_of, version
from napari_medfm.exporters import export_labels, format_of
from napari_medfm.exporters.napari_writer import write_labels
from napari_medfm.readers.napari_reader import napari_get_reader

CLASSES = (
    LabelClass("background", 0, "#000000"),
    LabelClass("tumour", 1, "#e69f00"),
    LabelClass("vessel", 2, "#56b4e9"),
)
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SUFFIXES = (".nii", ".nii.gz", ".tif", ".tiff", ".ome.tif", ".ome.tiff", ".png")


@pytest.fixture
def image():
    pixels = np.random.default_rng(0).random((20, 24))
    return image_of(pixels, "case", spacing=(0.5, 0.25))


@pytest.fixture
def labels():
    values = np.zeros((20, 24), int)
    values[3:9, 4:10] = 1
    values[12, 3:6] = 7
    return values


def facts(image):
    model = {
        "name": "some-model",
        "weights_sha256": "ab" * 32,
        "licence": "CC BY-NC 4.0",
        "commercial": False,
    }
    prompt = {"box": [1, 2, 3, 4], "positive_points": []}
    marked = Annotation(3, "case", 1, "pixel", "mask", np.zeros((5, 2), np.int32))
    return provenance_of(
        image,
        annotations=[marked],
        classes=CLASSES,
        head={"encoder": {**model, "name": "free", "commercial": True}},
        content={
            "what": "accepted labels",
            "regions": [
                {"plane": None, "origin": "mask", "model": model, "prompt": prompt},
                {"plane": None, "origin": "edited", "model": model},
            ],
        },
        created=MOMENT,
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_provenance_lies_beside_every_format(tmp_path, image, labels, suffix):
    path = tmp_path / f"out{suffix}"
    written = export_labels(path, labels, image, CLASSES, facts(image))
    beside = tmp_path / f"out{suffix}.provenance.json"
    assert written == [path, beside]
    assert sorted(tmp_path.iterdir()) == sorted(written)
    record = json.loads(beside.read_text("utf-8"))
    assert record["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    counts = {c["name"]: c["pixels"] for c in record["classes"]}
    assert counts == {"background": 480 - 39, "tumour": 36, "vessel": 0}
    assert record["classes"][1]["colour"] == "#e69f00"
    assert (record["unnamed_values"], record["unnamed_pixels"]) == (1, 3)
    assert record["image"]["sha256"] == image.sha256()


def test_what_provenance_says(image):
    record = facts(image)
    assert json.loads(json.dumps(record)) == record
    assert record["program"] == version()
    assert record["program"].startswith("napari-medfm ")
    assert record["created"] == "2026-01-02T03:04:05+00:00"
    assert [m["name"] for m in record["models"]] == ["free", "some-model"]
    assert record["licence_notes"] == [
        "derived with a non-commercial model: some-model (CC BY-NC 4.0)"
    ]
    assert record["prompts"] == [{"box": [1, 2, 3, 4], "positive_points": []}]
    assert record["human_edits"] == 1
    assert record["annotations"] == [
        {
            "id": 3,
            "class": "tumour",
            "value": 1,
            "level": "pixel",
            "kind": "mask",
            "pixels": 5,
        }
    ]
    assert facts(image) == record


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_failed_export_leaves_the_old_files(
    tmp_path, image, labels, suffix, monkeypatch
):
    path = tmp_path / f"out{suffix}"
    export_labels(path, labels, image, CLASSES, {})
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def full(*args):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, "fsync", full)
        with pytest.raises(WriteFailed, match="No space left"):
            export_labels(path, labels + 1, image, CLASSES, {})
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before

    chosen = format_of(path)

    def half(temporary, made):
        temporary.write_bytes(b"half a fi")
        full()

    broken = exporters.ExportFormat(chosen.name, "", chosen.suffixes, half)
    monkeypatch.setattr(exporters, "format_of", lambda path: broken)
    with pytest.raises(WriteFailed, match="No space left"):
        export_labels(path, labels + 1, image, CLASSES, {})
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_provenance_that_cannot_be_written_stops_the_mask(tmp_path, image, labels):
    path = tmp_path / "out.png"
    export_labels(path, labels, image, CLASSES, {})
    before = path.read_bytes()
    beside = tmp_path / "out.png.provenance.json"
    beside.unlink()
    beside.mkdir()
    with pytest.raises(WriteFailed):
        export_labels(path, labels + 1, image, CLASSES, {})
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_written(tmp_path, image, labels):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(WriteFailed, match="choose another folder"):
        export_labels(tmp_path / "file" / "out.png", labels, image, CLASSES, {})
    folder = tmp_path / "readonly"
    folder.mkdir()
    folder.chmod(0o500)
    if not os.access(folder, os.W_OK):
        with pytest.raises(WriteFailed, match="choose another folder"):
            export_labels(folder / "out.png", labels, image, CLASSES, {})
        assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (np.zeros((20, 23), int), "shape"),
        (np.zeros((20, 24), float), "whole numbers"),
        (np.full((20, 24), -1), "count from 0"),
        (np.full((20, 24), 2**33), "up to"),
    ],
)
def test_labels_that_do_not_fit(tmp_path, image, bad, reason):
    with pytest.raises(BadInput, match=reason):
        export_labels(tmp_path / "out.tif", bad, image, CLASSES, {})
    assert not list(tmp_path.iterdir())


def test_unknown_suffix(tmp_path, image, labels):
    with pytest.raises(BadInput, match=r"\.nii\.gz.*\.ome\.tif.*\.png"):
        export_labels(tmp_path / "out.jpg", labels, image, CLASSES, {})


def test_a_name_in_capitals_with_dots(tmp_path, image, labels):
    path = tmp_path / "Case.1.v2.NII.GZ"
    export_labels(path, labels, image, CLASSES, {})
    assert path.read_bytes()[:2] == b"\x1f\x8b"
    with gzip.open(path) as stream:
        back = nib.Nifti1Image.from_bytes(stream.read())
    np.testing.assert_array_equal(np.asarray(back.dataobj).T, labels)


def test_from_napari_reader_to_napari_writer(tmp_path):
    turn = np.array([[0, -2.0, 0, 9], [0, 0, 3, 8], [-1, 0, 0, 7], [0, 0, 0, 1]])
    source = nib.Nifti1Image(np.zeros((4, 5, 6), np.int16), turn)
    nib.save(source, tmp_path / "a.nii.gz")
    read = napari_get_reader(str(tmp_path / "a.nii.gz"))
    ((data, meta, kind),) = read(str(tmp_path / "a.nii.gz"))
    assert kind == "image"
    assert data.shape == (6, 5, 4)
    assert meta["scale"] == (3, 2, 1)
    labels = np.arange(120).reshape(6, 5, 4)
    written = write_labels(str(tmp_path / "b.nii.gz"), labels, {**meta, "name": "b"})
    assert [Path(p).name for p in written] == ["b.nii.gz", "b.nii.gz.provenance.json"]
    back = nib.load(tmp_path / "b.nii.gz")
    np.testing.assert_array_equal(back.affine, turn)
    np.testing.assert_array_equal(np.asarray(back.dataobj), labels.T)
    record = json.loads(Path(written[1]).read_text("utf-8"))
    assert record["image"]["name"] == "a.nii.gz"


def test_a_foreign_layer_keeps_its_transform(tmp_path):
    from napari.layers import Labels

    turn = np.array([[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]])
    layer = Labels(
        np.ones((3, 4, 5), int),
        scale=(3, 1, 2),
        translate=(1, 2, 3),
        rotate=turn,
        shear=(0, 0, 0.3),
        affine=np.diag([2, 1, 1, 1]),
    )
    data, meta, _ = layer.as_layer_data_tuple()
    write_labels(str(tmp_path / "b.nii"), data, meta)
    affine = nib.load(tmp_path / "b.nii").affine[[2, 1, 0, 3]][:, [2, 1, 0, 3]]
    world = layer.data_to_world((1, 2, 3))
    np.testing.assert_allclose((affine @ [1, 2, 3, 1])[:3], world, rtol=1e-5)


def test_what_is_not_ours_is_left_to_others(tmp_path):
    (tmp_path / "a.txt").write_text("text")
    assert napari_get_reader(str(tmp_path / "a.txt")) is None
    assert napari_get_reader(str(tmp_path / "missing.nii")) is None
