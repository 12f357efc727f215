import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medfm.core.errors import BadFile, BadInput
from napari_medfm.engine.intake import image_of
from napari_medfm.exporters import export_labels, export_map
from napari_medfm.readers import read_image, tiff

size = st.floats(0.01, 50)
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("suffix", [".tif", ".tiff", ".ome.tif", ".ome.tiff"])
@settings(max_examples=15)
@given(
    shape=st.lists(st.integers(1, 9), min_size=2, max_size=3).map(tuple),
    sizes=st.tuples(size, size, size),
    top=st.sampled_from([1, 300, 70_000]),
)
def test_labels_and_spacing_come_back(tmp_path_factory, suffix, shape, sizes, top):
    path = tmp_path_factory.mktemp("tiff") / f"out{suffix}"
    labels = np.random.default_rng(1).integers(0, top + 1, shape)
    labels[(-1,) * len(shape)] = top
    spacing = sizes[: len(shape)]
    image = image_of(
        np.zeros(shape),
        "image",
        axes="zyx"[-len(shape) :],
        spacing=spacing,
        metadata={"unit": "um"},
    )
    export_labels(path, labels, image, (), {})
    stored = tifffile.imread(path)
    np.testing.assert_array_equal(stored.reshape(shape), labels)
    assert stored.dtype.itemsize == {1: 1, 300: 2, 70_000: 4}[top]
    loaded = read_image(path)
    if loaded.data.shape == shape:
        np.testing.assert_array_equal(loaded.data, labels)
    if top < 70_000 or ".ome" in suffix:
        assert loaded.metadata["unit"] == "um"
        np.testing.assert_allclose(
            loaded.spacing, spacing[-len(loaded.spacing) :], rtol=1e-6
        )


def test_ome_sizes_read_by_tifffile(tmp_path):
    image = image_of(
        np.zeros((3, 4, 5)), "image", spacing=(3, 0.5, 0.25), metadata={"unit": "mm"}
    )
    export_labels(tmp_path / "a.ome.tif", np.ones((3, 4, 5), int), image, (), {})
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as tif:
        pixels = tifffile.xml2dict(tif.ome_metadata)["OME"]["Image"]["Pixels"]
    assert [pixels[f"PhysicalSize{a}"] for a in "ZYX"] == [3, 0.5, 0.25]
    assert pixels["PhysicalSizeZUnit"] == "mm"


def test_the_same_labels_give_the_same_bytes(tmp_path):
    image = image_of(np.zeros((3, 40, 50)), "image")
    for suffix in (".tif", ".ome.tif", ".nii.gz"):
        one, other = tmp_path / f"a{suffix}", tmp_path / "again" / f"a{suffix}"
        for path in (one, other):
            export_labels(path, np.ones((3, 40, 50), int), image, (), {})
        assert one.read_bytes() == other.read_bytes()


def test_imagej_channels(tmp_path):
    pixels = RNG.integers(0, 9999, (4, 2, 10, 12), np.uint16)
    tifffile.imwrite(
        tmp_path / "a.tif",
        pixels,
        imagej=True,
        resolution=(4, 2),
        metadata={"axes": "ZCYX", "spacing": 1.5, "unit": "um"},
    )
    loaded = read_image(tmp_path / "a.tif")
    assert loaded.axes == "zcyx"
    assert loaded.spacing == (1.5, 0.5, 0.25)
    assert loaded.metadata["unit"] == "um"
    np.testing.assert_array_equal(loaded.data, pixels)


def test_resolution_in_centimetres_but_not_printers_dots(tmp_path):
    pixels = RNG.integers(0, 255, (10, 12, 3), np.uint8)
    tifffile.imwrite(
        tmp_path / "a.tif", pixels, resolution=(20_000, 10_000), resolutionunit=3
    )
    tifffile.imwrite(tmp_path / "b.tif", pixels, resolution=(72, 72), resolutionunit=2)
    loaded = read_image(tmp_path / "a.tif")
    assert loaded.axes == "yxc"
    np.testing.assert_allclose(loaded.spacing, (1, 0.5))
    assert read_image(tmp_path / "b.tif").spacing is None


def test_a_palette_becomes_colour(tmp_path):
    index = RNG.integers(0, 256, (10, 12), np.uint8)
    colours = RNG.integers(0, 256, (3, 256)).astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "a.tif", index, photometric="palette", colormap=colours)
    loaded = read_image(tmp_path / "a.tif")
    assert loaded.axes == "yxc"
    np.testing.assert_array_equal(
        loaded.data, np.moveaxis(colours[:, index] // 257, 0, -1)
    )


def pyramid(path):
    pixels = RNG.integers(0, 65535, (256, 320), np.uint16)
    with tifffile.TiffWriter(path, ome=True) as writer:
        writer.write(
            pixels,
            subifds=2,
            tile=(64, 64),
            metadata={"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5},
        )
        writer.write(pixels[::2, ::2], subfiletype=1, tile=(64, 64))
        writer.write(pixels[::4, ::4], subfiletype=1, tile=(64, 64))
    return pixels


def test_a_pyramid_is_opened_not_read(tmp_path):
    pixels = pyramid(tmp_path / "a.ome.tif")
    loaded = read_image(tmp_path / "a.ome.tif")
    assert not isinstance(loaded.data, np.ndarray)
    assert [level.shape for level in loaded.levels] == [(128, 160), (64, 80)]
    assert loaded.spacing == (0.5, 0.5)
    np.testing.assert_array_equal(loaded.data[70:100, 3:9], pixels[70:100, 3:9])
    np.testing.assert_array_equal(loaded.levels[1][...], pixels[::4, ::4])


def test_a_large_stack_is_opened_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(tiff, "_IN_MEMORY", 1000)
    pixels = RNG.integers(0, 65535, (4, 30, 40), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", pixels, imagej=True, metadata={"axes": "ZYX"})
    loaded = read_image(tmp_path / "a.tif")
    assert not isinstance(loaded.data, np.ndarray)
    assert loaded.axes == "zyx"
    np.testing.assert_array_equal(loaded.data[2], pixels[2])


def test_files_named_in_metadata_are_not_opened(tmp_path):
    tifffile.imwrite(tmp_path / "secret.tif", np.full((8, 8), 7, np.uint8), ome=True)
    with tifffile.TiffFile(tmp_path / "secret.tif") as tif:
        uuid = tif.ome_metadata.split('UUID="')[1].split('"')[0]
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((2, 8, 8), np.uint8), ome=True)
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        xml = tif.ome_metadata
    start, end = xml.index("<TiffData"), xml.index("</Pixels>")
    planes = "".join(
        f'<TiffData IFD="0" FirstT="0" FirstC="0" FirstZ="{z}" PlaneCount="1">'
        f'<UUID FileName="secret.tif">{uuid}</UUID></TiffData>'
        for z in range(2)
    )
    tifffile.imwrite(
        tmp_path / "evil.ome.tif",
        np.zeros((2, 8, 8), np.uint8),
        description=xml[:start] + planes + xml[end:],
        metadata=None,
    )
    assert tifffile.imread(tmp_path / "evil.ome.tif").max() == 7
    try:
        loaded = read_image(tmp_path / "evil.ome.tif")
    except (BadFile, BadInput):
        return
    assert np.asarray(loaded.data[...]).max() == 0


def test_too_many_axes(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif",
        np.zeros((2, 3, 4, 5), np.uint8),
        imagej=True,
        metadata={"axes": "TZYX"},
    )
    with pytest.raises(BadInput, match="TZYX"):
        read_image(tmp_path / "a.tif")


def test_truncated(tmp_path):
    for compression in (None, "zlib"):
        tifffile.imwrite(
            tmp_path / "a.tif",
            RNG.integers(0, 255, (64, 64), np.uint8),
            compression=compression,
        )
        content = (tmp_path / "a.tif").read_bytes()
        (tmp_path / "a.tif").write_bytes(content[:-500])
        with pytest.raises(BadFile, match=r"a\.tif"):
            read_image(tmp_path / "a.tif")


def test_a_bomb_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((9, 9), np.uint8), metadata=None)
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as tif:
        for name in ("ImageWidth", "ImageLength"):
            tif.pages[0].tags[name].overwrite(60_000)
    with pytest.raises(BadFile, match="declares"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("names", [(), ("background", "tumour")])
def test_maps_come_back(tmp_path, names):
    image = image_of(np.zeros((3, 20, 24)), "image", spacing=(3, 0.5, 0.25))
    values = RNG.random((2, 3, 20, 24), np.float32)
    export_map(tmp_path / "p.tif", values, image, names)
    loaded = read_image(tmp_path / "p.tif")
    assert loaded.axes == "zcyx"
    assert loaded.spacing == (3, 0.5, 0.25)
    np.testing.assert_array_equal(np.moveaxis(loaded.data, 1, 0), values)
    export_map(tmp_path / "q.tif", values[0], image)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "q.tif"), values[0])
    with tifffile.TiffFile(tmp_path / "p.tif") as tif:
        assert tif.imagej_metadata.get("Labels", [])[:2] == list(names)


def test_maps_that_do_not_fit(tmp_path):
    image = image_of(np.zeros((20, 24)), "image")
    with pytest.raises(BadInput, match="shape"):
        export_map(tmp_path / "p.tif", np.zeros((20, 23), np.float32), image)
    with pytest.raises(BadInput, match="tif"):
        export_map(tmp_path / "p.png", np.zeros((20, 24), np.float32), image)
