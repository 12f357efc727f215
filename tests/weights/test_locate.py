from pathlib import Path

import numpy as np
import pytest
from platformdirs import user_cache_dir
from safetensors.numpy import save_file

from napari_medfm.core.errors import BadFile, MissingWeights, WriteFailed
from napari_medfm.core.specs import Source
from napari_medfm.engine.weights import (
    cache_folder,
    import_file,
    is_here,
    is_offline,
    locate,
    read_tensors,
    sha256_of,
    weights_hash,
)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine" / "weights.safetensors"
    path.parent.mkdir()
    save_file({"a": np.ones(3, np.float32)}, path)
    return path


def test_the_cache_folder_is_given_or_named_or_the_users(tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_MEDFM_CACHE", str(tmp_path / "named"))
    assert cache_folder(tmp_path) == tmp_path
    assert cache_folder(None) == tmp_path / "named"
    monkeypatch.delenv("NAPARI_MEDFM_CACHE")
    assert cache_folder(None) == Path(user_cache_dir("napari-medfm", False))


@pytest.mark.parametrize("name", ["NAPARI_MEDFM_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline_is_given_or_from_the_environment(monkeypatch, name):
    for other in ("NAPARI_MEDFM_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(other, raising=False)
    assert not is_offline(None)
    for value, meaning in (("1", True), ("True", True), ("0", False), ("", False)):
        monkeypatch.setenv(name, value)
        assert is_offline(None) is meaning
    assert is_offline(True)
    assert not is_offline(False)


def test_missing_weights_say_what_to_do(model, tmp_path):
    source = Source("hub", "owner/toy", "model.safetensors", size=90_000_000)
    with pytest.raises(MissingWeights) as caught:
        locate(model(source), cache_dir=tmp_path)
    said = str(caught.value)
    assert "napari-medfm models fetch toy-model" in said
    assert "90 MB, from huggingface.co; licence MIT" in said
    assert "models import toy-model FILE" in said
    with pytest.raises(MissingWeights, match=r"Ask for access at https://example"):
        locate(model(source, gated=True), cache_dir=tmp_path)
    with pytest.raises(MissingWeights, match="models import toy-model FILE"):
        locate(model(), cache_dir=tmp_path)


def test_a_named_file_wins_over_the_cache(model, file, tmp_path):
    spec = model()
    cached = import_file(spec, file, cache_dir=tmp_path / "cache")
    assert locate(spec, cache_dir=tmp_path / "cache") == cached
    assert is_here(spec, cache_dir=tmp_path / "cache")
    assert locate(spec, weights=file, cache_dir=tmp_path / "cache") == file
    assert locate(spec, weights=file.parent, cache_dir=tmp_path / "cache") == file


def test_a_named_place_without_one_file_is_refused(model, file, tmp_path):
    with pytest.raises(MissingWeights, match="does not exist"):
        locate(model(), weights=tmp_path / "none.pth")
    with pytest.raises(MissingWeights, match="holds 0 weights files"):
        locate(model(), weights=tmp_path)
    (file.parent / "second.pth").write_bytes(b"")
    with pytest.raises(MissingWeights, match="holds 2 weights files"):
        locate(model(), weights=file.parent)
    known = model(Source("hub", "owner/toy", "weights.safetensors"))
    assert locate(known, weights=file.parent) == file


def test_the_same_weights_have_the_same_hash_wherever_they_are_read(
    model, file, tmp_path
):
    cached = import_file(model(), file, cache_dir=tmp_path)
    import torch

    pickled = tmp_path / "weights.pth"
    torch.save(read_tensors(file), pickled)
    digest = sha256_of(cached)
    for path in (cached, file, pickled):
        assert weights_hash(path, read_tensors(path)) == digest


def test_a_bad_file_leaves_the_cache_alone(model, file, tmp_path):
    cached = import_file(model(), file, cache_dir=tmp_path)
    before = cached.read_bytes()
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(b"nothing")
    with pytest.raises(BadFile):
        import_file(model(), bad, cache_dir=tmp_path)
    assert cached.read_bytes() == before


def test_a_cache_that_is_a_file_is_a_clear_error(model, file, tmp_path):
    blocked = tmp_path / "blocked"
    blocked.write_bytes(b"")
    with pytest.raises(WriteFailed):
        import_file(model(), file, cache_dir=blocked)
