"""A head file holds numbers and a card; whatever else is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_medfm.core.errors import BadFile, WriteFailed
from napari_medfm.verbs.headfile import read_head, save_head
from napari_medfm.verbs.predicting import predict_plane
from napari_medfm.verbs.training import RECIPES, train


def fit(examples, classes, recipe, rest=()):
    steps = train(examples, classes, recipe, rest, card={"encoder": {"name": "toy"}})
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


@pytest.fixture
def ridge(examples, classes):
    return fit(examples, classes, "ridge")


@pytest.fixture
def saved(ridge, tmp_path):
    return save_head(tmp_path / "x.head.safetensors", ridge)


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_survives_bit_for_bit(
    recipe, examples, classes, planes, rest, tmp_path
):
    model = fit(examples, classes, recipe, rest)
    path = save_head(tmp_path / "x.head.safetensors", model)
    again = read_head(path)
    assert again.card == model.card
    assert (again.recipe, again.classes, again.bias, again.smoothing) == (
        model.recipe,
        model.classes,
        model.bias,
        model.smoothing,
    )
    for name, array in model.tensors().items():
        assert again.tensors()[name].tobytes() == array.tobytes()
    for mine, theirs in zip(
        predict_plane(model, planes["a"]), predict_plane(again, planes["a"])
    ):
        assert mine.tobytes() == theirs.tobytes()
    copy = save_head(tmp_path / "y.head.safetensors", again)
    assert copy.read_bytes() == path.read_bytes()


def test_the_safetensors_library_reads_the_same_numbers(saved, ridge):
    from safetensors import safe_open
    from safetensors.numpy import load_file

    found = load_file(saved)
    assert found.keys() == ridge.tensors().keys()
    assert np.array_equal(found["expert0.coef"], ridge.experts[0].head.coef_)
    with safe_open(saved, "numpy") as file:
        described = json.loads(file.metadata()["napari-medfm"])
    assert described["card"] == ridge.card


def test_a_file_by_the_safetensors_library_is_read(saved, ridge, tmp_path):
    from safetensors import safe_open
    from safetensors.numpy import load_file, save_file

    with safe_open(saved, "numpy") as file:
        metadata = file.metadata()
    path = tmp_path / "other.head.safetensors"
    save_file(load_file(saved), path, metadata)
    assert read_head(path).tensors().keys() == ridge.tensors().keys()


def test_a_pickle_is_never_run(tmp_path):
    canary = tmp_path / "sang"
    path = tmp_path / "x.head.safetensors"
    path.write_bytes(f"cbuiltins\nopen\n(V{canary}\nVw\ntR.".encode())
    with pytest.raises(BadFile, match="not a head file"):
        read_head(path)
    assert not canary.exists()


def rewritten(path, change):
    """Take a head apart, change its header and description, and put it together."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    described = json.loads(header["__metadata__"]["napari-medfm"])
    body = change(header, described, content[8 + length :])
    header["__metadata__"]["napari-medfm"] = json.dumps(described)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)


def poisoned(name, value):
    def change(header, described, body):
        body = bytearray(body)
        start, stop = header[name]["data_offsets"]
        kind = {"F32": "<f4", "F64": "<f8"}[header[name]["dtype"]]
        array = np.frombuffer(bytes(body[start:stop]), kind).copy()
        array[0] = value
        body[start:stop] = array.tobytes()
        return bytes(body)

    return change


def in_header(name, **entries):
    def change(header, described, body):
        header[name].update(entries)
        return body

    return change


def in_card(**entries):
    def change(header, described, body):
        described.update(entries)
        return body

    return change


def without(name):
    def change(header, described, body):
        header.pop(name, None)
        described.pop(name, None)
        return body

    return change


@pytest.mark.parametrize(
    "change",
    [
        poisoned("expert0.coef", np.nan),
        poisoned("expert0.intercept", np.inf),
        in_header("expert0.coef", dtype="F64"),
        in_header("expert0.coef", dtype="BF16"),
        in_header("expert0.coef", shape=[10**9, 10**9]),
        in_header("expert0.coef", shape=[-1, 4]),
        in_header("expert0.coef", shape=[True, 4]),
        in_header("expert0.coef", data_offsets=[0, 2**62]),
        in_header("expert0.coef", data_offsets="all"),
        in_header("expert0.coef", extra=1),
        in_card(schema=2),
        in_card(schema="1"),
        in_card(kind="model"),
        in_card(experts=[]),
        in_card(experts=[{"features": "tokens", "head": "os.system", "weight": 1.0}]),
        in_card(experts=[{"features": "secrets", "head": "ridge", "weight": 1.0}]),
        in_card(experts=[{"features": ["tokens"], "head": "ridge", "weight": 1.0}]),
        in_card(experts=[{"features": "tokens", "head": "ridge", "weight": True}]),
        in_card(experts=[{"features": "tokens", "head": "ridge", "weight": -1}]),
        in_card(classes=[]),
        in_card(classes=[{"name": "a", "value": 1, "colour": "#fff"}] * 2),
        in_card(classes=[{"name": "a", "value": v, "colour": "#f"} for v in (0, 3)]),
        in_card(smoothing=10**6),
        in_card(card=[]),
        in_card(recipe=None),
        without("bias"),
        without("expert0.coef"),
        without("smoothing"),
        without("card"),
        lambda header, described, body: body + b"more",
        lambda header, described, body: body[:-8],
    ],
)
def test_a_changed_file_is_refused(saved, change):
    rewritten(saved, change)
    with pytest.raises(BadFile, match="not a head file"):
        read_head(saved)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"12345678",
        (2**63).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        (2).to_bytes(8, "little") + b"{}",
        (100000).to_bytes(8, "little") + b"[" * 100000,
        (12).to_bytes(8, "little") + b'{"a":1,"a":2}'[:12],
        b"PK\x03\x04" + bytes(60),
    ],
)
def test_other_files_are_refused(content, tmp_path):
    path = tmp_path / "x.head.safetensors"
    path.write_bytes(content)
    with pytest.raises(BadFile):
        read_head(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(BadFile, match="Cannot read"):
        read_head(tmp_path / "nowhere.head.safetensors")
    with pytest.raises(BadFile):
        read_head(tmp_path)


def test_a_folder_that_is_a_file_cannot_be_written_to(ridge, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(WriteFailed):
        save_head(tmp_path / "file" / "x.head.safetensors", ridge)


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_mutated_bytes_are_refused_or_read(saved, tmp_path, data):
    content = bytearray(saved.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(content) - 1))
        content[position] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content)))]
    path = tmp_path / "mutated.head.safetensors"
    path.write_bytes(bytes(content))
    try:
        model = read_head(path)
    except BadFile:
        return
    assert all(
        np.isfinite(array).all()
        for array in model.tensors().values()
        if array.dtype.kind == "f"
    )


def test_huge_experts_are_not_followed(saved, ridge, tmp_path):
    many = replace(ridge, experts=ridge.experts * 20)
    path = save_head(tmp_path / "many.head.safetensors", many)
    with pytest.raises(BadFile, match="experts"):
        read_head(path)
