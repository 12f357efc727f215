import importlib.util

import numpy as np
import pytest
import tifffile

from napari_medfm.core.errors import BadFile, BadInput
from napari_medfm.readers import read_image

PIXELS = np.random.default_rng(0).integers(0, 255, (64, 80, 3), np.uint8)
XML = """<?xml version="1.0"?><DataObject ObjectType="DPUfsImport">
<Attribute Name="DICOM_MANUFACTURER">PHILIPS</Attribute>
<Attribute Name="DICOM_PIXEL_SPACING">"0.0002" "0.00025"</Attribute>
</DataObject>"""


@pytest.fixture
def slide(tmp_path):
    """A two-level file as Philips scanners write it."""
    path = tmp_path / "a.tiff"
    with tifffile.TiffWriter(path) as tif:
        options = {"tile": (32, 32), "photometric": "rgb", "software": "Philips DP v1"}
        tif.write(PIXELS, description=XML, subifds=0, metadata=None, **options)
        tif.write(PIXELS[::2, ::2], subfiletype=1, metadata=None, **options)
    return path


def test_the_scanner_says_the_pixel_size(slide):
    loaded = read_image(slide)
    np.testing.assert_allclose(loaded.spacing, (0.2, 0.25))
    assert loaded.metadata["unit"] == "um"
    assert loaded.metadata["vendor"] == "philips"
    np.testing.assert_array_equal(loaded.data, PIXELS)


def test_without_tiffslide_the_way_out_is_named(slide, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "tiffslide" else find(name, *rest),
    )
    with pytest.raises(BadInput, match=r'pip install "napari-medfm\[wsi\]"'):
        read_image(slide)


SCN = """<?xml version="1.0"?>
<scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01"><collection
 sizeX="{width}" sizeY="{height}">{images}</collection></scn>"""
IMAGE = """<image><pixels sizeX="{cols}" sizeY="{rows}">{levels}</pixels>
<view sizeX="{width}" sizeY="{height}" offsetX="{left}" offsetY="{left}"/></image>"""
LEVEL = """<dimension sizeX="{cols}" sizeY="{rows}" r="{r}" ifd="{ifd}"/>"""


def leica(path, *images):
    """Write a Leica file of images (rows, cols, levels, offset); 500 nm a pixel."""
    parts, pages = [], []
    for rows, cols, levels, left in images:
        told = ""
        for r in range(levels):
            size = {"rows": rows >> r, "cols": cols >> r}
            told += LEVEL.format(**size, r=r, ifd=len(pages))
            pages.append(np.full((rows >> r, cols >> r, 3), len(parts), np.uint8))
        parts.append(
            IMAGE.format(
                rows=rows,
                cols=cols,
                levels=told,
                width=cols * 500,
                height=rows * 500,
                left=left,
            )
        )
    rows, cols = images[0][:2]
    xml = SCN.format(width=cols * 500, height=rows * 500, images="".join(parts))
    with tifffile.TiffWriter(path) as tif:
        for number, page in enumerate(pages):
            options = {} if number else {"description": xml}
            tif.write(page, tile=(32, 32), metadata=None, photometric="rgb", **options)
    return path


@pytest.mark.parametrize(
    ("images", "chosen", "levels"),
    [
        ([(64, 96, 1, 700)], 0, 1),
        ([(64, 96, 1, 0)], 0, 1),
        ([(64, 96, 3, 0)], 0, 3),
        ([(32, 40, 1, 0), (64, 96, 1, 700)], 1, 1),
        ([(32, 40, 2, 0), (64, 96, 3, 700)], 1, 3),
        ([(32, 40, 1, 0), (64, 96, 2, 700), (48, 64, 2, 90_000)], 1, 2),
    ],
)
def test_leica_files_open_at_the_tissue(tmp_path, images, chosen, levels):
    loaded = read_image(leica(tmp_path / "a.scn", *images))
    assert loaded.data.shape == (*images[chosen][:2], 3)
    assert int(np.asarray(loaded.data[0, 0, 0])) == chosen
    assert 1 + len(loaded.levels) == levels
    np.testing.assert_allclose(loaded.spacing, (0.5, 0.5))
    assert loaded.metadata["vendor"] == "leica"


def test_a_leica_file_of_overviews_alone_says_so(tmp_path):
    path = leica(tmp_path / "a.scn", (32, 40, 1, 0), (32, 40, 1, 0))
    with pytest.raises(BadFile, match=r"slide of Leica whose layout .* OME-TIFF"):
        read_image(path)


def test_a_slide_that_tiffslide_does_not_know_says_so(slide, monkeypatch):
    import tiffslide

    def fail(_):
        raise TypeError("string indices must be integers")

    monkeypatch.setattr(tiffslide, "TiffSlide", fail)
    with pytest.raises(BadFile, match=r"slide of Philips .* OME-TIFF"):
        read_image(slide)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a.mrxs", "slide of 3DHISTECH, which is not read here: save it as OME-TIFF"),
        ("a.VSI", "slide of Olympus"),
        ("a.czi", "file of Zeiss"),
        ("a.mha", "MetaImage.* 3D Slicer"),
        ("a.npy", "add_image"),
        ("a.xyz", r"not an image that can be read: it should end in .*\.nii"),
    ],
)
def test_what_is_not_read_is_named_with_the_way_out(tmp_path, name, said):
    (tmp_path / name).write_bytes(b"some bytes")
    with pytest.raises(BadInput, match=said):
        read_image(tmp_path / name)


def test_the_overview_of_a_slide_in_other_files_is_not_taken_for_it(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", PIXELS)
    (tmp_path / "a.tif").rename(tmp_path / "a.vsi")
    with pytest.raises(BadInput, match="slide of Olympus"):
        read_image(tmp_path / "a.vsi")


def test_a_project_is_no_image(tmp_path):
    (tmp_path / "a.medfm").mkdir()
    with pytest.raises(BadInput, match="is a project: open it with load_project"):
        read_image(tmp_path / "a.medfm")
