"""Objects of a label array as rows: tokens inside, intensities, shape."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.engine.features import PlaneFeatures

Floats = NDArray[np.float32]
_SHAPES_2D = ("eccentricity", "solidity", "extent")
_QUANTILES = (0.1, 0.5, 0.9)


@dataclass(frozen=True, eq=False)
class ObjectRows:
    """Objects of one image.

    Parameters
    ----------
    ids
        Value of each object in the label array, ascending.
    pixels, centres
        Pixels inside (n,), and mean position (n, ndim) as array indices.
    rows
        float32 (n, width), see `object_rows`.
    """

    ids: NDArray[np.int64]
    pixels: NDArray[np.int64]
    centres: NDArray[np.float64]
    rows: Floats


@dataclass(frozen=True, eq=False)
class Places:
    """Which objects there are, how many pixels each has, and their mean positions."""

    ids: NDArray[np.int64]
    pixels: NDArray[np.int64]
    centres: NDArray[np.float64]


def places(labels: NDArray[np.integer[Any]]) -> Places:
    """Count the objects of a label array.

    Parameters
    ----------
    labels
        Whole numbers; 0 is nothing.
    """
    inside = np.nonzero(labels)
    ids, index = np.unique(labels[inside], return_inverse=True)
    pixels = np.bincount(index, minlength=len(ids))
    sums = [np.bincount(index, axis, len(ids)) for axis in inside]
    centres = np.stack(sums, 1) / np.maximum(pixels, 1)[:, None]
    return Places(ids.astype(np.int64), pixels.astype(np.int64), centres)


def object_rows(
    labels: NDArray[np.integer[Any]],
    planes: Sequence[tuple[int, PlaneFeatures]],
    spacing: Sequence[float],
) -> ObjectRows:
    """Describe each object of a picture or volume.

    A row is: mean of the plane-centred tokens nearest to the pixels inside; per channel
    mean, spread and the 10th, 50th and 90th percentile of the intensities in [0, 1];
    logarithm of the size in units of the spacing; and shape by scikit-image's
    regionprops, which for pictures are eccentricity, solidity and extent, for volumes
    extent and the share of planes in the bounding box's longest side.

    Parameters
    ----------
    labels
        Whole numbers (height, width) or (planes, height, width); 0 is nothing.
    planes
        Features of each plane that has objects.
    """
    volume = labels if labels.ndim == 3 else labels[None]
    ids = np.unique(volume)
    ids = ids[ids > 0]
    pooled: list[Floats] = []
    counts: list[NDArray[np.float64]] = []
    values: list[list[Floats]] = [[] for _ in ids]
    for plane, features in planes:
        on_plane = volume[plane]
        place = np.argwhere(on_plane > 0)
        if not len(place):
            continue
        index = np.searchsorted(ids, on_plane[tuple(place.T)])
        weights, share = _token_shares(features, place, index, len(ids))
        pooled.append(weights @ features.tokens)
        counts.append(share)
        inside = features.channels[tuple(place.T)]
        for number in np.unique(index):
            values[number].append(inside[index == number])
    total = np.sum(counts, axis=0)[:, None]
    tokens = np.sum(pooled, axis=0) / total
    looks = np.stack([_intensities(np.concatenate(part)) for part in values])
    shapes, centres = _shapes(labels, ids, spacing)
    rows = np.concatenate([tokens, looks, shapes], axis=1).astype(np.float32)
    return ObjectRows(ids.astype(np.int64), total[:, 0].astype(np.int64), centres, rows)


def _token_shares(
    features: PlaneFeatures,
    place: NDArray[np.intp],
    index: NDArray[np.intp],
    count: int,
) -> tuple[Any, NDArray[np.float64]]:
    """Return how many pixels of each object lie nearest to each token, and in all."""
    from scipy.sparse import csr_matrix

    grid = features.grid
    token = grid.nearest(place) @ (grid.cols, 1)
    ones = np.ones(len(place), np.float32)
    shape = (count, grid.rows * grid.cols)
    return csr_matrix((ones, (index, token)), shape=shape), np.bincount(
        index, minlength=count
    ).astype(np.float64)


def _intensities(inside: Floats) -> Floats:
    quantiles = np.quantile(inside, _QUANTILES, axis=0)
    parts = [inside.mean(0), inside.std(0), *quantiles]
    return np.concatenate(parts).astype(np.float32)


def _shapes(
    labels: NDArray[np.integer[Any]],
    ids: NDArray[np.integer[Any]],
    spacing: Sequence[float],
) -> tuple[Floats, NDArray[np.float64]]:
    from skimage.measure import regionprops

    size = float(np.prod(spacing))
    rows, centres = [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for region in regionprops(labels.astype(np.int32)):  # type: ignore[no-untyped-call]
            row = [np.log(region.area * size)]
            if labels.ndim == 2:
                row += [float(getattr(region, name)) for name in _SHAPES_2D]
            else:
                sides = np.subtract(region.bbox[3:], region.bbox[:3])
                row += [float(region.extent), sides[0] / sides.max()]
            rows.append(row)
            centres.append(region.centroid)
    if len(rows) != len(ids):
        raise ValueError("object ids must be positive")
    return np.nan_to_num(np.array(rows, np.float32)), np.array(centres, float)
