"""Where DICOM slices lie in the patient."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadInput
from napari_medfm.engine.orientation import swap_axis_order

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_SAME_DIRECTION = 1e-3
_UNEVEN = 0.05


@dataclass(frozen=True, eq=False)
class Placement:
    """One slice: DICOM's ImagePositionPatient, ImageOrientationPatient, PixelSpacing.

    Parameters
    ----------
    position
        Of the centre of pixel (0, 0), mm, LPS.
    along_row, along_col
        Unit directions in which the column index and the row index grow.
    pixel
        mm between rows, mm between columns.
    """

    position: NDArray[np.float64]
    along_row: NDArray[np.float64]
    along_col: NDArray[np.float64]
    pixel: tuple[float, float]

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit direction out of the slice."""
        return np.cross(self.along_row, self.along_col)

    def affine(self, step: float = 1.0) -> NDArray[np.float64]:
        """Return (plane, row, col) -> world (z, y, x), planes ``step`` mm apart."""
        return to_world(_matrix(self, self.normal * step))


def placement_of(dataset: Any) -> Placement | None:
    """Return where a slice lies; None if it does not say so, or says nonsense."""
    return _placement([dataset])


def frames_of(dataset: Any, count: int) -> list[Placement] | None:
    """Return where each frame of a multi-frame file lies; None if it does not say so.

    From the functional groups of the frames, or the offsets of a dose grid.
    """
    shared = list(dataset.get("SharedFunctionalGroupsSequence") or [])[:1]
    each = list(dataset.get("PerFrameFunctionalGroupsSequence") or [])
    if len(each) == count:
        placed = [_placement([item, *shared, dataset]) for item in each]
        known = [place for place in placed if place is not None]
        return known if len(known) == count else None
    offsets = np.asarray(dataset.get("GridFrameOffsetVector") or (), float)
    first = placement_of(dataset)
    if first is None or offsets.shape != (count,):
        return None
    return [
        replace(first, position=first.position + first.normal * (offset - offsets[0]))
        for offset in offsets
    ]


def along_normal(placed: list[Placement]) -> list[int]:
    """Return the order of slices by position along the normal of the first."""
    depth = [float(place.position @ placed[0].normal) for place in placed]
    return [int(i) for i in np.argsort(depth, kind="stable")]


def spacing_of(affine: NDArray[np.float64]) -> tuple[float, ...]:
    """Return the length of a step along each axis."""
    return tuple(float(v) for v in np.linalg.norm(affine[:3, :3], axis=0))


def _placement(holders: list[Any]) -> Placement | None:
    position = _find(holders, "PlanePositionSequence", "ImagePositionPatient")
    orientation = _find(holders, "PlaneOrientationSequence", "ImageOrientationPatient")
    pixel = _find(holders, "PixelMeasuresSequence", "PixelSpacing")
    if position is None or orientation is None or pixel is None:
        return None
    if len(position) != 3 or len(orientation) != 6 or len(pixel) != 2:
        return None
    along_row, along_col = orientation[:3], orientation[3:]
    lengths = np.linalg.norm(along_row), np.linalg.norm(along_col)
    if min(pixel) <= 0 or np.abs(np.subtract(lengths, 1)).max() > 0.01:
        return None
    return Placement(
        position,
        along_row / lengths[0],
        along_col / lengths[1],
        (float(pixel[0]), float(pixel[1])),
    )


def stack_affine(name: str, placed: list[Placement]) -> NDArray[np.float64]:
    """Return (plane, row, col) -> LPS (x, y, z) of sorted slices.

    The step between planes is the true one, so that a tilted gantry gives a shear.

    Raises
    ------
    BadInput
        If slices differ in direction or pixel size, coincide, or leave gaps.
    """
    first, last = placed[0], placed[-1]
    for place in placed:
        turn = max(
            np.abs(place.along_row - first.along_row).max(),
            np.abs(place.along_col - first.along_col).max(),
        )
        if turn > _SAME_DIRECTION or not np.allclose(
            place.pixel, first.pixel, rtol=1e-3
        ):
            raise BadInput(
                f"The slices in {name} differ in direction or pixel size: keep one "
                "stack in a folder"
            )
    positions = np.array([place.position for place in placed])
    steps = np.diff(positions, axis=0) @ first.normal
    if steps.min() <= 1e-4:
        raise BadInput(
            f"Several slices in {name} lie at the same place: it holds several time "
            "points or echoes; keep one in a folder"
        )
    if steps.max() - steps.min() > _UNEVEN * np.median(steps):
        after = int(np.argmax(steps))
        raise BadInput(
            f"The slices in {name} are unevenly spaced, {steps.min():.3g} to "
            f"{steps.max():.3g} mm; the widest gap follows slice {after + 1} of "
            f"{len(placed)}: is a file missing?"
        )
    return _matrix(first, (last.position - first.position) / (len(placed) - 1))


def to_world(lps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn (plane, row, col) -> LPS (x, y, z) into -> world (z, y, x) of RAS."""
    ras = _LPS_TO_RAS @ lps
    columns_reversed = ras[:, [2, 1, 0, 3]]
    return swap_axis_order(columns_reversed)


def _matrix(place: Placement, step: NDArray[np.float64]) -> NDArray[np.float64]:
    matrix = np.eye(4)
    matrix[:3, 0] = step
    matrix[:3, 1] = place.along_col * place.pixel[0]
    matrix[:3, 2] = place.along_row * place.pixel[1]
    matrix[:3, 3] = place.position
    return matrix


def _find(holders: list[Any], group: str, name: str) -> NDArray[np.float64] | None:
    for holder in holders:
        for item in (holder, *list(holder.get(group) or [])[:1]):
            value = item.get(name)
            if value is not None:
                numbers = np.asarray(value, dtype=float).ravel()
                return numbers if np.isfinite(numbers).all() else None
    return None
