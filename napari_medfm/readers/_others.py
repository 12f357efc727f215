"""Formats that are not read, by suffix, and what makes a file of them that is."""

from __future__ import annotations

from pathlib import Path

_QUPATH = "save it as OME-TIFF, with QuPath say"
_FIJI = "save it as OME-TIFF, with Fiji say"
_SLICER = "save it as NIfTI or NRRD, with 3D Slicer say"
_AS_PNG = "save it as PNG or TIFF"
_OTHERS = {
    ".mrxs": ("a slide of 3DHISTECH", _QUPATH),
    ".vsi": ("a slide of Olympus", _QUPATH),
    ".bif": ("a slide of Ventana", _QUPATH),
    ".vms": ("a slide of Hamamatsu in several files", _QUPATH),
    ".vmu": ("a slide of Hamamatsu in several files", _QUPATH),
    ".svslide": ("a slide of Sakura", _QUPATH),
    ".isyntax": ("a slide of Philips", "save it as TIFF with the scanner's software"),
    ".i2syntax": ("a slide of Philips", "save it as TIFF with the scanner's software"),
    ".czi": ("a file of Zeiss", _QUPATH),
    ".zvi": ("a file of Zeiss", _FIJI),
    ".lif": ("a file of Leica's microscopes", _FIJI),
    ".nd2": ("a file of Nikon", _FIJI),
    ".oir": ("a file of Olympus", _FIJI),
    ".oib": ("a file of Olympus", _FIJI),
    ".ims": ("a file of Imaris", _FIJI),
    ".mha": ("a MetaImage", _SLICER),
    ".mhd": ("a MetaImage", _SLICER),
    ".mgz": ("a volume of FreeSurfer", "make a NIfTI of it with mri_convert"),
    ".mgh": ("a volume of FreeSurfer", "make a NIfTI of it with mri_convert"),
    ".img": ("an Analyze or NIfTI pair", _SLICER),
    ".hdr": ("an Analyze or NIfTI pair", _SLICER),
    ".mnc": ("a MINC volume", "make a NIfTI of it with mnc2nii"),
    ".jp2": ("JPEG 2000", _AS_PNG),
    ".bmp": ("a bitmap", _AS_PNG),
    ".gif": ("a GIF", _AS_PNG),
    ".webp": ("a WebP", _AS_PNG),
    ".heic": ("a HEIC", _AS_PNG),
    ".npy": ("a NumPy array", "load it in Python and pass it to add_image"),
    ".npz": ("a NumPy archive", "load it in Python and pass it to add_image"),
}


# They begin as TIFF does; what is read so is an overview, not the tissue.
_LIKE_TIFF = {".vsi", ".bif"}


def refusal_of(path: Path, start: bytes = b"") -> str | None:
    """Say what a file is and the way out; None where its name says nothing.

    Parameters
    ----------
    start
        How it begins, if that is known to be of a format that is read.
    """
    suffix = path.suffix.lower()
    if suffix not in _OTHERS or (start and suffix not in _LIKE_TIFF):
        return None
    what, way_out = _OTHERS[suffix]
    return f"{path.name} is {what}, which is not read here: {way_out}"
