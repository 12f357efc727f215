"""What an object looks like on the planes where it is known: a small linear model.

Tokens that the segmenter computed anyway, and the colours, are told apart into the
object and its surroundings by ridge regression; the model then says of every place on
another plane how much it looks like the object (about +1) or what is around it (-1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import Box
from napari_medfm.engine.crops import Crop, resized
from napari_medfm.engine.threads import one_blas_thread

Floats = NDArray[np.float32]
_GRID = 64
_AROUND = 0.75
_RIDGE = 0.03


@dataclass(frozen=True, eq=False)
class Sight:
    """A crop of a plane as the model sees it.

    Parameters
    ----------
    features
        float32 (rows, cols, k) on a coarse grid over the crop.
    """

    crop: Crop
    features: Floats

    @classmethod
    def of(cls, crop: Crop, rgb: Floats) -> Sight:
        """Gather colours, and the segmenter's tokens if it shows them."""
        scale = _GRID / max(crop.shape)
        rows, cols = (max(1, round(n * scale)) for n in crop.shape)
        colours = resized(rgb[crop.box.slices], (rows, cols))
        tokens = getattr(crop.embedding, "tokens", None)
        if tokens is None:
            return cls(crop, colours)
        return cls(crop, np.concatenate([colours, resized(tokens, (rows, cols))], -1))

    def coarse(self, mask: NDArray[np.bool_]) -> Floats:
        """Share of each grid place that a mask of the plane covers."""
        part = mask[self.crop.box.slices].astype(np.float32)[..., None]
        return resized(part, self.features.shape[:2])[..., 0]

    def to_plane(self, values: Floats, shape: tuple[int, int], rest: float) -> Floats:
        """Bring grid values to a plane; ``rest`` where the crop does not reach."""
        plane = np.full(shape, rest, np.float32)
        plane[self.crop.box.slices] = self.crop.to_pixels(
            resized(values[..., None], self.crop.shape)[..., 0]
        )
        return plane


@dataclass(frozen=True, eq=False)
class Appearance:
    """The fitted model: ``features @ weights + offset``."""

    weights: Floats
    offset: float

    @classmethod
    def of(cls, known: Sequence[tuple[Sight, NDArray[np.bool_]]]) -> Appearance:
        """Fit on planes where the object is known; both sides count alike."""
        rows, sides = [], []
        for sight, mask in known:
            share = sight.coarse(mask)
            near = _around(share > 0.5)
            clear = near & (abs(share - 0.5) > 0.3)
            rows.append(sight.features[clear])
            sides.append(share[clear] > 0.5)
        features = np.concatenate(rows).astype(np.float64)
        inside = np.concatenate(sides)
        if inside.all() or not inside.any():
            return cls(np.zeros(features.shape[1], np.float32), 0.0)
        weight = np.where(inside, 0.5 / inside.sum(), 0.5 / (~inside).sum())
        middle = weight @ features
        spread = np.sqrt(weight @ (features - middle) ** 2) + 1e-6
        scaled = (features - middle) / spread
        target = np.where(inside, 1.0, -1.0)
        with one_blas_thread():
            gram = (scaled * weight[:, None]).T @ scaled
            gram[np.diag_indices_from(gram)] += _RIDGE
            solved = np.linalg.solve(gram, scaled.T @ (weight * target))
        weights = solved / spread
        return cls(weights.astype(np.float32), float(-middle @ weights))

    def on(self, sight: Sight) -> Floats:
        """How much each grid place looks like the object, about -1 to 1."""
        value = sight.features @ self.weights + np.float32(self.offset)
        likeness: Floats = np.clip(value, -1, 1)
        return likeness


def _around(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The box of a mask with its surroundings."""
    box = Box.around(inside)
    if box is None:
        return np.ones(inside.shape, bool)
    rows, cols = _AROUND * box.height + 2, _AROUND * box.width + 2
    wide = Box(box.row0 - rows, box.col0 - cols, box.row1 + rows, box.col1 + cols)
    near = np.zeros(inside.shape, bool)
    near[wide.rounded().clipped((inside.shape[0], inside.shape[1])).slices] = True
    return near
