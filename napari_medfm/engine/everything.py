"""Every object on a plane that the segmenter can tell apart.

Seeds on a grid (or given ones) are answered crop by crop, weak answers dropped, and
what is left deduplicated: the best first, a later one only where it is new.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import Box
from napari_medfm.core.jobs import Progress, Steps
from napari_medfm.core.labels import Prompt
from napari_medfm.core.specs import Segmenter
from napari_medfm.engine.clicks import hint_on
from napari_medfm.engine.crops import Crop, CropCache
from napari_medfm.engine.directly import asked
from napari_medfm.engine.prompting import mask_on_plane
from napari_medfm.engine.proposals import (
    Candidate,
    candidates_in,
    squares_around,
    under,
)

_SEEDS = 12
_STARTS = (0.1, 0.25, 0.5)
_OVERLAP = 0.25
_QUALITY = 0.75
_STABILITY = 0.7
_NEW = 0.7
_LARGEST = 0.5
_SMALLEST = 16


def everything(
    rgb: NDArray[np.float32],
    plane_key: str,
    segmenter: Segmenter,
    cache: CropCache,
    seeds: NDArray[np.float64] | None = None,
) -> Steps[NDArray[np.int32]]:
    """Outline all objects: large ones on the whole plane, small ones part by part.

    Parameters
    ----------
    rgb
        The plane, float32 (rows, cols, 3) in [0, 1].
    seeds
        Positions (n, 2) to ask at; a grid of 12 x 12 in each crop if None.

    Returns
    -------
    array
        int32 (rows, cols): 0 is nothing, 1 ... n the objects, the surest first.
    """
    shape = (rgb.shape[0], rgb.shape[1])
    whole = Box(0, 0, *shape)
    tiles = tiles_of(shape, segmenter.spec.input_size)
    tiles = tiles if whole in tiles else [whole, *tiles]
    found: list[tuple[float, Candidate]] = []
    for number, tile in enumerate(tiles):
        yield Progress(number, len(tiles), f"part {number + 1} of {len(tiles)}")
        here = _seeds_in(tile, seeds)
        if not len(here):
            continue
        crop = cache.get(rgb, plane_key, tile, segmenter)
        covered = np.zeros(crop.shape, bool)
        for seed in here:
            if under(covered, crop.resize.to_model(seed[None])).any():
                continue
            yield Progress(number, len(tiles), f"part {number + 1} of {len(tiles)}")
            best = _best_at(crop, seed, segmenter, shape)
            if best is not None and _convincing(best):
                covered |= best.mask
                found.append((best.merit, best))
    ordered = [made for _, made in sorted(found, key=lambda pair: -pair[0])]
    return labels_of([mask_on_plane(made, shape) for made in ordered], shape)


def labels_of(
    masks: Sequence[NDArray[np.bool_]], shape: tuple[int, int]
) -> NDArray[np.int32]:
    """Paint masks, best first: one counts if most of it is not yet taken."""
    labels = np.zeros(shape, np.int32)
    value = 0
    for mask in masks:
        free = mask & (labels == 0)
        size = np.count_nonzero(mask)
        if size < _SMALLEST or np.count_nonzero(free) < _NEW * size:
            continue
        value += 1
        labels[free] = value
    return labels


def tiles_of(shape: tuple[int, int], size: int) -> list[Box]:
    """Squares of this side that cover a plane, overlapping by a quarter or more."""
    starts = [_starts(length, size) for length in shape]
    return [
        Box(row, col, row + min(size, shape[0]), col + min(size, shape[1]))
        for row in starts[0]
        for col in starts[1]
    ]


def _starts(length: int, size: int) -> list[int]:
    if length <= size:
        return [0]
    count = 1 + int(np.ceil((length - size) / (size * (1 - _OVERLAP))))
    return [int(v) for v in np.linspace(0, length - size, count).round()]


def _seeds_in(tile: Box, seeds: NDArray[np.float64] | None) -> NDArray[np.float64]:
    if seeds is None:
        rows = tile.row0 + (np.arange(_SEEDS) + 0.5) * tile.height / _SEEDS - 0.5
        cols = tile.col0 + (np.arange(_SEEDS) + 0.5) * tile.width / _SEEDS - 0.5
        return np.stack(np.meshgrid(rows, cols, indexing="ij"), -1).reshape(-1, 2)
    points = np.asarray(seeds, float).reshape(-1, 2)
    inside = (points >= tile[:2]) & (points < tile[2:])
    return points[inside.all(1)]


def _best_at(
    crop: Crop, seed: NDArray[np.float64], segmenter: Segmenter, shape: tuple[int, int]
) -> Candidate | None:
    prompt = Prompt(points=seed[None], point_labels=np.array([True]))
    if "points" in segmenter.spec.prompts:
        found = asked(crop, prompt, segmenter)
    else:
        hint = hint_on(crop, prompt, shape)
        starts = squares_around(hint.positives, crop.shape, _STARTS)
        found = candidates_in(crop, starts, hint, segmenter)
    fitting = [made for made in found if made.reach <= _LARGEST and not made.cut]
    return max(fitting, key=lambda made: made.merit, default=None)


def _convincing(made: Candidate) -> bool:
    large = bool(np.count_nonzero(made.mask) >= _SMALLEST)
    return large and made.score >= _QUALITY and made.stability >= _STABILITY
