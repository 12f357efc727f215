"""What ``scripts/fuzz.py`` found, each as a small file of its own."""

import io
import json
import struct
import zipfile

import numpy as np
import pytest
import tifffile
from fuzzing import put, targets
from fuzzing.damage import DEEP
from fuzzing.images import packed_zarr, series, slide
from fuzzing.models import (
    KEY,
    PLAN,
    get_squares,
    head,
    onnx_file,
    read_onnx,
    squares,
)
from fuzzing.projects import opened, project

from napari_medfm.core.errors import BadFile, BadInput
from napari_medfm.core.forms import call_of, from_form
from napari_medfm.core.specs import Source
from napari_medfm.encoders import _own
from napari_medfm.encoders._transformers import Transformers
from napari_medfm.engine.store import EmbeddingStore
from napari_medfm.engine.wheels import extract
from napari_medfm.project.journal import new_journal, read_journal
from napari_medfm.project.recent import recent_projects
from napari_medfm.readers import _guard, _lazy, read_image
from napari_medfm.readers.dicom import series_in
from napari_medfm.verbs.headfile import read_head


def test_a_window_of_grey_that_is_no_number(tmp_path):
    files = series()
    damaged = files["b"].replace(b"400.0", b"4-0.0")
    assert damaged != files["b"]
    put(tmp_path, "ct", {**files, "b": damaged})
    with pytest.raises(BadFile, match="ct"):
        read_image(tmp_path / "ct")


def test_a_plane_in_millions_of_pieces_is_not_read_at_once(tmp_path):
    path = put(tmp_path, "a.zarr", packed_zarr(2))
    facts = json.loads((path / "0" / ".zarray").read_text())
    facts["shape"] = [3, 12 * 2**20, 14]
    (path / "0" / ".zarray").write_text(json.dumps(facts))
    loaded = read_image(path)
    assert loaded.data[0, :12].any()
    with pytest.raises(BadFile, match="1048576 pieces"):
        loaded.data[0]


def test_a_plane_larger_than_memory_is_not_read_at_once(tmp_path):
    path = put(tmp_path, "a.zarr", packed_zarr(2))
    facts = json.loads((path / "0" / ".zarray").read_text())
    facts["shape"] = [3, 2**22, 2**22]
    (path / "0" / ".zarray").write_text(json.dumps(facts))
    with pytest.raises(BadFile, match="memory"):
        read_image(path).data[0]


def test_a_shard_whose_index_leads_beyond_its_end(tmp_path):
    path = put(tmp_path, "a.zarr", packed_zarr(3))
    facts = json.loads((path / "0" / "zarr.json").read_text())
    index = facts["codecs"][0]["configuration"]["index_codecs"]
    assert [codec["name"] for codec in index] == ["bytes", "crc32c"]
    del index[1]
    (path / "0" / "zarr.json").write_text(json.dumps(facts))
    with pytest.raises(BadFile, match="shorter than its index says"):
        read_image(path).data[0]


@pytest.mark.parametrize(
    "change", [{"dimension_names": [1, 2, 3, 4]}, {"chunk_key_encoding": []}]
)
def test_windows_in_the_cache_that_zarr_does_not_open(tmp_path, change):
    store = EmbeddingStore(tmp_path).windows(KEY, PLAN, (1, 8))
    store.put((0, 0), np.ones((2, 2, 1, 8), np.float16), "p")
    path = tmp_path / KEY / "layers.zarr" / "zarr.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    again = EmbeddingStore(tmp_path).windows(KEY, PLAN, (1, 8))
    assert again.get((0, 0)) is None


@pytest.mark.parametrize("codec", [{"name": "numcodecs.pickle"}, {"name": "bytes"}])
def test_kept_labels_of_another_packing_are_made_anew(tmp_path, codec):
    path = put(tmp_path, "a", squares())
    assert get_squares(path).all()
    facts = json.loads((path / "labels.zarr" / "zarr.json").read_text())
    facts["codecs"] = [codec]
    (path / "labels.zarr" / "zarr.json").write_text(json.dumps(facts))
    with pytest.raises(BadFile, match="made anew"):
        get_squares(path)


def test_names_in_onnx_that_are_no_text(tmp_path):
    content = onnx_file()
    (tmp_path / "a.onnx").write_bytes(content)
    read_onnx(tmp_path / "a.onnx")
    (tmp_path / "a.onnx").write_bytes(content.replace(b"/b/layer", b"/b/\xff\xffyer"))
    with pytest.raises(BadFile, match="not an ONNX file"):
        read_onnx(tmp_path / "a.onnx")


def test_a_wheel_whose_list_leads_before_its_begin(tmp_path):
    path = tmp_path / "a.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("pkg/model.bin", b"weights")
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\x01\x02")
    end = content.index(b"PK\x05\x06")
    content[end + 16 : end + 20] = (at + 40).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(BadFile):
        extract(path, Source("wheel", "pkg==1", "pkg/model.bin"), tmp_path / "out")


@pytest.mark.parametrize("size", [DEEP, "1e999"])
def test_notes_of_models_that_are_no_numbers(tmp_path, size):
    folder = tmp_path / "own-models"
    folder.mkdir()
    note = (
        '{"architecture": "x", "normalisation": "half", "input_size": 112, "dim": 6,'
        ' "prefix_tokens": 1, "blocks": [0], "patch": %s}'
    )
    (folder / "a.json").write_text(note % "14")
    assert list(_own.entries(tmp_path)) == ["a"]
    (folder / "a.json").write_text(note % size)
    assert _own.entries(tmp_path) == {}


def test_a_network_nested_too_deep(tmp_path):
    (tmp_path / "config.json").write_text(DEEP)
    with pytest.raises(BadFile, match="does not describe a network"):
        Transformers.of_folder(tmp_path)


def test_a_recent_project_whose_name_no_folder_can_have(tmp_path):
    names = ["/" + "a" * 5000, str(tmp_path)]
    (tmp_path / "recent-projects.json").write_text(json.dumps(names))
    assert recent_projects(tmp_path) == [tmp_path]


CALL = {"verb": "annotate", "args": ["x", "a"], "kwargs": {}, "at": 1.0}


@pytest.mark.parametrize(
    "change",
    [
        {"kwargs": {"plane=0); __import__('os').abort(": 1}},
        {"result": "x = __import__('os').abort()\ny"},
        {"args": [{"$given": "__import__('os').abort()"}]},
        {"args": [{"$given": "images['a' + __import__('os').abort()]"}]},
        {"args": [{"$given": "images['a']\n__import__('os').abort()"}]},
        {"at": 10**400},
        {"at": float("inf")},
    ],
)
def test_a_call_that_would_write_python_of_its_own(change):
    assert call_of(CALL).as_python() == "s.annotate('x', 'a')"
    with pytest.raises(BadFile):
        call_of({**CALL, **change})


def test_what_a_script_may_name():
    for name in ("prediction_3", "images['it\\'s']", 'images["it\'s"]'):
        try:
            found = from_form({"$given": name}).code
        except BadFile:
            assert name == "images['it\\'s']"  # repr writes it the other way
        else:
            assert found == name


@pytest.mark.parametrize(
    "points", [5, "42x56:0+9999999", [[]], {"a": 1}, [None], [[1, []]]]
)
@pytest.mark.parametrize("verb", ["annotate", "segment", "similarity"])
def test_the_ledger_counts_calls_with_strange_arguments(tmp_path, verb, points):
    path = put(tmp_path, "case.medfm", project())
    entries = list(read_journal(path / "journal.jsonl").entries)
    for entry in entries[1:]:
        call = entry["call"]
        if call["verb"] == "annotate":
            call["verb"], call["args"] = verb, call["args"][:1]
            call["kwargs"] = {"points": points, "at": points, "plane": points}
    (path / "journal.jsonl").unlink()
    new_journal(path / "journal.jsonl", entries)
    assert opened(path)


@pytest.mark.parametrize(
    "part",
    [
        {"encoder": 5},
        {"encoder": {"name": 5}},
        {"annotations": 5},
        {"annotations": [{"image": "x"}]},
        {"image_biases": {"x": 5}},
        {"image_biases": {"x": {"one": 0.5}}},
        {"image_biases": {"x": {"1": "0.5"}}},
        {"validation": {"losses": {"pool": [1]}}},
    ],
)
def test_a_card_of_another_form_is_refused(tmp_path, part):
    content = head()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    told = json.loads(header["__metadata__"]["napari-medfm"])
    told["card"] |= part
    header["__metadata__"]["napari-medfm"] = json.dumps(told)
    text = json.dumps(header).encode()
    path = tmp_path / "a.head.safetensors"
    path.write_bytes(content)
    assert read_head(path).biases_on("x") == {1: 0.5}
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + length :])
    with pytest.raises(BadFile, match="card is incomplete"):
        read_head(path)


def test_a_card_with_half_a_character_is_refused_or_read(tmp_path):
    content = head()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"]["napari-medfm"] = "\ud800"
    text = json.dumps(header).encode()
    path = tmp_path / "a.head.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + length :])
    with pytest.raises(BadFile, match="not JSON"):
        read_head(path)


def test_a_slide_whose_channels_differ_in_depth(tmp_path):
    content = bytearray(slide(description="Aperio Image Library v11 32x32"))
    with tifffile.TiffFile(io.BytesIO(content)) as tif:
        at = tif.pages[0].tags["BitsPerSample"].valueoffset
    content[at : at + 6] = struct.pack("<3H", 28737, 19824, 26465)
    (tmp_path / "a.svs").write_bytes(content)
    with pytest.raises(BadFile, match=r"bits|Could not read"):
        read_image(tmp_path / "a.svs")


def test_a_segmentation_whose_numbers_are_of_odd_length(tmp_path):
    target = targets()["dicom-seg"]
    content = bytearray(target.content)
    at = content.index(b"\x28\x00\x00\x01US")
    target.read(put(tmp_path, target.name, bytes(content)))
    content[at + 6 : at + 8] = (3).to_bytes(2, "little")
    content[at + 10 : at + 10] = b"\x00"
    with pytest.raises(BadFile):
        target.read(put(tmp_path, target.name, bytes(content)))


def test_a_slide_whose_tiles_have_two_heights(tmp_path):
    content = bytearray(slide(description="Aperio Image Library v11 32x32"))
    with tifffile.TiffFile(io.BytesIO(content)) as tif:
        at = tif.pages[0].tags["TileLength"].offset
    content[at + 2 : at + 12] = struct.pack("<HIHH", 3, 2, 16, 16)
    (tmp_path / "a.svs").write_bytes(content)
    with pytest.raises(BadFile, match="no single size"):
        read_image(tmp_path / "a.svs")


@pytest.mark.parametrize("pixels", [3, None, True, 0.5, {"a": 1}])
def test_a_cell_whose_digests_are_no_list_is_dropped(tmp_path, pixels):
    target = targets()["windows"]
    path = put(tmp_path, target.name, target.content)
    (leaf,) = path.rglob("0.0.json")
    leaf.write_text(json.dumps(json.loads(leaf.read_text()) | {"pixels": pixels}))
    with pytest.raises(BadFile, match="dropped"):
        target.read(path)


def test_a_square_that_claims_to_be_terabytes(tmp_path):
    target = targets()["squares"]
    path = put(tmp_path, target.name, target.content)
    (chunk,) = (p for p in path.rglob("c/1/0/0") if "every" not in str(p))
    frame = bytes.fromhex("28b52ffde0") + (2**42).to_bytes(8, "little")
    chunk.write_bytes(frame + chunk.read_bytes()[13:])
    with pytest.raises(BadFile, match="damaged"):
        target.read(path)


def test_a_store_whose_metadata_say_1_for_true_is_made_anew(tmp_path):
    target = targets()["squares"]
    path = put(tmp_path, target.name, target.content)
    (described,) = path.glob("labels.zarr/zarr.json")
    text = described.read_text()
    assert "true" in text or "false" in text
    described.write_text(text.replace("true", "1").replace("false", "0"))
    with pytest.raises(BadFile, match="made anew"):
        target.read(path)


def odd_modality(content):
    """Give a DICOM file's modality a kind of value that there is not."""
    at = content.index(b"\x08\x00\x60\x00CS")
    return content[: at + 4] + b"\x43\xf7" + content[at + 6 :]


def test_two_series_of_a_modality_that_cannot_be_told(tmp_path):
    target = targets()["dicom-series"]
    files = {name: odd_modality(content) for name, content in target.content.items()}
    first = min(files)
    uid = files[first].index(b"\x20\x00\x0e\x00UI") + 8
    files[first] = files[first][:uid] + b"3" + files[first][uid + 1 :]
    folder = put(tmp_path, target.name, files)
    with pytest.raises(BadFile, match="Could not read a"):
        read_image(folder)
    with pytest.raises(BadFile, match="Could not read a"):
        series_in(folder)


def test_labels_of_a_modality_that_cannot_be_told(tmp_path):
    target = targets()["dicom-seg"]
    with pytest.raises(BadFile, match=r"Could not read a\.seg"):
        target.read(put(tmp_path, target.name, odd_modality(target.content)))


@pytest.mark.parametrize(
    "change",
    [
        {"move": []},
        {"move": {}},
        {"effect": {"masks": {"drop": [], "set": [["x", 1]]}}},
    ],
)
def test_entries_of_another_form(tmp_path, change):
    path = put(tmp_path, "case.medfm", project())
    entries = list(read_journal(path / "journal.jsonl").entries)
    entries[-1] = entries[-1] | change
    (path / "journal.jsonl").unlink()
    new_journal(path / "journal.jsonl", entries)
    with pytest.raises(BadFile):
        opened(path)


def test_a_pyramid_in_pieces_larger_than_memory(tmp_path, monkeypatch):
    path = tmp_path / "a.tif"
    image = np.zeros((64, 64), np.uint8)
    with tifffile.TiffWriter(path) as tif:
        tif.write(image, tile=(64, 64), subifds=1)
        tif.write(image[::2, ::2], tile=(32, 32), subfiletype=1)
    loaded = read_image(path)
    assert loaded.data[:8, :8].shape == (8, 8)
    monkeypatch.setattr(_guard, "memory_bytes", lambda: 2000)
    with pytest.raises(BadFile, match="memory"):
        loaded.data[:8, :8]


def test_labels_of_another_size_are_not_read_first(tmp_path, monkeypatch):
    target = targets()["zarr-labels"]
    path = put(tmp_path, target.name, target.content)
    assert target.read(path)
    facts = json.loads((path / "s0" / "zarr.json").read_text())
    facts["shape"][1] = 1_000_000
    (path / "s0" / "zarr.json").write_text(json.dumps(facts))
    monkeypatch.setattr(_lazy.Lazy, "__array__", None)
    with pytest.raises(BadInput, match=r"\(3, 1000000, 14\).*shape of their image"):
        target.read(path)


def test_a_tile_of_64_gigabytes(tmp_path):
    content = bytearray(slide(description="Aperio Image Library v11 32x32"))
    with tifffile.TiffFile(io.BytesIO(content)) as tif:
        tags = tif.pages[0].tags
    for name, value in (("TileWidth", 2**32 - 1), ("Compression", 3)):
        at = tags[name].offset + 8
        content[at : at + 4] = value.to_bytes(4, "little")
    (tmp_path / "a.svs").write_bytes(content)
    with pytest.raises(BadFile, match=r"memory|damaged"):
        read_image(tmp_path / "a.svs")
