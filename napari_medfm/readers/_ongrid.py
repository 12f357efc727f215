"""Bring a label map onto the grid of its image, without resampling."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadInput, LiesElsewhere
from napari_medfm.core.image import Image

_CLOSE = 0.05


def check_count(path: Path, shape: tuple[int, ...], image: Image) -> None:
    """Refuse a label map of more or fewer voxels than its image, before it is read.

    Raises
    ------
    BadInput
        If their numbers differ.
    """
    if math.prod(shape) != math.prod(image.shape):
        raise _other_shape(path, shape, image)


def on_grid(
    path: Path,
    values: NDArray[Any],
    affine: NDArray[np.float64] | None,
    image: Image,
) -> NDArray[Any]:
    """Return labels in the image's shape and order of axes.

    Where the file says how its voxels lie, axes are exchanged and flipped so that every
    voxel meets the image's voxel at its place; without, index by index.

    Raises
    ------
    BadInput
        If the shapes differ, or the voxels do not meet.
    """
    if affine is None or image.ndim != 3 or values.ndim != 3 or _placeless(image):
        return _same_shape(path, values, image)
    across = np.linalg.inv(image.affine) @ affine
    turns = np.rint(across[:3, :3])
    permuted = (np.abs(turns).sum(0) == 1).all() and (np.abs(turns).sum(1) == 1).all()
    if not permuted or np.abs(across[:3, :3] - turns).max() > _CLOSE / max(image.shape):
        raise _elsewhere(path, image)
    order = [int(np.flatnonzero(turns[axis])[0]) for axis in range(3)]
    signs = [int(turns[axis, source]) for axis, source in enumerate(order)]
    placed = values.transpose(order)[tuple(slice(None, None, sign) for sign in signs)]
    start = [
        0 if sign > 0 else size - 1
        for sign, size in zip(signs, placed.shape, strict=True)
    ]
    if placed.shape != image.shape or np.abs(across[:3, 3] - start).max() > _CLOSE:
        raise _elsewhere(path, image)
    return placed


def _placeless(image: Image) -> bool:
    """Whether nothing is known of where the image lies."""
    return bool(np.array_equal(image.affine, np.diag([*image.spacing, 1.0])))


def _same_shape(path: Path, values: NDArray[Any], image: Image) -> NDArray[Any]:
    if values.shape == image.shape:
        return values
    kept = tuple(n for n in values.shape if n > 1)
    if kept == tuple(n for n in image.shape if n > 1):
        return values.reshape(image.shape)
    raise _other_shape(path, values.shape, image)


def _other_shape(path: Path, shape: tuple[int, ...], image: Image) -> BadInput:
    return BadInput(
        f"{path.name} has shape {tuple(shape)}, {image.name!r} has {image.shape}: "
        "labels have the shape of their image"
    )


def _elsewhere(path: Path, image: Image) -> BadInput:
    return LiesElsewhere(
        f"{path.name} lies on another grid than {image.name!r}: resample it onto the "
        "image first; or anywhere=True, if you know that its voxels are the image's"
    )
