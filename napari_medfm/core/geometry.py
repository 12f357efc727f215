"""Positions: pixels, boxes, token grids and the world. The only place that converts.

Pixel centres are at integers: pixel ``i`` covers ``[i - 0.5, i + 0.5)``. Everything is
row first. Boxes are half-open in array indices: ``(row0, col0, row1, col1)`` holds the
pixels ``row0 .. row1 - 1``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medfm.core.arguments import array_of, numbers_of, shown
from napari_medfm.core.errors import BadInput

Floats = NDArray[np.float64]
_LARGEST = 1e12


class Box(NamedTuple):
    """A half-open rectangle of pixels, ``(row0, col0, row1, col1)``."""

    row0: float
    col0: float
    row1: float
    col1: float

    @classmethod
    def of(cls, values: ArrayLike) -> Self:
        """Make a box of four numbers; corners may come in any order.

        Raises
        ------
        BadInput
            If there are not four finite numbers, or the box has no area.
        """
        flat = numbers_of(values, "A box").ravel()
        if flat.shape != (4,):
            raise BadInput(
                "A box is four finite numbers (row0, col0, row1, col1), got "
                f"{shown(values)}"
            )
        rows, cols = np.sort(flat[[0, 2]]), np.sort(flat[[1, 3]])
        box = cls(float(rows[0]), float(cols[0]), float(rows[1]), float(cols[1]))
        if box.height <= 0 or box.width <= 0:
            raise BadInput(f"The box {tuple(box)} has no area: drag it over the object")
        return box

    @classmethod
    def around(cls, mask: NDArray[np.bool_]) -> Self | None:
        """Return the tight box of a mask's true pixels; None if there are none."""
        rows, cols = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if not len(rows):
            return None
        return cls(
            rows[0].item(), cols[0].item(), rows[-1].item() + 1, cols[-1].item() + 1
        )

    @property
    def height(self) -> float:
        """Rows covered."""
        return self.row1 - self.row0

    @property
    def width(self) -> float:
        """Columns covered."""
        return self.col1 - self.col0

    @property
    def centre(self) -> tuple[float, float]:
        """Middle, as a pixel position (centres at integers)."""
        return (self.row0 + self.row1 - 1) / 2, (self.col0 + self.col1 - 1) / 2

    def holds(self, other: Box) -> bool:
        """Whether another box lies within this one."""
        return (
            self.row0 <= other.row0
            and self.col0 <= other.col0
            and other.row1 <= self.row1
            and other.col1 <= self.col1
        )

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the box in an array; needs whole numbers (see `rounded`)."""
        return slice(int(self.row0), int(self.row1)), slice(
            int(self.col0), int(self.col1)
        )

    def rounded(self) -> Self:
        """Grow to whole pixels."""
        return type(self)(
            int(np.floor(self.row0)),
            int(np.floor(self.col0)),
            int(np.ceil(self.row1)),
            int(np.ceil(self.col1)),
        )

    def common(self, other: Box) -> Self | None:
        """Return what two boxes share; None if that has no area."""
        box = type(self)(
            max(self.row0, other.row0),
            max(self.col0, other.col0),
            min(self.row1, other.row1),
            min(self.col1, other.col1),
        )
        return box if box.height > 0 and box.width > 0 else None

    def seen_from(self, other: Box) -> Self:
        """Return the same box in positions counted from another's first pixel."""
        row, col = other.row0, other.col0
        return type(self)(
            self.row0 - row, self.col0 - col, self.row1 - row, self.col1 - col
        )

    def clipped(self, shape: tuple[int, int]) -> Self:
        """Keep what lies on a plane of this shape.

        Raises
        ------
        BadInput
            If nothing does.
        """
        box = type(self)(
            max(self.row0, 0),
            max(self.col0, 0),
            min(self.row1, shape[0]),
            min(self.col1, shape[1]),
        )
        if box.height <= 0 or box.width <= 0:
            raise BadInput(
                f"The box {tuple(self)} lies outside the plane of {shape[0]} x "
                f"{shape[1]} pixels: positions are (row, column) array indices"
            )
        return box


@dataclass(frozen=True)
class Grid:
    """A regular grid of tokens on a plane.

    The centre of token ``(i, j)`` lies at pixel ``offset + (i, j) * stride``.

    Parameters
    ----------
    rows, cols
        Number of tokens.
    stride
        Pixels between neighbouring token centres, (row, col).
    offset
        Pixel position of the centre of token (0, 0).
    """

    rows: int
    cols: int
    stride: tuple[float, float]
    offset: tuple[float, float]

    def to_pixels(self, tokens: ArrayLike) -> Floats:
        """Pixel positions (n, 2) of fractional token indices (n, 2)."""
        pixels: Floats = np.asarray(tokens, float) * self.stride + self.offset
        return pixels

    def to_tokens(self, pixels: ArrayLike) -> Floats:
        """Fractional token indices (n, 2) of pixel positions (n, 2)."""
        return (np.asarray(pixels, float) - self.offset) / self.stride

    def part(self, box: Box) -> tuple[tuple[slice, slice], Self]:
        """Return the tokens that pixels of a box lie between, and their own grid.

        Returns
        -------
        index, grid
            Slices of rows and columns of this grid; and the grid of these tokens, in
            positions counted from the box's first pixel.
        """
        corners = [(box.row0, box.col0), (box.row1 - 1, box.col1 - 1)]
        limits = np.array([self.rows - 1, self.cols - 1])
        first, last = self.to_tokens(corners)
        low = np.clip(np.floor(first), 0, limits).astype(int).tolist()
        high = np.clip(np.ceil(last), 0, limits).astype(int).tolist()
        rows, cols = (slice(a, b + 1) for a, b in zip(low, high, strict=True))
        offset = (
            self.offset[0] + low[0] * self.stride[0] - box.row0,
            self.offset[1] + low[1] * self.stride[1] - box.col0,
        )
        size = (rows.stop - rows.start, cols.stop - cols.start)
        return (rows, cols), type(self)(*size, self.stride, offset)

    def nearest(self, pixels: ArrayLike) -> NDArray[np.intp]:
        """Index (n, 2) of the token nearest to each pixel position (n, 2)."""
        index = np.rint(self.to_tokens(pixels)).astype(np.intp)
        return np.clip(index, 0, [self.rows - 1, self.cols - 1])


@dataclass(frozen=True)
class Resize:
    """The map from a crop of a plane to a model's input of another size.

    Both sides have pixel centres at integers, so that
    ``model = (pixel - origin + 0.5) * scale - 0.5``.
    """

    origin: tuple[float, float]
    scale: tuple[float, float]

    def to_model(self, pixels: ArrayLike) -> Floats:
        """Model-input positions (n, 2) of plane positions (n, 2)."""
        shifted = np.asarray(pixels, float) - self.origin
        return (shifted + 0.5) * self.scale - 0.5

    def to_pixels(self, positions: ArrayLike) -> Floats:
        """Plane positions (n, 2) of model-input positions (n, 2)."""
        return (np.asarray(positions, float) + 0.5) / self.scale - 0.5 + self.origin


def points_on(points: ArrayLike, shape: tuple[int, ...], what: str = "point") -> Floats:
    """Check positions against an image and return them as an (n, ndim) array.

    Raises
    ------
    BadInput
        If a position has the wrong number of coordinates or lies outside.
    """
    array = array_of(points, f"A {what}")
    if array.dtype.kind not in "uif":
        raise BadInput(f"A {what} is made of numbers, got {shown(points)}")
    array = array.astype(float)
    if array.size == 0:
        return np.empty((0, len(shape)))
    array = np.atleast_2d(array)
    if array.ndim != 2 or array.shape[1] != len(shape):
        axes = "(row, col)" if len(shape) == 2 else "(plane, row, col)"
        raise BadInput(
            f"Each {what} needs {len(shape)} coordinates {axes}, got {array.shape[-1]}"
        )
    inside = np.isfinite(array).all(1)
    inside &= ((array >= -0.5) & (array < np.asarray(shape) - 0.5)).all(1)
    if not inside.all():
        first = tuple(float(v) for v in array[~inside][0])
        raise BadInput(
            f"The {what} {first} lies outside the image of shape {shape}: "
            "positions are array indices, row before column"
        )
    return array


def pixel_index(points: Floats) -> NDArray[np.intp]:
    """Index (n, ndim) of the pixel under each position."""
    return np.floor(points + 0.5).astype(np.intp)


def affine_of(
    ndim: int, spacing: ArrayLike | None = None, affine: ArrayLike | None = None
) -> tuple[tuple[float, ...], Floats]:
    """Resolve spacing and index-to-world affine of an image with ``ndim`` axes.

    Parameters
    ----------
    spacing
        Physical size of a pixel along each axis; one number serves all axes.
    affine
        Homogeneous (ndim + 1, ndim + 1) matrix, array index -> world. It wins over
        ``spacing``, which must then agree with its column lengths.

    Returns
    -------
    spacing, affine

    Raises
    ------
    BadInput
        If shapes do not fit, the matrix is singular, or the two disagree.
    """
    steps = _spacing(ndim, spacing)
    if affine is None:
        steps = np.ones(ndim) if steps is None else steps
        return tuple(steps.tolist()), np.diag([*steps, 1.0])
    matrix = numbers_of(affine, "An affine")
    if matrix.shape != (ndim + 1, ndim + 1):
        raise BadInput(
            f"An affine for {ndim} axes is a finite {ndim + 1} x {ndim + 1} matrix, "
            f"got shape {matrix.shape}"
        )
    if np.abs(matrix).max() > _LARGEST:
        raise BadInput(f"An affine holds numbers up to {_LARGEST:g}")
    if abs(np.linalg.det(matrix[:ndim, :ndim])) < 1e-12:
        raise BadInput("The affine is singular: it folds an axis away")
    lengths = np.linalg.norm(matrix[:ndim, :ndim], axis=0)
    if steps is not None and not np.allclose(steps, lengths, rtol=1e-3):
        raise BadInput(
            f"Spacing {tuple(steps)} disagrees with the affine's {tuple(lengths)}: "
            "give one of them"
        )
    return tuple(lengths.tolist()), matrix


def _spacing(ndim: int, spacing: ArrayLike | None) -> Floats | None:
    if spacing is None:
        return None
    given = numbers_of(spacing, "Spacing")
    if given.shape not in ((), (1,), (ndim,)):
        raise BadInput(
            f"Spacing is one number, or one for each of {ndim} axes, got "
            f"{shown(spacing)}"
        )
    steps = np.array(np.broadcast_to(given, (ndim,)))
    if not ((steps > 0) & (steps <= _LARGEST)).all():
        raise BadInput(
            f"Spacing must be positive and at most {_LARGEST:g}, got {shown(spacing)}"
        )
    return steps
