import json
import os
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_medfm.core.errors import BadFile
from napari_medfm.engine.weightfiles import hash_of_tensors, write_tensors
from napari_medfm.engine.weights import read_tensors, sha256_of


class Canary:
    """Leaves a file behind when unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture(scope="module")
def tensors():
    import torch

    return {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(4)}


def save(content, path, **how):
    import torch
    from safetensors.torch import save_file

    if path.suffix == ".safetensors" and not how:
        save_file(content, path)
    else:
        torch.save(content, path, **how)


def same(found, tensors):
    return {name: value.tolist() for name, value in found.items()} == {
        name: value.tolist() for name, value in tensors.items()
    }


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".pt", ".bin", ".ckpt"])
def test_tensors_come_back(tensors, tmp_path, suffix):
    path = tmp_path / f"weights{suffix}"
    save(tensors, path)
    assert same(read_tensors(path), tensors)


@pytest.mark.parametrize("wrapper", ["model", "state_dict", "teacher"])
def test_of_a_checkpoint_only_the_model_is_taken(tensors, tmp_path, wrapper):
    path = tmp_path / "checkpoint.pth"
    save({"epoch": 3, wrapper: tensors}, path)
    assert same(read_tensors(path), tensors)


def test_the_same_tensors_give_the_same_bytes_and_hash(tensors, tmp_path):
    for name in ("one", "two"):
        write_tensors(tmp_path / f"{name}.safetensors", tensors)
    digest = sha256_of(tmp_path / "one.safetensors")
    assert digest == sha256_of(tmp_path / "two.safetensors")
    assert digest == hash_of_tensors(dict(reversed(tensors.items())))


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("suffix", [".pth", ".pt", ".bin", ".ckpt", ".safetensors"])
def test_code_in_a_file_never_runs(tensors, tmp_path, suffix, legacy):
    canary, path = tmp_path / "canary", tmp_path / f"evil{suffix}"
    content = {**tensors, "c": Canary(canary)}
    save(content, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(BadFile, match="cannot be read as weights"):
        read_tensors(path)
    assert not canary.exists()


def test_a_truncated_file_is_refused(tensors, tmp_path):
    for suffix in (".safetensors", ".pth"):
        path = tmp_path / f"weights{suffix}"
        save(tensors, path)
        whole = path.read_bytes()
        for size in (0, 4, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:size])
            with pytest.raises(BadFile):
                read_tensors(path)


@pytest.mark.parametrize("size", [2**63, 2**40, 101_000_000])
def test_a_giant_header_is_refused_without_asking_for_memory(tmp_path, size):
    path = tmp_path / "giant.safetensors"
    path.write_bytes(struct.pack("<Q", size) + b"{}")
    with pytest.raises(BadFile):
        read_tensors(path)


def test_a_giant_tensor_is_refused(tmp_path):
    shape = [1 << 20, 1 << 20]
    entry = {"dtype": "F32", "shape": shape, "data_offsets": [0, 4 << 40]}
    header = json.dumps({"a": entry}).encode()
    path = tmp_path / "giant.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"0000")
    with pytest.raises(BadFile):
        read_tensors(path)


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, 1.0, {"model": 1}])
def test_a_file_without_named_tensors_is_refused(tmp_path, content):
    path = tmp_path / "odd.pth"
    save(content, path)
    with pytest.raises(BadFile, match="no named tensors"):
        read_tensors(path)


def test_other_files_are_refused_with_the_way_out(tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(b"x")
    with pytest.raises(BadFile, match=r"\.safetensors and"):
        read_tensors(path)
    with pytest.raises(BadFile, match="not a file"):
        read_tensors(tmp_path / "none.pth")


def test_an_unsafe_torch_is_not_used(tensors, tmp_path, monkeypatch):
    path = tmp_path / "weights.pth"
    save(tensors, path)
    monkeypatch.setattr("torch.__version__", "2.9.1")
    with pytest.raises(BadFile, match=r"torch 2\.10"):
        read_tensors(path)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.binary(max_size=300), st.sampled_from([".safetensors", ".pth", ".pt"]))
def test_any_bytes_give_a_message(tmp_path, content, suffix):
    path = tmp_path / f"fuzz{suffix}"
    path.write_bytes(content)
    with pytest.raises(BadFile) as caught:
        read_tensors(path)
    assert "\n" not in str(caught.value)
