"""The cache: counted, cleared, moved; nothing of the user's is ever touched."""

import hashlib

import numpy as np
import pytest
from toys import ToyEncoder, ToySegmenter

from napari_medfm import Session
from napari_medfm.core.errors import BadInput, WriteFailed
from napari_medfm.core.jobs import finished
from napari_medfm.engine import cacheplace
from napari_medfm.engine.cacheplace import (
    clear_embeddings,
    holdings,
    move_cache,
)
from napari_medfm.engine.store import EmbeddingStore


@pytest.fixture
def cache(tmp_path):
    """An embedding, weights, a prediction of a slide, and things of others."""
    folder = tmp_path / "old"
    session = Session(ToyEncoder(), ToySegmenter(), cache_dir=folder)
    session.add_image(np.random.default_rng(0).random((56, 56)), name="x")
    session.embed("x")
    (folder / "weights" / "toy").mkdir(parents=True)
    (folder / "weights" / "toy" / "model.safetensors").write_bytes(bytes(3000))
    (folder / "own-models").mkdir()
    (folder / "own-models" / "mine.json").write_text("{}")
    shown = folder / "embeddings" / hashlib.sha256(b"slide").hexdigest()
    (shown / "labels.zarr").mkdir(parents=True)
    (shown / "labels.zarr" / "c").write_bytes(bytes(100))
    (folder / "embeddings" / "thesis").mkdir()
    (folder / "embeddings" / "thesis" / "chapter.txt").write_text("mine")
    (folder / "notes.txt").write_text("mine")
    return folder


def files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_count(cache):
    held = finished(holdings(cache))
    assert (held.models, held.weights, held.entries) == (1, 3000, 2)
    assert held.embeddings > 1000
    assert held.free > 0


def test_nothing_there(tmp_path):
    held = finished(holdings(tmp_path / "nowhere"))
    assert (held.models, held.entries, held.weights, held.embeddings) == (0, 0, 0, 0)


def test_clear_removes_embeddings_alone(cache):
    before, held = files(cache), finished(holdings(cache))
    gone = finished(clear_embeddings(cache))
    assert gone == held.embeddings - 100
    lost = set(before) - set(files(cache))
    assert lost
    assert all(name.startswith("embeddings/") for name in lost)
    assert not any("thesis" in name or "labels.zarr" in name for name in lost)


def test_work_goes_on_after_a_clear(tmp_path):
    encoder = ToyEncoder()
    session = Session(encoder, ToySegmenter(), cache_dir=tmp_path / "old")
    session.add_image(np.random.default_rng(0).random((56, 56)), name="x")
    before = session.similarity("x", at=[(9, 9)])["x"]
    finished(clear_embeddings(tmp_path / "old"))
    session.workspace.keep_embeddings_in(tmp_path / "old" / "embeddings")
    assert np.array_equal(session.similarity("x", at=[(9, 9)])["x"], before)


def other_disk(monkeypatch):
    """Let only what was copied be renamed, as between two disks."""
    rename = cacheplace.Path.rename

    def renamed(path, target):
        if ".writing-" not in str(path):
            raise OSError(18, "Invalid cross-device link")
        return rename(path, target)

    monkeypatch.setattr(cacheplace.Path, "rename", renamed)


@pytest.mark.parametrize("far", [False, True])
def test_move(cache, tmp_path, monkeypatch, far):
    before, new = files(cache), tmp_path / "new"
    if far:
        other_disk(monkeypatch)
    found = finished(move_cache(cache, new))
    assert found.left == ()
    after, stayed = files(new), files(cache)
    assert {**after, **stayed} == before
    assert not set(after) & set(stayed)
    assert "weights/toy/model.safetensors" in after
    assert "own-models/mine.json" in after
    assert all("thesis" in n or "labels.zarr" in n or n == "notes.txt" for n in stayed)
    assert found.nbytes == sum(map(len, after.values()))
    assert not [path for path in new.rglob("*") if path.name.startswith(".writing")]


def test_what_is_there_already_stays(cache, tmp_path):
    new = tmp_path / "new"
    (new / "weights" / "toy").mkdir(parents=True)
    (new / "weights" / "toy" / "model.safetensors").write_bytes(b"other")
    found = finished(move_cache(cache, new))
    assert found.left == ("weights/toy",)
    assert (new / "weights/toy/model.safetensors").read_bytes() == b"other"
    assert (cache / "weights/toy/model.safetensors").stat().st_size == 3000


def test_stopped_at_any_moment_each_thing_is_whole_at_one_place(
    cache, tmp_path, monkeypatch
):
    other_disk(monkeypatch)
    before = files(cache)
    for stop in range(1, 40):
        steps = move_cache(cache, tmp_path / f"new{stop}")
        ended = True
        for _ in range(stop):
            ended = next(steps, None) is None
        steps.close()
        new = tmp_path / f"new{stop}"
        assert {**files(cache), **files(new)} == before
        if ended:
            break
        finished(move_cache(new, cache))
    assert ended
    assert stop > 3


def test_places_inside_each_other_are_refused(cache, tmp_path):
    for new in (cache, cache / "weights", tmp_path):
        with pytest.raises(BadInput, match="lie in one another"):
            finished(move_cache(cache, new))


def test_a_place_that_cannot_be_written_is_refused(cache, tmp_path):
    before = files(cache)
    (tmp_path / "plain").write_text("")
    with pytest.raises(WriteFailed, match="Nothing can be written in"):
        finished(move_cache(cache, tmp_path / "plain" / "new"))
    assert files(cache) == before


def test_a_full_cache_never_removes_what_others_put_there(cache):
    store = EmbeddingStore(cache / "embeddings", max_bytes=1)
    session = Session(ToyEncoder(), ToySegmenter(), cache_dir=cache)
    session.workspace.planes.store.max_bytes = store.max_bytes
    session.add_image(np.random.default_rng(1).random((56, 56)), name="y")
    session.embed("y")
    assert (cache / "embeddings" / "thesis" / "chapter.txt").read_text() == "mine"
    assert finished(holdings(cache)).entries == 1
