"""What a picture says for an outline: edges along it, other colours beyond it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import Box
from napari_medfm.engine.edges import edges_of

_BLUR = 1.0
_RIM = 0.25
_LEAST = 2.0
_TINY = 1e-3


@dataclass(frozen=True, eq=False)
class Evidence:
    """A picture, ready to judge outlines on it.

    Parameters
    ----------
    smooth
        Its colours, lightly blurred.
    edges
        Where they change.
    """

    smooth: NDArray[np.float32]
    edges: NDArray[np.floating[Any]]

    @classmethod
    def of(cls, picture: NDArray[np.float32]) -> Self:
        """Prepare a picture, float32 (rows, cols, 3) in [0, 1]."""
        from scipy import ndimage

        smooth = ndimage.gaussian_filter(picture, (_BLUR, _BLUR, 0))
        return cls(smooth, edges_of(picture))

    def edge(self, mask: NDArray[np.bool_]) -> float:
        """How much stronger the edges along an outline are than usual, as logarithm."""
        from scipy import ndimage

        part = _around(mask, 2)
        inside = mask[part]
        line = ndimage.binary_dilation(inside) & ~ndimage.binary_erosion(inside)
        along = float(self.edges[part][line].mean()) if line.any() else 0.0
        return float(np.log((along + _TINY) / (self.edges.mean() + _TINY)))

    def contrast(self, mask: NDArray[np.bool_]) -> float:
        """How far the colours inside differ from those around, in their own spread."""
        from scipy import ndimage

        width = max(_LEAST, _RIM * float(np.sqrt(np.count_nonzero(mask) / np.pi)))
        part = _around(mask, int(width) + 2)
        inside, colours = mask[part], self.smooth[part]
        away = ndimage.distance_transform_edt(~inside)
        around = (away > 0) & (away <= width)
        if not around.any():
            return 0.0
        core = ndimage.binary_erosion(inside)
        own, other = colours[core if core.any() else inside], colours[around]
        spread = np.sqrt(own.var(0).sum() + other.var(0).sum()) + _TINY
        return float(np.linalg.norm(own.mean(0) - other.mean(0)) / spread)


def _around(mask: NDArray[np.bool_], room: int) -> tuple[slice, slice]:
    """The part of an array that holds a mask with some room."""
    box = Box.around(mask)
    if box is None:
        return slice(0, 0), slice(0, 0)
    rows, cols = mask.shape
    return (
        slice(max(0, int(box.row0) - room), min(rows, int(box.row1) + room)),
        slice(max(0, int(box.col0) - room), min(cols, int(box.col1) + room)),
    )
