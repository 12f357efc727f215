import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_medfm.core.errors import BadFile, BadInput
from napari_medfm.engine.intake import image_of
from napari_medfm.exporters import export_labels
from napari_medfm.readers import read_image

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 255, (20, 24, 3), np.uint8)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(20, 24), (20, 24, 3)])
def test_depth_is_kept(tmp_path, dtype, shape):
    pixels = RNG.integers(0, np.iinfo(dtype).max, shape, dtype)
    write_png(tmp_path / "a.png", pixels)
    loaded = read_image(tmp_path / "a.png")
    assert loaded.data.dtype == dtype
    assert loaded.axes == "yxc"[: len(shape)]
    np.testing.assert_array_equal(loaded.data, pixels)


@settings(max_examples=25)
@given(st.data())
def test_every_filter_of_deep_colour(tmp_path_factory, data):
    rows, cols = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9))
    channels = data.draw(st.sampled_from([3, 4]))
    kinds = data.draw(st.lists(st.integers(0, 4), min_size=rows, max_size=rows))
    pixels = np.random.default_rng(sum(kinds)).integers(
        0, 65535, (rows, cols, channels), np.uint16
    )
    path = tmp_path_factory.mktemp("png") / "a.png"
    write_png(path, pixels, kinds)
    np.testing.assert_array_equal(read_image(path).data, pixels[..., :3])
    with Image.open(path) as image:
        cut = np.asarray(image)[..., :3]
    np.testing.assert_array_equal(cut, pixels[..., :3] >> 8)


def write_png(path, pixels, kinds=None):
    """A PNG whose row filters are chosen; the filters are done pixel by pixel."""
    rows, cols = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    raw = pixels.astype(pixels.dtype.newbyteorder(">")).tobytes()
    stride, step = len(raw) // rows, channels * pixels.dtype.itemsize
    lines, above = [], bytes(stride)
    for row in range(rows):
        line, kind = raw[row * stride : (row + 1) * stride], (kinds or [0] * rows)[row]
        coded = bytearray([kind])
        for at, value in enumerate(line):
            left = line[at - step] if at >= step else 0
            corner = above[at - step] if at >= step else 0
            up = above[at]
            guess = left + up - corner
            nearest = min((left, up, corner), key=lambda v: abs(guess - v))
            coded.append((value - [0, left, up, (left + up) // 2, nearest][kind]) & 255)
        lines.append(bytes(coded))
        above = line

    def chunk(name, body):
        return (
            struct.pack(">I", len(body))
            + name
            + body
            + struct.pack(">I", zlib.crc32(name + body))
        )

    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(
        ">IIBBBBB", cols, rows, pixels.dtype.itemsize * 8, colour, 0, 0, 0
    )
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"".join(lines)))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_modes(tmp_path, mode):
    picture = Image.fromarray(RGB).convert(mode)
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    picture.save(path)
    loaded = read_image(path)
    gray = mode in ("1", "L", "LA")
    assert loaded.axes == ("yx" if gray else "yxc")
    with Image.open(path) as image:
        expected = np.asarray(image.convert("L" if gray else "RGB"))
    np.testing.assert_array_equal(loaded.data, expected)


def test_content_wins_over_suffix(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.tif", format="PNG")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").data, RGB)


def test_pixels_stay_as_stored(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(RGB).save(tmp_path / "a.jpg", exif=exif)
    loaded = read_image(tmp_path / "a.jpg")
    assert loaded.data.shape == RGB.shape
    assert loaded.metadata["exif_orientation"] == 6


@pytest.mark.parametrize("deep", [False, True])
def test_truncated(tmp_path, deep):
    write_png(tmp_path / "a.png", RGB.astype(np.uint16) if deep else RGB)
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(BadFile, match=r"a\.png"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("depth", [8, 16])
def test_a_bomb_is_refused(tmp_path, depth):
    header = struct.pack(">IIBBBBB", 40_000, 40_000, depth, 2, 0, 0, 0)
    body = struct.pack(">I", 13) + b"IHDR" + header
    crc = struct.pack(">I", zlib.crc32(b"IHDR" + header))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body + crc + bytes(100))
    with pytest.raises(BadFile, match=r"a\.png"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize(("top", "mode"), [(255, "L"), (256, "I;16"), (65535, "I;16")])
def test_labels(tmp_path, top, mode):
    labels = RNG.integers(0, top, (20, 24))
    labels[0, 0] = top
    export_labels(tmp_path / "a.png", labels, image_of(RGB, "image"), (), {})
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == mode
        np.testing.assert_array_equal(np.asarray(image), labels)


def test_what_png_cannot_hold(tmp_path):
    volume = image_of(np.zeros((3, 20, 24)), "ct")
    with pytest.raises(BadInput, match=r"\.nii\.gz"):
        export_labels(tmp_path / "a.png", np.zeros((3, 20, 24), int), volume, (), {})
    many = np.full((20, 24), 65536)
    with pytest.raises(BadInput, match="65535"):
        export_labels(tmp_path / "a.png", many, image_of(RGB, "image"), (), {})
    assert not list(tmp_path.iterdir())
