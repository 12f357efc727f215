"""Small files that unpack to giants: refused, or read, in the memory that was checked.

Each runs under the fuzzer's measure: at most twice the size of the file, or of what it
declares and is checked, and 16 MiB.
"""

import io
import struct
import warnings
import zipfile
import zlib
from itertools import pairwise

import numpy as np
import pydicom
import pytest
import tifffile
import torch  # noqa: TID253
from fuzzing import Target, Trial, targets
from fuzzing.images import LEICA, PHILIPS, of_pydicom, saved, slide
from PIL import Image
from pydicom.encaps import encapsulate

from napari_medfm.readers import read_image

TARGETS = targets()
BIG = 200 << 20


def packed():
    return zlib.compress(bytes(BIG))


def tiff(pyramid):
    """A tile of 64 x 64 whose deflated bytes go on for 200 MiB."""
    stream = io.BytesIO()
    image = np.zeros((64, 64), np.uint8)
    with tifffile.TiffWriter(stream) as tif:
        facts = {"compression": "zlib", "tile": (64, 64)}
        tif.write(image, subifds=int(pyramid), **facts)
        if pyramid:
            tif.write(image[::2, ::2], subfiletype=1, **facts)
    content = bytearray(stream.getvalue())
    with tifffile.TiffFile(io.BytesIO(content)) as tif:
        tags = tif.pages[0].tags
        for name, value in (
            ("TileOffsets", len(content)),
            ("TileByteCounts", BIG >> 9),
        ):
            at = tags[name].offset
            content[at + 2 : at + 4] = (4).to_bytes(2, "little")
            content[at + 8 : at + 12] = value.to_bytes(4, "little")
    return bytes(content) + packed() + bytes(BIG >> 9)


def picture_in_tile(packing, kind):
    """A tile of 64 x 64 that holds a picture of 12,000 x 12,000."""
    stream, picture = io.BytesIO(), io.BytesIO()
    image = np.zeros((64, 64), np.uint8)
    tifffile.imwrite(stream, image, tile=(64, 64), compression=packing)
    Image.fromarray(np.zeros((12_000, 12_000), np.uint8)).save(picture, kind)
    content, part = bytearray(stream.getvalue()), picture.getvalue()
    with tifffile.TiffFile(io.BytesIO(content)) as tif:
        tags = tif.pages[0].tags
    for name, value in (("TileOffsets", len(content)), ("TileByteCounts", len(part))):
        at = tags[name].offset
        content[at + 2 : at + 4] = (4).to_bytes(2, "little")
        content[at + 8 : at + 12] = value.to_bytes(4, "little")
    return bytes(content) + part


def png(kind, start):
    """A picture with a packed chunk of 200 MiB."""
    content = saved("PNG", np.zeros((4, 4, 3), np.uint8))
    body = start + packed()
    chunk = struct.pack(">I", len(body)) + kind + body
    chunk += struct.pack(">I", zlib.crc32(kind + body))
    at = content.index(b"IDAT") - 4
    return content[:at] + chunk + (b"" if kind == b"IDAT" else content[at:])


def weights(tensor, packing=zipfile.ZIP_STORED):
    stream, again = io.BytesIO(), io.BytesIO()
    torch.save({"a": tensor}, stream)
    with zipfile.ZipFile(stream) as old, zipfile.ZipFile(again, "w", packing) as new:
        for item in old.infolist():
            new.writestr(item.filename, old.read(item))
    return again.getvalue()


def sparse():
    places = torch.tensor([[0]])
    return weights(torch.sparse_coo_tensor(places, torch.ones(1), (2**40,)))


def runs():
    """A frame of 8 KiB whose runs stand for 256 MiB."""
    dataset = pydicom.dcmread(io.BytesIO(of_pydicom("MR_small_RLE.dcm")))
    plane = b"\x81\x00" * 2**20
    head = struct.pack("<16I", 2, 64, 64 + len(plane), *[0] * 13)
    dataset.PixelData = encapsulate([head + plane + plane])
    stream = io.BytesIO()
    dataset.save_as(stream)
    return stream.getvalue()


def jpegls():
    content = bytearray(of_pydicom("JPEGLSNearLossless_16.dcm"))
    at = content.index(b"\xff\xf7") + 5
    struct.pack_into(">HH", content, at, 60_000, 60_000)
    return bytes(content)


def laughs(text, spot):
    """Entities of entities, a gigabyte of text, where a text stood."""
    parts = ['<!ENTITY a "' + "x" * 1000 + '">']
    for old, new in pairwise("abcdefg"):
        parts += [f'<!ENTITY {new} "', f"&{old};" * 10, '">']
    kinds = f"?><!DOCTYPE l [{''.join(parts)}]>"
    return text.replace("?>", kinds, 1).replace(spot, "&g;", 1)


def ome():
    text = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/'
        '2016-06"><Image Name="spot"><Pixels SizeX="17" SizeY="16" SizeZ="5" SizeC="1" '
        'SizeT="1" Type="uint16" DimensionOrder="XYZCT"><TiffData/></Pixels></Image>'
        "</OME>"
    )
    stream = io.BytesIO()
    pixels = np.zeros((5, 16, 17), np.uint16)
    tifffile.imwrite(stream, pixels, description=laughs(text, "spot"), metadata=None)
    return stream.getvalue()


def philips():
    text = laughs(PHILIPS, ">PHILIPS<").replace("&g;", ">&g;<")
    return slide(subifds=0, software="Philips DP v1", description=text)


BOMBS = {
    "tiff, deflate": ("tiff-packed", lambda: tiff(False), {False}),
    "tiff, deflate in a pyramid": ("tiff-packed", lambda: tiff(True), {False}),
    **{
        f"tiff, {kind}": (
            "tiff-packed",
            lambda packing=packing, kind=kind: picture_in_tile(packing, kind),
            {False},
        )
        for packing, kind in (
            ("jpeg", "JPEG"),
            ("jpeg2000", "JPEG2000"),
            ("png", "PNG"),
        )
    },
    "png, text": ("png", lambda: png(b"zTXt", b"a\0\0"), {False}),
    "png, text of the world": ("png", lambda: png(b"iTXt", b"a\0\1\0\0\0"), {False}),
    "png, profile": ("png", lambda: png(b"iCCP", b"a\0\0"), {False}),
    "png, pixels": ("png", lambda: png(b"IDAT", b""), {True, False}),
    "torch, packed": (
        "weights-torch",
        lambda: weights(torch.zeros(BIG // 4), zipfile.ZIP_DEFLATED),
        {False},
    ),
    "torch, one number many times": (
        "weights-torch",
        lambda: weights(torch.zeros(1).expand(2**33)),
        {False},
    ),
    "torch, sparse": ("weights-torch", sparse, {False}),
    "dicom, runs": ("dicom-rle", runs, {False}),
    "dicom, jpeg-ls of 3.6 gigapixels": ("dicom-jpegls", jpegls, {False}),
    "xml of Philips": ("slide-philips", philips, {True, False}),
    "xml of Leica": (
        "slide-leica",
        lambda: slide(description=laughs(LEICA, "2020-01-01")),
        {False},
    ),
    "xml of OME": ("tiff-ome", ome, {True, False}),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_does_not_go_off(tmp_path, name, caplog):
    target, content, outcome = BOMBS[name]
    caplog.set_level("CRITICAL")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = content()
        with Trial(TARGETS[target], tmp_path) as trial:
            assert trial(made) in outcome


@pytest.mark.parametrize("pyramid", [False, True])
def test_without_imagecodecs_a_tile_stops_too(tmp_path, monkeypatch, pyramid):
    """Where tifffile unpacks by itself, it is not asked to unpack a bomb."""
    from tifffile import _imagecodecs

    codecs = tifffile.TIFF.DECOMPRESSORS
    kept = {kind: codec for kind, codec in codecs._codecs.items() if kind <= 1}
    monkeypatch.setattr(codecs, "_codecs", kept)
    monkeypatch.setattr(tifffile.tifffile, "imagecodecs", _imagecodecs)
    with Trial(TARGETS["tiff-packed"], tmp_path) as trial:
        assert not trial(tiff(pyramid))
    path = tmp_path / "good.tif"
    for packing in ("zlib", "lzma"):
        image = np.random.default_rng(0).integers(0, 9, (70, 80), np.uint16)
        with tifffile.TiffWriter(path) as tif:
            facts = {"compression": packing, "tile": (64, 64)}
            tif.write(image, subifds=int(pyramid), **facts)
            if pyramid:
                tif.write(image[::2, ::2], subfiletype=1, **facts)
        np.testing.assert_array_equal(read_image(path).data[...], image)
    assert codecs._codecs[8].__module__ == "tifffile._imagecodecs"


def test_runs_that_are_long_and_right_are_read(tmp_path):
    """The count does not refuse what a scanner may write."""
    from pydicom.pixels import set_pixel_data
    from pydicom.uid import RLELossless

    pixels = np.random.default_rng(0).integers(0, 3000, (512, 512), np.uint16)
    dataset = pydicom.dcmread(io.BytesIO(of_pydicom("MR_small.dcm")))
    set_pixel_data(dataset, pixels, "MONOCHROME2", 16)
    dataset.compress(RLELossless, generate_instance_uid=False)
    stream = io.BytesIO()
    dataset.save_as(stream)
    assert len(stream.getvalue()) > 2**24 // 64

    def read(path):
        found = read_image(path).data
        assert found.shape in ((64, 64), (512, 512))
        return found

    with Trial(
        Target("a.dcm", of_pydicom("MR_small_RLE.dcm"), read), tmp_path
    ) as trial:
        assert trial(stream.getvalue())


@pytest.mark.parametrize("packing", ["jpeg", "jpeg2000", "png", "webp", "zstd", "lzw"])
def test_tiles_that_are_pictures_are_read(tmp_path, packing):
    rng = np.random.default_rng(0)
    image = np.kron(rng.integers(0, 255, (5, 6, 3), np.uint8), np.ones((30, 30, 1)))
    image = image.astype(np.uint8)
    path = tmp_path / "a.tif"
    options = {"tile": (64, 64), "compression": packing, "photometric": "rgb"}
    with tifffile.TiffWriter(path) as tif:
        tif.write(image, subifds=1, **options)
        tif.write(image[::2, ::2], subfiletype=1, **options)
    found = read_image(path).data[...].astype(int)
    assert np.abs(found - image).mean() < 8
