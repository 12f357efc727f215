import json
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_medfm.core.geometry import Grid
from napari_medfm.core.results import Embedding
from napari_medfm.engine import entries, rawzarr
from napari_medfm.engine.store import EmbeddingStore

GRID = Grid(10, 12, (3.5, 3.4999999999), (-0.75, 1 / 3))


def embedding(number=0, shape=(10, 12, 2, 6)):
    layers = np.random.default_rng(number).normal(size=shape).astype(np.float16)
    grid = Grid(shape[0], shape[1], GRID.stride, GRID.offset)
    return Embedding(layers, grid, f"{number:064x}", "toy")


def same(one, other):
    return (
        one.layers.tobytes() == other.layers.tobytes()
        and (one.layers.shape, one.grid, one.key, one.encoder)
        == (other.layers.shape, other.grid, other.key, other.encoder)
        and one.layers.dtype == np.float16
    )


@pytest.fixture
def store(tmp_path):
    return EmbeddingStore(tmp_path / "embeddings")


@pytest.fixture
def entry(store):
    """An embedding in the store, and its folder."""
    item = embedding()
    store.put(item)
    return item, store.root / item.key


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(rawzarr, "_CHUNK_BYTES", 900)


def test_what_is_put_comes_back_in_another_program(store, entry):
    again = EmbeddingStore(store.root)
    assert same(again.get(entry[0].key), entry[0])
    assert again.get("f" * 64) is None


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.tuples(*[st.integers(1, 9)] * 4))
def test_any_shape_comes_back_in_chunks(small_chunks, tmp_path, shape):
    store, item = EmbeddingStore(tmp_path), embedding(sum(shape), shape)
    store.put(item)
    assert same(store.get(item.key), item)
    shutil.rmtree(tmp_path / item.key)


def test_it_is_an_ordinary_zarr_array(entry):
    import zarr

    array = zarr.open_array(entry[1] / "layers.zarr", mode="r")
    assert array.metadata.zarr_format == 3
    assert array.dtype == np.float16
    np.testing.assert_array_equal(array[...], entry[0].layers)


def test_memory_only(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = EmbeddingStore(None, max_bytes=3 * embedding().layers.nbytes)
    for number in range(4):
        store.put(embedding(number))
    assert store.get(embedding(0).key) is None
    assert same(store.get(embedding(1).key), embedding(1))
    store.put(embedding(4))
    assert store.get(embedding(2).key) is None
    assert store.get(embedding(1).key) is not None
    assert list(tmp_path.iterdir()) == []


def test_the_least_recently_used_go_first(store):
    size = None
    for number in range(4):
        item = embedding(number)
        store.put(item)
        folder = store.root / item.key
        size = entries.size_of(folder)
        os.utime(folder, (1000 + number, 1000 + number))
    assert store.get(embedding(0).key) is not None
    store.max_bytes = int(3.5 * size)
    store.put(embedding(9))
    there = [n for n in (0, 1, 2, 3, 9) if store.get(embedding(n).key) is not None]
    assert there == [0, 3, 9]


def test_the_newest_stays_even_when_it_is_too_large(tmp_path):
    store = EmbeddingStore(tmp_path, max_bytes=10)
    store.put(embedding(1))
    store.put(embedding(2))
    assert store.get(embedding(1).key) is None
    assert store.get(embedding(2).key) is not None


def test_a_folder_is_not_measured_for_each_embedding(store, monkeypatch):
    listed = []
    monkeypatch.setattr(
        "napari_medfm.engine.store.is_entry",
        lambda path: listed.append(path) or entries.is_entry(path),
    )
    for number in range(40):
        store.put(embedding(number))
    assert len(listed) <= 40
    size = entries.size_of(store.root / embedding(0).key)
    store.max_bytes = int(10.5 * size)
    for number in range(40, 80):
        store.put(embedding(number))
        assert sum(map(entries.size_of, store.root.iterdir())) <= store.max_bytes


def test_leftovers_of_a_killed_program_go_after_a_day(store):
    old, fresh = store.root / ".writing-old", store.root / ".writing-new"
    for folder in (old, fresh):
        folder.mkdir(parents=True)
        (folder / "x").write_bytes(b"x")
    os.utime(old, (1000, 1000))
    store.put(embedding())
    assert not old.exists()
    assert fresh.exists()


def change_header(folder, **facts):
    path = folder / "header.json"
    header = json.loads(path.read_text())
    header.update(facts)
    path.write_text(json.dumps(header))


def change_array(folder, **facts):
    path = folder / "layers.zarr" / "zarr.json"
    told = json.loads(path.read_text())
    told.update(facts)
    path.write_text(json.dumps(told))


def chunk_of(folder):
    return next(p for p in (folder / "layers.zarr" / "c").rglob("*") if p.is_file())


def codec(name, **configuration):
    return [{"name": name, "configuration": configuration}]


def flip_a_byte(folder):
    chunk = chunk_of(folder)
    content = bytearray(chunk.read_bytes())
    content[7] ^= 1
    chunk.write_bytes(content)


DAMAGE = {
    "a flipped bit": flip_a_byte,
    "a truncated chunk": lambda f: os.truncate(chunk_of(f), 100),
    "a missing chunk": lambda f: chunk_of(f).unlink(),
    "no header": lambda f: (f / "header.json").unlink(),
    "an empty header": lambda f: (f / "header.json").write_bytes(b""),
    "a header of noise": lambda f: (f / "header.json").write_bytes(b"\xff\x80\x04"),
    "a header that is a list": lambda f: (f / "header.json").write_text("[]"),
    "a deep header": lambda f: (f / "header.json").write_text("[" * 60_000),
    "a giant header": lambda f: (f / "header.json").write_text(" " * 100_000),
    "another key": lambda f: change_header(f, key="0" * 63 + "1"),
    "another format": lambda f: change_header(f, format=2),
    "another shape": lambda f: change_header(f, shape=[12, 10, 2, 6]),
    "a giant shape": lambda f: change_header(f, shape=[1 << 20, 1 << 20, 2, 6]),
    "a negative shape": lambda f: change_header(f, shape=[-1, -1, 2, 6]),
    "a shape of words": lambda f: change_header(f, shape=["a"] * 4),
    "no grid": lambda f: change_header(f, stride=None),
    "a stride of zero": lambda f: change_header(f, stride=[0.0, 1.0]),
    "an infinite offset": lambda f: change_header(f, offset=[float("inf"), 1.0]),
    "an encoder that is no name": lambda f: change_header(f, encoder={"a": 1}),
    "another digest": lambda f: change_header(f, sha256="0" * 64),
    "no array": lambda f: shutil.rmtree(f / "layers.zarr"),
    "a larger array": lambda f: change_array(f, shape=[1 << 20, 1 << 20, 2, 6]),
    "another type": lambda f: change_array(f, data_type="int16"),
    "a pickle codec": lambda f: change_array(f, codecs=codec("numcodecs.pickle")),
    "a compressor": lambda f: change_array(f, codecs=codec("zstd", level=1)),
    "an unknown codec": lambda f: change_array(f, codecs=codec("os.system")),
    "a transformer": lambda f: change_array(f, storage_transformers=codec("x")),
    "an old array": lambda f: change_array(f, zarr_format=2),
    "a link": lambda f: (f / "link").symlink_to("/etc/passwd"),
    "a pipe": lambda f: os.mkfifo(f / "pipe"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_entry_is_none_and_gone(store, entry, damage):
    DAMAGE[damage](entry[1])
    assert store.get(entry[0].key) is None
    assert not entry[1].exists()
    store.put(entry[0])
    assert same(store.get(entry[0].key), entry[0])


class Canary:
    """Leaves a folder behind when unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_an_entry_with_pickles_in_every_place_runs_nothing(store, tmp_path):
    import zarr
    from torch import save

    canary, item = tmp_path / "canary", embedding()
    evil = tmp_path / "evil"
    save({"a": Canary(canary)}, evil)
    for place in ("header.json", "layers.zarr/zarr.json", "layers.zarr/c/0/0/0/0"):
        store.put(item)
        (store.root / item.key / place).write_bytes(evil.read_bytes())
        assert store.get(item.key) is None
    store.put(item)
    folder = store.root / item.key / "layers.zarr"
    shutil.rmtree(folder)
    zarr.create_array(folder, shape=(10, 12, 2, 6), dtype="f2", zarr_format=2)
    meta = json.loads((folder / ".zarray").read_text())
    meta["filters"] = [{"id": "pickle", "protocol": 5}]
    (folder / ".zarray").write_text(json.dumps(meta))
    (folder / ".".join("0000")).write_bytes(evil.read_bytes())
    assert store.get(item.key) is None
    assert not canary.exists()


def test_a_link_in_an_entrys_place_is_unlinked_not_followed(store, tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_bytes(b"x")
    store.root.mkdir()
    (store.root / embedding().key).symlink_to(precious)
    assert store.get(embedding().key) is None
    assert (precious / "file").exists()
    assert not (store.root / embedding().key).is_symlink()


@pytest.mark.parametrize("key", ["../../outside", "/etc/passwd", "..", "", "toy"])
def test_a_key_never_leaves_the_folder(store, tmp_path, key):
    item = embedding()
    odd = Embedding(item.layers, item.grid, key, item.encoder)
    store.put(odd)
    assert same(store.get(key), odd)
    (header,) = tmp_path.rglob("header.json")
    assert header.parent.parent == store.root


def test_many_writers_and_readers_at_once(store, small_chunks):
    stores = [store, EmbeddingStore(store.root), EmbeddingStore(store.root)]
    wrong = []

    def work(number):
        item, mine = embedding(number % 3), stores[number % len(stores)]
        mine.put(item)
        found = mine.get(item.key)
        if found is not None and not same(found, item):
            wrong.append(number)
        return found is not None

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(48)))
    assert wrong == []
    assert not [p for p in store.root.iterdir() if p.name.startswith(".writing-")]
    assert threading.active_count() < 60


def test_a_disk_that_cannot_take_it_leaves_it_in_memory(tmp_path, caplog):
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    store = EmbeddingStore(blocked / "embeddings")
    store.put(embedding())
    assert same(store.get(embedding().key), embedding())
    assert "Could not keep an embedding" in caplog.text


def test_a_write_that_fails_midway_leaves_nothing(store, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(entries, "sync_files", full)
    store.put(embedding())
    assert list(Path(store.root).iterdir()) == []
    assert same(store.get(embedding().key), embedding())
