"""Measure the objects of a label map, in pixels and in physical units."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

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
    diameter_max
        Largest distance between two corners of its pixels, in units of the spacing.
    diameter_equivalent
        Diameter of the disc of its area, or the ball of its volume.
    centre
        Mean position as array indices, one an axis.
    world
        The same in the image's world, in array order: (y, x) or (z, y, x).
    box
        First and last-but-one index per axis: starts, then stops.
    intensity_mean, intensity_std, intensity_min, intensity_max, intensity_median
        Of the raw pixels inside; of the mean over channels where there are several.
    probability
        Mean probability of its class inside; None where no head was asked.
    uncertainty
        Mean uncertainty inside, 0 sure ... 1 unsure; None as above.
    """

    value: int
    number: int
    pixels: int
    size: float
    diameter_max: float
    diameter_equivalent: float
    centre: tuple[float, ...]
    world: tuple[float, ...]
    box: tuple[int, ...]
    intensity_mean: float
    intensity_std: float
    intensity_min: float
    intensity_max: float
    intensity_median: float
    probability: float | None = None
    uncertainty: float | None = None


@dataclass(frozen=True, eq=False)
class Belief:
    """What a head says of one class: probability and uncertainty, the image's shape."""

    probability: NDArray[np.floating[Any]]
    uncertainty: NDArray[np.floating[Any]]


def measure(
    labels: NDArray[np.integer[Any]],
    image: Image,
    value: int,
    belief: Belief | None = None,
) -> list[Measurement]:
    """Measure each connected object (touching also at corners) of one class.

    Parameters
    ----------
    labels
        Class values of the image's shape.
    belief
        What a head says of this class, if one was asked.
    """
    from scipy import ndimage

    structure = np.ones((3,) * image.ndim, bool)
    objects, _ = ndimage.label(labels == value, structure)
    return [
        _measured(objects[place] == number, place, image, (value, number), belief)
        for number, place in enumerate(ndimage.find_objects(objects), 1)
    ]


def _measured(
    inside: NDArray[np.bool_],
    place: tuple[slice, ...],
    image: Image,
    which: tuple[int, int],
    belief: Belief | None,
) -> Measurement:
    linear = image.affine[:-1, :-1]
    starts = np.array([part.start for part in place])
    centre = np.argwhere(inside).mean(0) + starts
    size = float(inside.sum()) * float(abs(np.linalg.det(linear)))
    values = intensities(image, place)[inside].astype(np.float64)
    ball = (
        2 * math.sqrt(size / math.pi)
        if image.ndim == 2
        else (6 * size / math.pi) ** (1 / 3)
    )
    return Measurement(
        value=which[0],
        number=which[1],
        pixels=int(inside.sum()),
        size=size,
        diameter_max=diameter(inside, linear),
        diameter_equivalent=ball,
        centre=tuple(centre.tolist()),
        world=tuple((linear @ centre + image.affine[:-1, -1]).tolist()),
        box=(*starts.tolist(), *(part.stop for part in place)),
        intensity_mean=float(values.mean()),
        intensity_std=float(values.std()),
        intensity_min=float(values.min()),
        intensity_max=float(values.max()),
        intensity_median=float(np.median(values)),
        probability=None
        if belief is None
        else _mean(belief.probability, place, inside),
        uncertainty=None
        if belief is None
        else _mean(belief.uncertainty, place, inside),
    )


def diameter(inside: NDArray[np.bool_], linear: ArrayLike) -> float:
    """Return the largest distance between two corners of a mask's pixels.

    Parameters
    ----------
    inside
        (rows, cols) or (planes, rows, cols), not empty.
    linear
        Matrix from index steps to physical steps.
    """
    from scipy.spatial import ConvexHull
    from scipy.spatial.distance import pdist

    lines = inside.reshape(-1, inside.shape[-1])
    filled = np.flatnonzero(lines.any(1))
    first = lines[filled].argmax(1)
    last = lines.shape[1] - lines[filled, ::-1].argmax(1)
    heads = np.column_stack(np.unravel_index(filled, inside.shape[:-1]))
    ends = np.vstack([np.column_stack([heads, first]), np.column_stack([heads, last])])
    steps = (
        np.array(np.meshgrid(*[[0, 1]] * (inside.ndim - 1)))
        .reshape(inside.ndim - 1, -1)
        .T
    )
    corners = np.vstack([ends + np.append(step, 0) for step in steps]).astype(float)
    placed = np.unique(corners, axis=0) @ np.asarray(linear, float).T
    return float(pdist(placed[ConvexHull(placed, qhull_options="QJ").vertices]).max())


def intensities(image: Image, place: tuple[slice, ...]) -> NDArray[Any]:
    """Return the pixels of a region, the mean over channels where there are several."""
    key: list[slice] = list(place)
    if image.channel_axis is None:
        return np.asarray(image.data[tuple(key)])
    key.insert(image.channel_axis, slice(None))
    pixels: NDArray[Any] = np.asarray(image.data[tuple(key)])
    return np.asarray(pixels.mean(image.channel_axis))


def _mean(
    values: NDArray[np.floating[Any]],
    place: tuple[slice, ...],
    inside: NDArray[np.bool_],
) -> float:
    return float(values[place][inside].astype(np.float64).mean())
