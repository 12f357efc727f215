"""Nothing runs, nothing but BadFile or BadInput escapes."""

import contextlib
import gzip
import io
import os
import pickle  # noqa: TID251

import nibabel as nib
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.data import get_testdata_file

from napari_medfm.core.errors import BadFile, BadInput
from napari_medfm.readers import Loaded, read_image, reader_of, suffixes

RNG = np.random.default_rng(0)


class Canary:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("suffix", suffixes())
@pytest.mark.parametrize("packed", [False, True])
def test_a_pickle_never_runs(tmp_path, suffix, packed):
    content = pickle.dumps(Canary(tmp_path / "ran"))
    path = tmp_path / f"a{suffix}"
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises((BadFile, BadInput)):
        read_image(path)
    assert not (tmp_path / "ran").exists()
    pickle.loads(content)  # noqa: S301  the canary does sing
    assert (tmp_path / "ran").exists()


def _nifti():
    image = nib.Nifti1Image(RNG.integers(0, 99, (5, 6, 7), np.int16), np.eye(4))
    return image.to_bytes()


def _tiff(**options):
    stream = io.BytesIO()
    tifffile.imwrite(stream, RNG.integers(0, 99, (5, 16, 17), np.uint16), **options)
    return stream.getvalue()


def _picture(kind):
    stream = io.BytesIO()
    Image.fromarray(RNG.integers(0, 99, (16, 17, 3), np.uint8)).save(stream, kind)
    return stream.getvalue()


def _dicom():
    with open(get_testdata_file("MR_small.dcm", download=False), "rb") as stream:  # noqa: PTH123
        return stream.read()


SEEDS = {
    "a.nii": _nifti(),
    "a.nii.gz": gzip.compress(_nifti(), mtime=0),
    "a.tif": _tiff(imagej=True, metadata={"axes": "ZYX"}),
    "b.tif": _tiff(compression="zlib"),
    "a.ome.tif": _tiff(ome=True, tile=(16, 16)),
    "a.png": _picture("PNG"),
    "a.jpg": _picture("JPEG"),
    "a.dcm": _dicom(),
}


@pytest.mark.parametrize("name", SEEDS)
def test_the_seed_itself_is_read(tmp_path, name):
    (tmp_path / name).write_bytes(SEEDS[name])
    assert isinstance(read_image(tmp_path / name), Loaded)


@pytest.mark.parametrize("name", SEEDS)
@settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "40")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(data=st.data())
def test_mutated_files_are_read_or_refused(tmp_path_factory, name, data):
    content = bytearray(SEEDS[name])
    head = min(len(content), 600)
    for _ in range(data.draw(st.integers(1, 6))):
        top = data.draw(st.sampled_from([head, len(content)]))
        at = data.draw(st.integers(0, top - 1))
        new = data.draw(st.binary(min_size=1, max_size=4))
        content[at : at + len(new)] = new
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content))) :]
    path = tmp_path_factory.mktemp("fuzz") / name
    path.write_bytes(content)
    with contextlib.suppress(BadFile, BadInput):
        assert isinstance(read_image(path), Loaded)


@settings(max_examples=40, deadline=None)
@given(content=st.binary(max_size=2000), suffix=st.sampled_from(suffixes()))
def test_random_bytes_are_refused(tmp_path_factory, content, suffix):
    path = tmp_path_factory.mktemp("fuzz") / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(BadFile, match="a"):
        read_image(path)


def test_unknown_suffixes_name_the_known(tmp_path):
    (tmp_path / "a.xyz").write_bytes(b"something")
    with pytest.raises(BadInput) as caught:
        read_image(tmp_path / "a.xyz")
    assert all(suffix in str(caught.value) for suffix in suffixes())


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadInput, match="no file"):
        read_image(tmp_path / "a.nii")


def test_content_is_recognised_without_suffix(tmp_path):
    for name, content in SEEDS.items():
        if not name.endswith("gz"):
            (tmp_path / "image").write_bytes(content)
            expected = reader_of_name(tmp_path, name, content)
            assert reader_of(tmp_path / "image").name == expected


def reader_of_name(folder, name, content):
    (folder / name).write_bytes(content)
    return reader_of(folder / name).name


@pytest.mark.parametrize("options", [{}, {"bigtiff": True}, {"byteorder": ">"}])
def test_pages_that_lead_back_are_refused(tmp_path, options):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path, **options) as tif:
        for _ in range(3):
            tif.write(np.zeros((4, 5), np.uint8), metadata=None, contiguous=False)
    assert read_image(path).data is not None
    with tifffile.TiffFile(path) as tif:
        first, last = tif.pages[0].offset, tif.pages[2].offset
        big, order = tif.is_bigtiff, tif.byteorder
        count = len(tif.pages[2].tags)
    content = bytearray(path.read_bytes())
    at = last + (8 + 20 * count if big else 2 + 12 * count)
    content[at : at + (8 if big else 4)] = first.to_bytes(
        8 if big else 4, "big" if order == ">" else "little"
    )
    path.write_bytes(content)
    with pytest.raises(BadFile, match="lead back"):
        read_image(path)


def test_strips_that_are_not_there_are_refused_at_once(tmp_path):
    path = tmp_path / "a.tif"
    image = RNG.integers(0, 255, (64, 8), np.uint8)
    tifffile.imwrite(path, image, rowsperstrip=1, compression="zlib")
    assert np.array_equal(read_image(path).data, image)
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tif:
        tag = tif.pages[0].tags["StripOffsets"]
        offset = tag.valueoffset
        content[tag.offset + 4 : tag.offset + 8] = (1).to_bytes(4, "little")
        content[tag.offset + 8 : tag.offset + 12] = content[offset : offset + 4]
    path.write_bytes(content)
    with pytest.raises(BadFile, match="1 of 64 parts"):
        read_image(path)
