"""How layers lie: their whole transform, and what napari can cut into true planes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Layer
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
FOLLOWED = ("scale", "translate", "rotate", "shear", "affine")
_SLANT = 1e-5


def matrix_of(layer: Layer) -> Matrix:
    """Return a layer's whole transform, array index -> world, (ndim + 1, ndim + 1).

    Scale, translation, rotation, shear and affine are composed.
    """
    ndim = layer.ndim
    origin = np.asarray(layer.data_to_world(np.zeros(ndim)), float)
    matrix = np.eye(ndim + 1)
    for axis, unit in enumerate(np.eye(ndim)):
        matrix[:ndim, axis] = np.asarray(layer.data_to_world(unit), float) - origin
    matrix[:ndim, ndim] = origin
    return matrix


def is_tilted(layer: Layer) -> bool:
    """Whether the planes that napari cuts are not planes of a volume's first axis.

    napari cuts at right angles to the slider. A transform that mixes the first axis
    with rows and columns makes it show another plane than the index says.
    """
    if layer.ndim != 3:
        return False
    linear = matrix_of(layer)[:3, :3]
    linear = linear / np.linalg.norm(linear, axis=0)
    mixed = np.abs([*linear[0, 1:], *linear[1:, 0]])
    return bool(mixed.max() > _SLANT)


def lie_as(layer: Layer, matrix: Matrix) -> None:
    """Give a layer a whole transform, as scale and translation where these can say it.

    Parameters
    ----------
    matrix
        Array index -> world.
    """
    ndim = layer.ndim
    linear, shift = matrix[:ndim, :ndim], matrix[:ndim, ndim]
    steps = np.diag(linear)
    plain = bool((steps > 0).all() and np.allclose(linear, np.diag(steps), atol=1e-12))
    layer.rotate, layer.shear = np.eye(ndim), np.zeros(ndim * (ndim - 1) // 2)
    layer.scale = steps if plain else np.ones(ndim)
    layer.translate = shift if plain else np.zeros(ndim)
    layer.affine = np.eye(ndim + 1) if plain else matrix


@dataclass(frozen=True)
class Lie:
    """Where an answer lies on an image.

    Parameters
    ----------
    plane
        For an answer of one plane of a volume, shape (1, rows, cols): its plane.
    origin, step
        For an answer of a part of a plane: the part's first pixel; and how many of the
        image's pixels one of the answer's covers, (rows, cols).
    """

    plane: int | None = None
    origin: tuple[float, float] = (0.0, 0.0)
    step: tuple[float, float] = (1.0, 1.0)


def geometry_of(layer: Layer, lie: Lie | None = None) -> dict[str, Any]:
    """Return the transform arguments of a layer that lies on another."""
    lie, ndim = lie or Lie(), layer.ndim
    translate, scale = np.array(layer.translate, float), np.array(layer.scale, float)
    shift = np.zeros(ndim)
    shift[-2:] = np.add(lie.origin, np.subtract(lie.step, 1) / 2)
    shift[0] += lie.plane or 0
    if shift.any():
        linear = np.asarray(layer.affine.linear_matrix, float)
        full = matrix_of(layer)[:ndim, :ndim] @ shift
        translate = translate + np.linalg.solve(linear, full)
    scale[-2:] *= lie.step
    return {
        "scale": scale,
        "translate": translate,
        "rotate": np.array(layer.rotate, float),
        "shear": np.array(layer.shear, float),
        "affine": np.array(layer.affine.affine_matrix, float),
        "units": layer.units,
        "axis_labels": layer.axis_labels,
    }
