"""Images and labels, one seed a format, small enough that damage hits what matters."""

import gzip
import io
import json
import struct
import tempfile
import zlib
from pathlib import Path

import nibabel as nib
import numcodecs
import numpy as np
import pydicom
import tifffile
import zarr  # noqa: TID253
from PIL import Image as Picture
from pydicom.data import get_testdata_file
from slices import NORMAL, slice_of
from toys import ToyEncoder, ToySegmenter

from fuzzing.target import Target
from napari_medfm import Session
from napari_medfm.core.labels import LabelClass
from napari_medfm.engine.intake import image_of
from napari_medfm.exporters import export_labels
from napari_medfm.readers import read_image
from napari_medfm.readers.labels import read_labels

CLASSES = tuple(
    LabelClass(name, value, "#e69f00") for value, name in enumerate(("background", "a"))
)
RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 2, (3, 12, 14)).astype(np.uint8)
AFFINE = np.array([[2, 0, 0, 5], [0, 0.5, 0, 5], [0, 0, 0.5, 5], [0, 0, 0, 1.0]])
PHILIPS = """<?xml version="1.0"?><DataObject ObjectType="DPUfsImport">
<Attribute Name="DICOM_MANUFACTURER">PHILIPS</Attribute>
<Attribute Name="DICOM_PIXEL_SPACING">"0.0002" "0.00025"</Attribute>
</DataObject>"""
_LEICA_IMAGE = """<image uuid="a"><creationDate>2020-01-01</creationDate>
<device model="m" version="1"/><pixels sizeX="{side}" sizeY="{side}">
<dimension sizeX="{side}" sizeY="{side}" r="0" ifd="{page}"/>
<dimension sizeX="16" sizeY="16" r="1" ifd="1"/></pixels>
<view sizeX="{wide}" sizeY="{wide}" offsetX="{at}" offsetY="{at}"/>
<scanSettings><objectiveSettings><objective>20</objective></objectiveSettings>
<illuminationSettings><numericalAperture>0.4</numericalAperture>
<illuminationSource>brightfield</illuminationSource></illuminationSettings>
</scanSettings></image>"""
LEICA = (
    '<?xml version="1.0"?>\n'
    '<scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01" version="2.0">'
    '<collection sizeX="64000" sizeY="64000">'
    + _LEICA_IMAGE.format(side=16, page=1, wide=64000, at=0)
    + _LEICA_IMAGE.format(side=32, page=0, wide=16000, at=8000)
    + "</collection></scn>"
)


def picture():
    return image_of(LABELS[0].astype(float), "case")


def volume():
    return image_of(
        LABELS.astype(float), "case", affine=AFFINE, metadata={"unit": "mm"}
    )


def read(path):
    """Read an image, and a corner of its first plane; return what is in memory."""
    data = read_image(path).data
    if isinstance(data, np.ndarray):
        return data
    return np.asarray(data[(*(0,) * (data.ndim - 2), slice(64), slice(64))])


def labels_of(image):
    def read_for(path):
        found = read_labels(path, image)
        return [found.values, *found.whole.values()]

    return read_for


def files_below(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def written(name, image, labels):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        export_labels(path, labels, image, CLASSES, {})
        return files_below(path) if path.is_dir() else path.read_bytes()


def tiff(shape=(5, 16, 17), **options):
    stream = io.BytesIO()
    tifffile.imwrite(stream, RNG.integers(0, 99, shape, np.uint16), **options)
    return stream.getvalue()


def slide(**options):
    stream = io.BytesIO()
    colours = RNG.integers(0, 255, (32, 32, 3), np.uint8)
    with tifffile.TiffWriter(stream) as tif:
        facts = {"photometric": "rgb", "metadata": None, "tile": (16, 16), **options}
        tif.write(colours, **facts)
        facts["description"] = facts.get("description", "")
        tif.write(colours[::2, ::2], **{**facts, "subfiletype": 1})
    return stream.getvalue()


def hamamatsu():
    """A page as Hamamatsu's scanners write it: places of pages in 64 bits."""
    pixels = RNG.integers(0, 255, (16, 16, 3), np.uint8).tobytes()
    maker = b"Hamamatsu\0"
    at_maker = 16 + len(pixels)
    tags = [
        (256, 4, 1, 16),
        (257, 4, 1, 16),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (271, 2, len(maker), at_maker),
        (273, 4, 1, 16),
        (277, 3, 1, 3),
        (278, 4, 1, 16),
        (279, 4, 1, len(pixels)),
        (65420, 4, 1, 1),
        (65421, 4, 1, 20),
    ]
    page = struct.pack("<H", len(tags))
    page += b"".join(struct.pack("<HHII", *tag) for tag in tags)
    page += bytes(8 + 4 * len(tags))
    start = b"II*\0" + struct.pack("<Q", at_maker + len(maker)) + bytes(4)
    return start + pixels + maker + page


def saved(kind, pixels):
    stream = io.BytesIO()
    Picture.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def colours(shape=(16, 17, 3)):
    return RNG.integers(0, 99, shape, np.uint8)


def png16():
    """A picture of 16 bits a channel, which Pillow cannot write."""
    pixels = RNG.integers(0, 65535, (6, 7, 3)).astype(">u2")
    rows = b"".join(bytes([n % 5]) + row.tobytes() for n, row in enumerate(pixels))
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", 7, 6, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body))
        + kind
        + body
        + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def of_pydicom(name):
    return Path(get_testdata_file(name, download=False)).read_bytes()


def nifti(kind=nib.Nifti1Image):
    made = kind(RNG.integers(0, 99, (5, 6, 7), np.int16), np.eye(4))
    made.header.set_slope_inter(2, 1)
    return made.to_bytes()


def detached():
    header = (
        "NRRD0005\ntype: short\ndimension: 3\nsizes: 5 6 7\nencoding: raw\n"
        "endian: little\nspace: left-posterior-superior\n"
        "space directions: (1,0,0) (0,1,0) (0,0,2)\nspace origin: (1,2,3)\n"
        "data file: a.raw\n\n"
    )
    pixels = RNG.integers(0, 99, (7, 6, 5)).astype("<i2")
    return {"a.nhdr": header.encode(), "a.raw": pixels.tobytes()}


def series(shape=(12, 14)):
    """Three slices in a folder, on the grid of `scan`."""
    found = {}
    for plane, name in enumerate("bca"):
        position = np.array([10, 20, 30]) + 2 * plane * NORMAL
        made = slice_of(
            RNG.integers(0, 3000, shape),
            position,
            InstanceNumber=plane + 1,
            StudyInstanceUID="1.2.3.4",
            PatientID="a",
            PatientBirthDate="",
            PatientSex="",
            StudyDate="",
            StudyTime="",
            StudyID="",
            AccessionNumber="",
            ReferringPhysicianName="",
            FrameOfReferenceUID="1.2.3.9",
            SeriesNumber=1,
            PositionReferenceIndicator="",
        )
        stream = io.BytesIO()
        made.save_as(stream, enforce_file_format=True)
        found[name] = stream.getvalue()
    return found


def scan(folder):
    """A session with the series."""
    for name, content in series().items():
        (folder / name).write_bytes(content)
    session = Session(ToyEncoder(), ToySegmenter())
    session.add_image(folder, "case")
    session.add_class("organ")
    session.add_class("part")
    return session


def segmentation():
    """Two overlapping segments as DICOM-SEG, and the image they are of."""
    with tempfile.TemporaryDirectory() as folder:
        session = scan(Path(folder))
        organ, part = np.zeros((2, 3, 12, 14), bool)
        organ[:, 2:9, 2:9], part[1:, 4:6, 5:7] = True, True
        session.accept("case", organ, "organ")
        session.accept("case", part, "part", origin="edited")
        session.export_masks("case", Path(folder) / "a.seg.dcm")
        return (Path(folder) / "a.seg.dcm").read_bytes(), session.images["case"]


def structures(image):
    """Contours of two structures, one with a hole."""
    made = pydicom.dcmread(
        get_testdata_file("rtstruct.dcm", download=False), force=True
    )
    rois, drawn = [], []
    for number, name in enumerate(("GTV", "organ"), 1):
        roi, structure = pydicom.Dataset(), pydicom.Dataset()
        roi.ROINumber, roi.ROIName = number, name
        structure.ReferencedROINumber = number
        structure.ROIDisplayColor, structure.ContourSequence = [255, 0, 0], []
        for low, high in ((2, 9), (4, 6)):
            corners = ((low, low), (low, high), (high, high), (high, low))
            index = np.array([[1, row - 0.5, col - 0.5, 1] for row, col in corners])
            contour = pydicom.Dataset()
            contour.ContourGeometricType = "CLOSED_PLANAR"
            points = (index @ image.affine.T)[:, 2::-1] * [-1, -1, 1]
            contour.ContourData = [float(round(v, 5)) for v in points.ravel()]
            contour.NumberOfContourPoints = 4
            structure.ContourSequence.append(contour)
        rois.append(roi)
        drawn.append(structure)
    made.StructureSetROISequence, made.ROIContourSequence = rois, drawn
    stream = io.BytesIO()
    made.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def packed_zarr(version, **more):
    """An OME-Zarr image whose chunks are packed; 0.4 in zarr 2, or 0.5 in shards."""
    axes = [{"name": n, "type": "space", "unit": "millimeter"} for n in "zyx"]
    step = {"type": "scale", "scale": [2.0, 0.5, 0.5]}
    image = {
        "version": "0.4" if version == 2 else "0.5",
        "axes": axes,
        "datasets": [{"path": "0", "coordinateTransformations": [step]}],
    }
    if version == 2:
        packing = {
            "compressors": numcodecs.Blosc("zstd"),
            "chunks": (2, 12, 14),
        }
    else:
        packing = {"chunks": (1, 6, 7), "shards": (3, 12, 14), **more}
    with tempfile.TemporaryDirectory() as folder:
        group = zarr.open_group(folder, mode="w", zarr_format=version)
        facts = {"multiscales": [image]}
        group.attrs.update(facts if version == 2 else {"ome": facts})
        array = group.create_array("0", shape=LABELS.shape, dtype="uint8", **packing)
        array[...] = LABELS
        return files_below(Path(folder))


def read_beside(path):
    return read(path / "a.nhdr")


def image_targets():
    """Name -> target, for what opens as an image."""
    scanner = {"subifds": 0, "software": "Philips DP v1", "description": PHILIPS}
    aperio = "Aperio Image Library v11\n32x32 [0,0 32x32]|AppMag = 20|MPP = 0.5"
    return {
        "nifti": Target("a.nii", nifti(), read),
        "nifti-2": Target("a.nii", nifti(nib.Nifti2Image), read),
        "nifti-gz": Target("a.nii.gz", gzip.compress(nifti(), mtime=0), read),
        "nrrd": Target("a.nrrd", written("a.nrrd", volume(), LABELS), read),
        "nrrd-detached": Target("a", detached(), read_beside, ("a.nhdr",)),
        "tiff-imagej": Target(
            "a.tif", tiff(imagej=True, metadata={"axes": "ZYX"}), read
        ),
        "tiff-packed": Target("a.tif", tiff(compression="zlib"), read),
        "tiff-ome": Target("a.ome.tif", tiff(ome=True, tile=(16, 16)), read),
        "tiff-big": Target("a.tif", tiff(bigtiff=True), read),
        "slide-aperio": Target("a.svs", slide(description=aperio), read),
        "slide-philips": Target("a.tiff", slide(**scanner), read),
        "slide-hamamatsu": Target("a.ndpi", hamamatsu(), read),
        "slide-leica": Target("a.scn", slide(description=LEICA), read),
        "png": Target("a.png", saved("PNG", colours()), read),
        "png-16": Target("a.png", png16(), read),
        "jpeg": Target("a.jpg", saved("JPEG", colours()), read),
        "dicom": Target("a.dcm", of_pydicom("MR_small.dcm"), read),
        "dicom-rle": Target("a.dcm", of_pydicom("MR_small_RLE.dcm"), read),
        "dicom-jpeg": Target("a.dcm", of_pydicom("SC_rgb_small_odd_jpeg.dcm"), read),
        "dicom-j2k": Target("a.dcm", of_pydicom("JPEG2000.dcm"), read),
        "dicom-jpegls": Target("a.dcm", of_pydicom("JPEGLSNearLossless_16.dcm"), read),
        "dicom-deflated": Target("a.dcm", of_pydicom("image_dfl.dcm"), read),
        "dicom-dose": Target("a.dcm", of_pydicom("rtdose.dcm"), read),
        "dicom-series": Target("a", series(), read),
        "ome-zarr": Target("a.ome.zarr", written("a.ome.zarr", volume(), LABELS), read),
        "ome-zarr-2": Target("a.zarr", packed_zarr(2), read, (".zattrs", "0/.zarray")),
        "ome-zarr-sharded": Target("a.zarr", packed_zarr(3), read, ("0/zarr.json",)),
        "ome-zarr-blosc": Target(
            "a.zarr",
            packed_zarr(3, compressors=zarr.codecs.BloscCodec()),
            read,
            ("0/zarr.json",),
        ),
    }


def label_targets():
    """Name -> target, for what is read as labels of an image."""
    flat, deep = labels_of(picture()), labels_of(volume())
    seg, image = segmentation()
    beside = {
        "a.png": saved("PNG", LABELS[0]),
        "a.png.provenance.json": json.dumps(
            {"classes": [{"value": 1, "name": "a", "colour": "#ff0000"}]}
        ).encode(),
    }

    def named(path):
        return flat(path / "a.png")

    return {
        "rtstruct": Target("a.dcm", structures(image), labels_of(image)),
        "dicom-seg": Target("a.seg.dcm", seg, labels_of(image)),
        "nrrd-labels": Target(
            "a.seg.nrrd", written("a.seg.nrrd", volume(), LABELS), deep
        ),
        "zarr-labels": Target(
            "a.ome.zarr", written("a.ome.zarr", volume(), LABELS), deep
        ),
        "png-labels": Target("a", beside, named, ("a.png.provenance.json",)),
        "coco": Target("a.coco.json", written("a.coco.json", volume(), LABELS), deep),
        "coco-polygons": Target(
            "a.json", written("a.polygons.json", volume(), LABELS), deep
        ),
        "geojson": Target(
            "a.geojson", written("a.geojson", picture(), LABELS[0]), flat
        ),
    }
