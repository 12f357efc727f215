"""PNG and JPEG pictures, through Pillow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadFile
from napari_medfm.readers._guard import check_size, reading
from napari_medfm.readers._loaded import Loaded, ReaderSpec
from napari_medfm.readers._png16 import read_png16

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_MAX_PIXELS = 150_000_000
_BAND = 256
_PLAIN = {"L", "RGB", "I;16", "I;16B", "I;16L", "I", "F"}
_EXIF_ORIENTATION = 0x0112


def read_picture(path: Path) -> Loaded:
    """Read a .png, .jpg or .jpeg file.

    Palettes become RGB, bilevel pictures 0 and 255; transparency is dropped; 16 bits
    are kept. Pixels stay as stored: an EXIF orientation is noted, not applied.

    Raises
    ------
    BadFile
        If it is damaged, truncated, neither PNG nor JPEG, or too large to be decoded.
    """
    from PIL import Image

    with reading(path, Image.DecompressionBombError):
        with path.open("rb") as stream:
            start = stream.read(32)
        deep = start.startswith(_PNG) and start[24] == 16 and start[25] in (2, 4, 6)
        with Image.open(path, formats=("PNG", "JPEG")) as image:
            if image.width * image.height > _MAX_PIXELS:
                raise BadFile(
                    f"{path.name} has {image.width} x {image.height} pixels: save "
                    "such a large picture as a tiled TIFF"
                )
            pixel = 8 if deep else 1 if image.mode in ("1", "L") else 4
            check_size(path, image.width * image.height * pixel)
            metadata = {
                "format": "png" if start.startswith(_PNG) else "jpeg",
                "unit": None,
                "window": None,
                "mode": image.mode,
                "exif_orientation": image.getexif().get(_EXIF_ORIENTATION, 1),
            }
            data = read_png16(path) if deep else _pixels(image)
    return Loaded(data, 2 if data.ndim == 3 else None, metadata=metadata)


def _pixels(image: Any) -> NDArray[Any]:
    """Copy a picture band by band: Pillow holds it once, we hold it once."""
    image.load()
    first = _band(image, 0)
    data = np.empty((image.height, *first.shape[1:]), first.dtype)
    for top in range(0, image.height, _BAND):
        data[top : top + _BAND] = _band(image, top)
    return data


def _band(image: Any, top: int) -> NDArray[Any]:
    bottom = min(top + _BAND, image.height)
    band = image.crop((0, top, image.width, bottom))
    if band.mode in _PLAIN:
        return np.array(band)
    if band.mode in ("1", "LA"):
        return np.array(band.convert("L"))
    if band.mode == "P":
        band = band.convert("RGBA")
    if band.mode in ("RGBA", "RGBX", "PA"):
        return np.array(band.convert("RGBA"))[..., :3]
    return np.array(band.convert("RGB"))


def _recognises(start: bytes) -> bool:
    return start.startswith((_PNG, _JPEG))


SPEC = ReaderSpec(
    "picture", "PNG, JPEG", (".png", ".jpg", ".jpeg"), _recognises, read_picture
)
