"""Measure the objects of a label map, in pixels and in physical units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.image import Image


@dataclass(frozen=True)
class Measurement:
    """One connected object of one class.

    Parameters
    ----------
    pixels
        Pixels (voxels) inside.
    size
        Area or volume in the units of the image's spacing, squared or cubed.
    centre
        Mean position as array indices, one an axis.
    box
        First and last-but-one index per axis: starts, then stops.
    intensity_mean, intensity_std
        Of the raw pixels inside; the mean over channels where there are several.
    """

    value: int
    number: int
    pixels: int
    size: float
    centre: tuple[float, ...]
    box: tuple[int, ...]
    intensity_mean: float
    intensity_std: float


def measure(
    labels: NDArray[np.integer[Any]], image: Image, value: int
) -> list[Measurement]:
    """Measure each connected object (touching also at corners) of one class.

    Parameters
    ----------
    labels
        Class values of the image's shape.
    """
    from scipy import ndimage

    structure = np.ones((3,) * image.ndim, bool)
    objects, _ = ndimage.label(labels == value, structure)
    pixel_size = float(abs(np.linalg.det(image.affine[:-1, :-1])))
    found = []
    for number, place in enumerate(ndimage.find_objects(objects), 1):
        inside = objects[place] == number
        starts = np.array([part.start for part in place])
        centre = np.argwhere(inside).mean(0) + starts
        intensities = _intensities(image, place)[inside].astype(np.float64)
        found.append(
            Measurement(
                value=value,
                number=number,
                pixels=int(inside.sum()),
                size=float(inside.sum()) * pixel_size,
                centre=tuple(centre.tolist()),
                box=(*starts.tolist(), *(part.stop for part in place)),
                intensity_mean=float(intensities.mean()),
                intensity_std=float(intensities.std()),
            )
        )
    return found


def _intensities(image: Image, place: tuple[slice, ...]) -> NDArray[Any]:
    planes = range(*place[0].indices(image.n_planes)) if image.ndim == 3 else (0,)
    rows, cols = place[-2:]
    parts = [image.plane(plane)[rows, cols] for plane in planes]
    stack = np.stack(parts) if image.ndim == 3 else parts[0]
    return stack.mean(-1) if image.channel_axis is not None else stack
