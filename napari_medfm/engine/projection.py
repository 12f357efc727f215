"""The few directions of deep tokens that vary most, to be joined with filters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from napari_medfm.engine.features import PlaneFeatures
from napari_medfm.engine.threads import one_blas_thread
from napari_medfm.engine.upsample import corners

Floats = NDArray[np.float32]
AXES = 32
_TOKENS = 768


@dataclass(frozen=True, eq=False)
class Projection:
    """Principal axes of deep tokens, and rows that hold them beside the filters.

    Parameters
    ----------
    mean
        float32 (blocks * dim,).
    axes
        float32 (blocks * dim, k); all together scale the first axes to about 1.
    """

    mean: Floats
    axes: Floats

    @classmethod
    def of(cls, planes: Sequence[PlaneFeatures]) -> Self:
        """Fit to evenly spaced tokens of some planes; needs no labels."""
        each = max(1, _TOKENS // len(planes))
        rows = np.concatenate([_spaced(plane, each) for plane in planes])
        mean = rows.mean(0, dtype=np.float32)
        kept, spread = _principal(rows - mean)
        largest = np.abs(kept).argmax(1)
        kept = kept * np.sign(kept[np.arange(len(kept)), largest])[:, None]
        scale = float(spread.mean()) / np.sqrt(len(rows))
        return cls(mean, (kept.T / max(scale, 1e-6)).astype(np.float32))

    def maps(self, features: PlaneFeatures) -> Floats:
        """Return the projected tokens of a plane (k, rows, cols)."""
        grid = features.grid
        return self._tokens(features, slice(None)).T.reshape(-1, grid.rows, grid.cols)

    def rows(self, features: PlaneFeatures, pixels: NDArray[np.integer]) -> Floats:
        """Return rows (n, filters + k) of pixels (n, 2)."""
        index, weight = corners(features.grid, pixels)
        tokens, inverse = np.unique(index, return_inverse=True)
        around = self._tokens(features, tokens)[inverse.reshape(index.shape)]
        flat = pixels[:, 0] * features.shape[1] + pixels[:, 1]
        smooth = (around * weight[..., None]).sum(1)
        return np.hstack([features.rows("filters", flat), smooth])

    def _tokens(
        self, features: PlaneFeatures, index: NDArray[np.intp] | slice
    ) -> Floats:
        with one_blas_thread():
            projected = (features.rows("deep", index) - self.mean) @ self.axes
        found: Floats = projected.astype(np.float32, copy=False)
        return found


def _principal(rows: Floats) -> tuple[Floats, Floats]:
    """Return the first axes (k, width) of centred rows, and their singular values.

    From the smaller of the two matrices of products, which is several times faster than
    decomposing the rows; directions that do not vary are left out.
    """
    from scipy.linalg import eigh

    wide = rows.shape[1] > len(rows)
    with one_blas_thread():
        products = (rows @ rows.T if wide else rows.T @ rows).astype(np.float64)
        last = len(products) - 1
        squares, vectors = eigh(
            products, subset_by_index=(max(0, last - AXES + 1), last)
        )
        squares, vectors = squares[::-1], vectors[:, ::-1]
        some = squares > 1e-9 * max(squares[0], 1e-12)
        spread = np.sqrt(squares[some])
        axes = vectors[:, some].T
        if wide:
            axes = axes @ rows / spread[:, None]
    return axes.astype(np.float32), spread.astype(np.float32)


def _spaced(plane: PlaneFeatures, count: int) -> Floats:
    total = plane.grid.rows * plane.grid.cols
    index = np.linspace(0, total - 1, min(count, total)).round().astype(np.intp)
    return plane.rows("deep", index)
