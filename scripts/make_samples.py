"""Make the files of ``napari_medfm/sample_data`` from nilearn and scikit-image.

Run: ``pip install nilearn`` and ``python scripts/make_samples.py``. The same versions
give the same bytes. Where each comes from and its licence: ``DATA_LICENSES.md``.
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import skimage
from nilearn import datasets
from PIL import Image

HERE = Path(__file__).resolve().parent.parent / "napari_medfm" / "sample_data"
MARGIN = (6, 6, 1)
THICK = 3
GREY, WHITE = 1, 2


def main() -> None:
    brain()
    pictures()
    for path in sorted(HERE.glob("*.*")):
        if path.suffix != ".py":
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            print(f"{digest}  {path.stat().st_size:>8}  {path.name}")


def brain() -> None:
    """Average slices of 3 mm, crop to the brain, label by majority.

    The axes are turned to run Left, Posterior, Superior, as scanners write them, so
    that a plane seen as an array looks as in radiology.
    """
    folder = Path(datasets.__file__).parent / "data"
    name = "mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"
    t1, grey, white = (nib.load(folder / name.format(k)) for k in ("t1", "gm", "wm"))
    affine = t1.affine @ np.diag([-1, -1, THICK, 1])
    affine[:2, 3] += np.subtract(t1.shape[:2], 1)
    affine[:3, 3] += t1.affine[:3, 2] * (THICK - 1) / 2
    volume, g, w = (_thick(np.asarray(i.dataobj)) for i in (t1, grey, white))
    where = np.argwhere(volume > 0)
    low = np.maximum(where.min(0) - MARGIN, 0)
    high = np.minimum(where.max(0) + 1 + MARGIN, volume.shape)
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    affine[:3, 3] = (affine @ [*low, 1])[:3]
    g, w = g / 255, w / 255
    other = 1 - g - w
    labels = np.where((w > g) & (w > other), WHITE, 0)
    labels = np.where((g >= w) & (g > other), GREY, labels)
    _write(HERE / "brain_t1.nii.gz", np.rint(volume)[box], affine)
    _write(HERE / "brain_tissue.nii.gz", labels[box], affine)


def pictures() -> None:
    """Copy the tissue as it is; halve the fundus photograph."""
    folder = Path(skimage.__file__).parent / "data"
    shutil.copyfile(folder / "ihc.png", HERE / "tissue_ihc.png")
    with Image.open(folder / "retina.jpg") as image:
        size = (image.width // 2, image.height // 2)
        image.resize(size, Image.Resampling.BOX).save(
            HERE / "fundus.jpg", quality=92, subsampling=0
        )


def _thick(volume: np.ndarray) -> np.ndarray:
    x, y, z = volume.shape
    whole = volume[::-1, ::-1, : z // THICK * THICK].astype(np.float64)
    return whole.reshape(x, y, -1, THICK).mean(3)


def _write(path: Path, values: np.ndarray, affine: np.ndarray) -> None:
    image = nib.Nifti1Image(values.astype(np.uint8), affine)
    image.set_sform(affine, 4)
    image.set_qform(affine, 4)
    image.header.set_xyzt_units("mm")
    with (
        path.open("wb") as raw,
        gzip.GzipFile("", "wb", compresslevel=9, fileobj=raw, mtime=0) as stream,
    ):
        image.to_stream(stream)


if __name__ == "__main__":
    main()
