import importlib.util

import numpy as np
import pytest
import tifffile

from napari_medfm.core.errors import BadInput
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
