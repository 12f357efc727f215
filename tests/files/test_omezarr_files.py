"""Groups written by zarr itself, of both versions; hostile ones by hand."""

import json
import os
import pickle  # noqa: TID251
import struct
import zlib

import numcodecs
import numpy as np
import pytest
import zarr  # noqa: TID253

from napari_medfm.core.errors import BadFile, BadInput
from napari_medfm.readers import read_image, reader_of
from napari_medfm.readers.napari_reader import napari_get_reader

RNG = np.random.default_rng(0)
VOLUME = RNG.integers(0, 3000, (6, 32, 48)).astype(np.uint16)
UNITS = {"z": "micrometer", "y": "micrometer", "x": "micrometer"}


def make(path, version=3, array=VOLUME, axes="zyx", steps=(2, 0.5, 0.25), **options):
    """A two-level image with spacing, and an origin off zero."""
    group = zarr.open_group(path, mode="w", zarr_format=version)
    datasets = []
    for level in range(2):
        key = tuple(
            slice(None, None, 2**level) if a in "yx" else slice(None) for a in axes
        )
        part = array[key]
        chunks = tuple(min(16, n) for n in part.shape)
        made = group.create_array(
            f"s{level}", shape=part.shape, dtype=part.dtype, chunks=chunks, **options
        )
        made[...] = part
        scale = [s * (2**level if a in "yx" else 1) for s, a in zip(steps, axes)]
        shift = [10.0 * (a in "zyx") for a in axes]
        datasets.append(
            {
                "path": f"s{level}",
                "coordinateTransformations": [
                    {"type": "scale", "scale": scale},
                    {"type": "translation", "translation": shift},
                ],
            }
        )
    named = [
        {"name": a, **({"unit": UNITS[a], "type": "space"} if a in UNITS else {})}
        for a in axes
    ]
    facts = {
        "multiscales": [{"version": "0.4", "axes": named, "datasets": datasets}],
        "omero": {"channels": [{"window": {"start": 5, "end": 900}}]},
    }
    group.attrs.update({"ome": {"version": "0.5", **facts}} if version == 3 else facts)
    return path


@pytest.mark.parametrize("version", [2, 3])
def test_levels_spacing_and_place(tmp_path, version):
    path = make(tmp_path / "a.ome.zarr", version)
    assert reader_of(path).name == "ome-zarr"
    loaded = read_image(path)
    np.testing.assert_array_equal(loaded.data, VOLUME)
    np.testing.assert_array_equal(loaded.data[2, 3:9], VOLUME[2, 3:9])
    np.testing.assert_array_equal(loaded.data[..., 1], VOLUME[..., 1])
    assert [level.shape for level in loaded.levels] == [(6, 16, 24)]
    assert loaded.spacing == (2, 0.5, 0.25)
    np.testing.assert_array_equal(
        loaded.affine, [[2, 0, 0, 10], [0, 0.5, 0, 10], [0, 0, 0.25, 10], [0, 0, 0, 1]]
    )
    assert loaded.metadata["unit"] == "um"
    assert loaded.metadata["window"] == (5, 900)


def test_time_and_depth_of_one_are_dropped(tmp_path):
    array = RNG.integers(0, 255, (1, 2, 1, 32, 48)).astype(np.uint8)
    path = make(tmp_path / "a.zarr", 3, array, "tczyx", (1, 1, 3, 0.5, 0.25))
    loaded = read_image(path)
    assert (loaded.data.shape, loaded.channel_axis) == ((2, 32, 48), 0)
    np.testing.assert_array_equal(loaded.data[1, 4], array[0, 1, 0, 4])
    assert loaded.spacing == (0.5, 0.25)
    assert loaded.levels[0].shape == (2, 16, 24)


def test_several_times_are_refused(tmp_path):
    array = np.zeros((3, 32, 48), np.uint8)
    path = make(tmp_path / "a.zarr", 2, array, "tyx", (1, 1, 1))
    with pytest.raises(BadInput, match="one time point"):
        read_image(path)


def test_it_is_dropped_on_napari(tmp_path):
    path = make(tmp_path / "a.zarr")
    (levels, shown, kind), *more = napari_get_reader(str(path))(str(path))
    assert (kind, shown["multiscale"], shown["scale"]) == (
        "image",
        True,
        (2, 0.5, 0.25),
    )
    assert len(levels) == 2
    assert not more


@pytest.mark.parametrize(
    "relative",
    ["../b.zarr/s0", "/etc", "http://a/b", "s3://a/b", "..", ".", "", "a\\b"],
)
def test_a_path_out_of_the_folder_is_refused(tmp_path, relative):
    make(tmp_path / "b.zarr", 2)
    path = make(tmp_path / "a.zarr", 2)
    facts = json.loads((path / ".zattrs").read_text())
    facts["multiscales"][0]["datasets"][0]["path"] = relative
    (path / ".zattrs").write_text(json.dumps(facts))
    with pytest.raises(BadFile, match="only its own folders"):
        read_image(path)


def test_a_level_that_is_a_link_is_refused(tmp_path):
    make(tmp_path / "b.zarr", 2)
    path = make(tmp_path / "a.zarr", 2)
    (path / "s0").rename(path / "old")
    (path / "s0").symlink_to(tmp_path / "b.zarr" / "s0")
    with pytest.raises(BadFile, match="link"):
        read_image(path)


def test_a_chunk_that_is_a_link_is_refused(tmp_path):
    path = make(tmp_path / "a.zarr", 2)
    chunk = path / "s0" / "0.0.0"
    chunk.unlink()
    chunk.symlink_to("/dev/zero")
    loaded = read_image(path)
    with pytest.raises(BadFile, match="link"):
        loaded.data[0]


class Canary:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("place", ["compressor", "filters"])
@pytest.mark.parametrize("dtype", ["|O", "<u2"])
def test_a_pickle_codec_never_runs(tmp_path, place, dtype, monkeypatch):
    allowed = "ALLOW_UNSAFE_PICKLE_DECODE"  # newer versions of numcodecs ask first
    monkeypatch.setattr(numcodecs.pickles, allowed, True, raising=False)
    path = make(tmp_path / "a.zarr", 2)
    facts = json.loads((path / "s0" / ".zarray").read_text())
    codec = {"id": "pickle", "protocol": 5}
    facts[place] = codec if place == "compressor" else [codec]
    facts["dtype"] = dtype
    (path / "s0" / ".zarray").write_text(json.dumps(facts))
    (path / "s0" / "0.0.0").write_bytes(pickle.dumps(Canary(tmp_path / "ran")))
    with pytest.raises(BadFile, match=r"packed by 'pickle'|not numbers"):
        np.asarray(read_image(path).data)
    assert not (tmp_path / "ran").exists()
    numcodecs.Pickle().decode((path / "s0" / "0.0.0").read_bytes())
    assert (tmp_path / "ran").exists()


def test_an_unknown_codec_of_version_3_is_refused(tmp_path):
    path = make(tmp_path / "a.zarr")
    facts = json.loads((path / "s0" / "zarr.json").read_text())
    facts["codecs"].append({"name": "numcodecs.pickle", "configuration": {}})
    (path / "s0" / "zarr.json").write_text(json.dumps(facts))
    with pytest.raises(BadFile, match=r"numcodecs\.pickle"):
        read_image(path)


BOMBS = {
    "zlib": lambda n: zlib.compress(bytes(n)),
    "gzip": lambda n: numcodecs.GZip().encode(bytes(n)),
    "zstd": lambda n: numcodecs.Zstd().encode(bytes(n)),
    "blosc": lambda n: numcodecs.Blosc("zstd").encode(np.zeros(n, np.uint8)),
    "lz4": lambda n: numcodecs.LZ4().encode(bytes(n)),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_not_unpacked(tmp_path, name):
    codec = {"zlib": numcodecs.Zlib, "gzip": numcodecs.GZip, "zstd": numcodecs.Zstd}
    codec |= {"blosc": numcodecs.Blosc, "lz4": numcodecs.LZ4}
    path = make(tmp_path / "a.zarr", 2, compressors=codec[name]())
    loaded = read_image(path)
    np.testing.assert_array_equal(loaded.data, VOLUME)
    (path / "s0" / "0.0.0").write_bytes(BOMBS[name](20_000_000))
    with pytest.raises(BadFile, match=r"unpacks to more|larger than"):
        loaded.data[0]


@pytest.mark.parametrize("said", [0, 15, 2**20, 2**31, 2**32 - 1])
def test_a_blosc_chunk_that_is_not_as_long_as_it_says_is_never_unpacked(tmp_path, said):
    path = make(tmp_path / "a.zarr", 2, compressors=numcodecs.Blosc())
    loaded = read_image(path)
    chunk = path / "s0" / "0.0.0"
    content = bytearray(chunk.read_bytes())
    content[12:16] = said.to_bytes(4, "little")
    chunk.write_bytes(content)
    with pytest.raises(BadFile, match="packed by blosc is damaged"):
        loaded.data[0]


@pytest.mark.parametrize(
    ("at", "said"), [(12, 0), (12, 2**20), (12, 2**32 - 1), (4, 2**30), (4, 2**32 - 1)]
)
def test_a_blosc_chunk_in_a_shard_is_looked_at_too(tmp_path, at, said):
    blosc, shards = zarr.codecs.BloscCodec(), (len(VOLUME), 32, 48)
    path = make(tmp_path / "a.zarr", shards=shards, compressors=blosc)
    np.testing.assert_array_equal(np.asarray(read_image(path).data), VOLUME)
    shard = path / "s0" / "c" / "0" / "0" / "0"
    content = bytearray(shard.read_bytes())
    index = len(content) - 4 - 16 * 6
    for k in range(6):
        offset, length = struct.unpack_from("<QQ", content, index + 16 * k)
        assert int.from_bytes(content[offset + 12 : offset + 16], "little") == length
        content[offset + at : offset + at + 4] = said.to_bytes(4, "little")
    shard.write_bytes(content)
    loaded = read_image(path)
    for size in (16, 48):
        with pytest.raises(BadFile, match="packed by blosc"):
            np.asarray(loaded.data[:, :size, :size])


def test_our_blosc_is_for_the_reader_alone(tmp_path):
    before = zarr.config.get("codecs.blosc")
    read_image(make(tmp_path / "a.zarr"))
    assert zarr.config.get("codecs.blosc") == before


@pytest.mark.parametrize(
    "change", [{"chunks": [2**20, 2**20, 6]}, {"shape": [0, 1, 2]}]
)
def test_absurd_sizes_are_refused(tmp_path, change):
    path = make(tmp_path / "a.zarr", 2)
    facts = json.loads((path / "s0" / ".zarray").read_text())
    (path / "s0" / ".zarray").write_text(json.dumps({**facts, **change}))
    with pytest.raises(BadFile, match=r"chunks|empty"):
        read_image(path)


def test_a_giant_is_opened_and_not_read(tmp_path):
    path = make(tmp_path / "a.zarr", 2)
    facts = json.loads((path / "s0" / ".zarray").read_text())
    facts["shape"] = [60_000, 500_000, 500_000]
    (path / "s0" / ".zarray").write_text(json.dumps(facts))
    loaded = read_image(path)
    np.testing.assert_array_equal(loaded.data[2, 3:9, :48], VOLUME[2, 3:9])
    with pytest.raises(BadFile, match="memory"):
        np.asarray(loaded.data)


def test_damaged_chunks_are_named(tmp_path):
    path = make(tmp_path / "a.zarr", 2)
    (path / "s0" / "0.0.0").write_bytes(b"damaged" * 9)
    with pytest.raises(BadFile, match=r"a\.zarr"):
        read_image(path).data[0]


def test_shards(tmp_path):
    path = tmp_path / "a.zarr"
    make(path)
    zarr.open_group(path, mode="r+").create_array(
        "s0", data=VOLUME, chunks=(2, 8, 8), shards=(6, 32, 48), overwrite=True
    )
    loaded = read_image(path)
    np.testing.assert_array_equal(loaded.data[1:3, 2:5], VOLUME[1:3, 2:5])
    np.testing.assert_array_equal(loaded.data, VOLUME)


def test_plain_zarr_is_explained(tmp_path):
    zarr.open_group(tmp_path / "a.zarr", mode="w").create_array("b", data=VOLUME)
    with pytest.raises(BadFile, match="no OME-Zarr image"):
        read_image(tmp_path / "a.zarr")
