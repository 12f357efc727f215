"""Against pynrrd, which this program does not use."""

import gzip

import nrrd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medfm.core.errors import BadFile, BadInput
from napari_medfm.readers import read_image

RNG = np.random.default_rng(0)
VOLUME = RNG.integers(-900, 3000, (7, 6, 5)).astype(np.int16)
DIRECTIONS = np.array([[0.5, 0.1, 0], [-0.1, 0.7, 0.2], [0, -0.3, -2.0]])
LPS = {
    "space": "left-posterior-superior",
    "space directions": DIRECTIONS,
    "space origin": [10.5, -20.25, 30],
    "kinds": ["domain"] * 3,
}


DETACHED = "NRRD0004\ntype: uchar\ndimension: 2\nsizes: 5 5\nencoding: raw\n"


@pytest.mark.parametrize("encoding", ["raw", "gzip", "bzip2", "ascii"])
@pytest.mark.parametrize("order", ["<i2", ">i2"])
def test_voxels_and_places(tmp_path, encoding, order):
    nrrd.write(
        str(tmp_path / "a.nrrd"), VOLUME.astype(order), {**LPS, "encoding": encoding}
    )
    loaded = read_image(tmp_path / "a.nrrd")
    np.testing.assert_array_equal(loaded.data, VOLUME.T)
    assert loaded.data.dtype == np.int16
    for i, j, k in [(0, 0, 0), (6, 5, 4), (2, 1, 3)]:
        x, y, z = [10.5, -20.25, 30] + np.array([i, j, k]) @ DIRECTIONS
        np.testing.assert_allclose(
            loaded.affine @ [k, j, i, 1], (z, -y, -x, 1), rtol=1e-12
        )
    assert loaded.metadata["unit"] == "mm"


@settings(max_examples=25)
@given(
    shape=st.lists(st.integers(1, 6), min_size=2, max_size=3).map(tuple),
    kind=st.sampled_from(["u1", "i1", "u2", "i4", "u8", "f4", "f8"]),
    encoding=st.sampled_from(["raw", "gzip", "bzip2"]),
)
def test_every_type(tmp_path_factory, shape, kind, encoding):
    path = tmp_path_factory.mktemp("nrrd") / "a.nrrd"
    array = (np.arange(np.prod(shape)) % 100).astype(kind).reshape(shape)
    nrrd.write(str(path), array, {"encoding": encoding})
    loaded = read_image(path)
    np.testing.assert_array_equal(loaded.data, array.T)
    assert loaded.data.dtype == array.dtype


def test_a_detached_header_finds_the_file_beside_it(tmp_path):
    nrrd.write(str(tmp_path / "a.nhdr"), VOLUME, {**LPS, "encoding": "gzip"})
    np.testing.assert_array_equal(read_image(tmp_path / "a.nhdr").data, VOLUME.T)


@pytest.mark.parametrize(
    "named", ["../secret.raw", "/etc/passwd", "sub/a.raw", "..", "a\\b.raw", "c:a.raw"]
)
def test_a_detached_header_goes_nowhere_else(tmp_path, named):
    (tmp_path / "in" / "sub").mkdir(parents=True)
    for place in ("secret.raw", "in/sub/a.raw"):
        (tmp_path / place).write_bytes(bytes(100))
    (tmp_path / "in" / "a.nhdr").write_text(DETACHED + f"data file: {named}\n")
    with pytest.raises(BadFile, match="same folder"):
        read_image(tmp_path / "in" / "a.nhdr")


def test_a_detached_header_follows_no_link(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.raw").write_bytes(bytes(25))
    (tmp_path / "in" / "a.raw").symlink_to(tmp_path / "secret.raw")
    (tmp_path / "in" / "a.nhdr").write_text(DETACHED + "data file: a.raw\n")
    with pytest.raises(BadFile, match="not beside"):
        read_image(tmp_path / "in" / "a.nhdr")


def test_colour_is_a_channel_axis(tmp_path):
    picture = RNG.integers(0, 255, (3, 8, 9), np.uint8)
    kinds = {
        "kinds": ["RGB-color", "domain", "domain"],
        "spacings": [np.nan, 0.5, 0.25],
    }
    nrrd.write(str(tmp_path / "a.nrrd"), picture, kinds)
    loaded = read_image(tmp_path / "a.nrrd")
    assert (loaded.data.shape, loaded.channel_axis) == ((9, 8, 3), 2)
    assert loaded.spacing == (0.25, 0.5)


def test_a_picture_in_space(tmp_path):
    facts = {
        "space": "RAS",
        "space directions": [[0.5, 0, 0], [0, 0, 2.0]],
        "space origin": [1, 2, 3],
    }
    nrrd.write(str(tmp_path / "a.nrrd"), VOLUME[0], facts)
    loaded = read_image(tmp_path / "a.nrrd")
    assert loaded.spacing == (2, 0.5)
    matrix = np.array(loaded.metadata["affine_3d"])
    np.testing.assert_allclose(matrix @ [0, 1, 1, 1], (5, 2, 1.5, 1))


def _made(**fields):
    facts = {
        "type": "short",
        "dimension": "3",
        "sizes": "7 6 5",
        "endian": "little",
        "encoding": "raw",
        **fields,
    }
    text = "NRRD0004\n" + "".join(f"{k}: {v}\n" for k, v in facts.items() if v)
    return text.encode() + b"\n" + VOLUME.tobytes("F")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"sizes": "7 6 50"}, "truncated"),
        ({"sizes": "70000 60000 50000"}, "holds"),
        ({"sizes": "7 6"}, "axes"),
        ({"sizes": "7 6 0"}, "axes"),
        ({"type": "block"}, "not numbers"),
        ({"encoding": "hex"}, "gzip"),
        ({"endian": ""}, "order of its bytes"),
        ({"dimension": ""}, "dimension"),
        ({"space directions": "(1,0,0) (0,1,0)"}, "directions"),
        ({"space directions": "(1,0,0) (0,1,0) (1,1,0)"}, "one plane"),
        ({"space directions": "(1,0,0) (0,1,0) (0,0,inf)"}, "not numbers"),
        ({"encoding": "gzip"}, "Could not read"),
    ],
)
def test_damage_is_named(tmp_path, fields, words):
    (tmp_path / "a.nrrd").write_bytes(_made(**fields))
    with pytest.raises(BadFile, match=words):
        read_image(tmp_path / "a.nrrd")


def test_a_gzip_bomb_stops_at_what_is_declared(tmp_path):
    start = _made(encoding="gzip").split(b"\n\n")[0] + b"\n\n"
    bomb = gzip.compress(VOLUME.tobytes("F") + bytes(50_000_000))
    (tmp_path / "a.nrrd").write_bytes(start + bomb)
    np.testing.assert_array_equal(read_image(tmp_path / "a.nrrd").data, VOLUME.T)


def test_a_header_without_end(tmp_path):
    (tmp_path / "a.nrrd").write_bytes(b"NRRD0004\n" + b"a: b\n" * 300_000)
    with pytest.raises(BadFile, match="without end"):
        read_image(tmp_path / "a.nrrd")


@pytest.mark.parametrize("named", ["LIST", "a%03d.raw 1 5 1"])
def test_split_data_are_refused(tmp_path, named):
    (tmp_path / "a.nrrd").write_bytes(_made(**{"data file": named}))
    with pytest.raises(BadInput, match="split"):
        read_image(tmp_path / "a.nrrd")


def test_four_axes_of_space_are_refused(tmp_path):
    nrrd.write(str(tmp_path / "a.nrrd"), np.zeros((3, 4, 5, 6), np.uint8))
    with pytest.raises(BadInput, match="one volume"):
        read_image(tmp_path / "a.nrrd")
