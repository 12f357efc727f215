"""Seeds and mutations for everything that reads a file somebody else may have made.

Used by a short test and by ``scripts/fuzz.py``.
"""

import gzip
import io
import json
import random
import shutil
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
import tifffile
from PIL import Image as Picture
from pydicom.data import get_testdata_file

from napari_medfm.core.geometry import Grid
from napari_medfm.core.labels import LabelClass
from napari_medfm.core.results import Embedding
from napari_medfm.engine.intake import image_of
from napari_medfm.engine.store import EmbeddingStore
from napari_medfm.exporters import export_labels
from napari_medfm.heads import make
from napari_medfm.readers import read_image
from napari_medfm.readers.labels import read_labels
from napari_medfm.verbs.headfile import head_bytes, read_head
from napari_medfm.verbs.trained import Expert, TrainedModel

CLASSES = tuple(
    LabelClass(name, value, "#e69f00") for value, name in enumerate(("background", "a"))
)
KEY = "ab" * 32
RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 2, (3, 12, 14)).astype(np.uint8)


def picture():
    return image_of(LABELS[0].astype(float), "case")


def volume():
    affine = np.diag([2.0, 0.5, 0.5, 1])
    affine[:3, 3] = 5
    return image_of(
        LABELS.astype(float), "case", affine=affine, metadata={"unit": "mm"}
    )


def _read(path):
    data = read_image(path).data
    np.asarray(data[0])


def _labels_of(image):
    return lambda path: read_labels(path, image)


def _written(name, image, labels):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        export_labels(path, labels, image, CLASSES, {})
        if path.is_dir():
            return {
                p.relative_to(path).as_posix(): p.read_bytes()
                for p in sorted(path.rglob("*"))
                if p.is_file()
            }
        return path.read_bytes()


def _tiff(**options):
    stream = io.BytesIO()
    tifffile.imwrite(stream, RNG.integers(0, 99, (5, 16, 17), np.uint16), **options)
    return stream.getvalue()


def _saved(kind, shape=(16, 17, 3)):
    stream = io.BytesIO()
    Picture.fromarray(RNG.integers(0, 99, shape, np.uint8)).save(stream, kind)
    return stream.getvalue()


def _pydicom(name):
    return Path(get_testdata_file(name, download=False)).read_bytes()


def _nifti():
    return nib.Nifti1Image(
        RNG.integers(0, 99, (5, 6, 7), np.int16), np.eye(4)
    ).to_bytes()


def _head():
    rows = RNG.normal(size=(40, 6)).astype(np.float32)
    truth = np.arange(40) % 2
    experts = tuple(
        Expert(kind, make(name).fit(rows, truth))
        for kind, name in (("tokens", "ridge"), ("filters", "forest"))
    )
    return head_bytes(TrainedModel("pool", CLASSES, experts, (0.0, 0.0), 0.0, {}))


def _entry():
    with tempfile.TemporaryDirectory() as folder:
        store = EmbeddingStore(Path(folder))
        grid = Grid(rows=3, cols=4, stride=(7.0, 7.0), offset=(3.0, 3.0))
        layers = RNG.normal(size=(3, 4, 1, 8)).astype(np.float16)
        store.put(Embedding(layers, grid, KEY, "toy"))
        root = Path(folder) / KEY
        return {
            p.relative_to(root).as_posix(): p.read_bytes()
            for p in sorted(root.rglob("*"))
            if p.is_file()
        }


def _get(path):
    moved = path.with_name(KEY)
    shutil.rmtree(moved, ignore_errors=True)
    path.rename(moved)
    EmbeddingStore(moved.parent).get(KEY)


def targets():
    """Name -> (file name, content or files of a folder, what reads it)."""
    return {
        "nifti": ("a.nii", _nifti(), _read),
        "nifti-gz": ("a.nii.gz", gzip.compress(_nifti(), mtime=0), _read),
        "nrrd": ("a.nrrd", _written("a.nrrd", volume(), LABELS), _read),
        "nrrd-labels": (
            "a.seg.nrrd",
            _written("a.seg.nrrd", volume(), LABELS),
            _labels_of(volume()),
        ),
        "tiff-imagej": ("a.tif", _tiff(imagej=True, metadata={"axes": "ZYX"}), _read),
        "tiff-packed": ("a.tif", _tiff(compression="zlib"), _read),
        "tiff-ome": ("a.ome.tif", _tiff(ome=True, tile=(16, 16)), _read),
        "png": ("a.png", _saved("PNG"), _read),
        "jpeg": ("a.jpg", _saved("JPEG"), _read),
        "dicom": ("a.dcm", _pydicom("MR_small.dcm"), _read),
        "dicom-rle": ("a.dcm", _pydicom("MR_small_RLE.dcm"), _read),
        "dicom-jpeg": ("a.dcm", _pydicom("SC_rgb_small_odd_jpeg.dcm"), _read),
        "ome-zarr": ("a.ome.zarr", _written("a.ome.zarr", volume(), LABELS), _read),
        "coco": (
            "a.coco.json",
            _written("a.coco.json", volume(), LABELS),
            _labels_of(volume()),
        ),
        "geojson": (
            "a.geojson",
            _written("a.geojson", picture(), LABELS[0]),
            _labels_of(picture()),
        ),
        "head": ("a.head.safetensors", _head(), read_head),
        "embedding": ("entry", _entry(), _get),
    }


def mutated(content, rng):
    """Return a damaged copy: bytes changed, cut, doubled; numbers of texts enlarged."""
    if isinstance(content, dict):
        name = rng.choice(sorted(content))
        return {**content, name: mutated(content[name], rng)}
    data = bytearray(content)
    for _ in range(rng.randint(1, 6)):
        if not data:
            break
        at = rng.randrange(min(len(data), rng.choice((64, 600, 10**9))))
        kind = rng.random()
        if kind < 0.5:
            data[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif kind < 0.7:
            new = rng.randbytes(rng.randint(1, 8))
            data[at : at + len(new)] = new
        elif kind < 0.8:
            data[at : at + rng.randint(1, 16)] = b""
        elif kind < 0.9:
            data[at:at] = data[at : at + rng.randint(1, 64)]
        else:
            data[at : at + 1] = rng.choice(
                (b"9999999999", b"-1", b"../", b"[", b"null")
            )
    if rng.random() < 0.1:
        del data[rng.randrange(len(data) + 1) :]
    return bytes(data)


def put(folder, name, content):
    """Write a file, or the files of a folder, and return its path."""
    path = folder / name
    if isinstance(content, bytes):
        path.write_bytes(content)
        return path
    shutil.rmtree(path, ignore_errors=True)
    for relative, part in content.items():
        place = path / relative
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(part)
    return path


def inputs(content, seed, count):
    """Yield the seed itself, then damaged copies; the same ones for the same seed."""
    rng = random.Random(seed)  # noqa: S311  not for secrets
    yield content
    for _ in range(count - 1):
        yield mutated(content, rng)


def described(content):
    """Return an input as JSON, so that a failure can be kept."""
    if isinstance(content, bytes):
        return json.dumps(content.hex())
    return json.dumps({name: part.hex() for name, part in content.items()})
