"""Every object on a plane that the segmenter can tell apart.

Boxes of regions that stand out (or seeds that were given) are answered tile by tile,
weak answers dropped, and what is left deduplicated: the best first, a later one only
where it is new.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import Box
from napari_medfm.core.jobs import Progress, Steps
from napari_medfm.core.labels import Prompt
from napari_medfm.core.specs import Segmenter
from napari_medfm.engine.clicks import hint_on
from napari_medfm.engine.crops import Crop, CropCache, resized
from napari_medfm.engine.directly import asked
from napari_medfm.engine.prompting import mask_on_plane
from napari_medfm.engine.proposals import (
    ROOM,
    Candidate,
    Hint,
    candidates_in,
    grown,
    starts_at,
    under,
)
from napari_medfm.engine.regions import standing_out

_SEEDS = 12
_BOXES = 96
_BATCH = 8
_OVERLAP = 0.25
_QUALITY = 0.75
_STABILITY = 0.7
_NEW = 0.7
_LARGEST = 0.5
_SMALLEST = 16
_LIKE = 4


def everything(
    rgb: NDArray[np.float32],
    plane_key: str,
    segmenter: Segmenter,
    cache: CropCache,
    seeds: NDArray[np.float64] | None = None,
    size: int | None = None,
) -> Steps[NDArray[np.int32]]:
    """Outline all objects: large ones on the whole plane, small ones part by part.

    Parameters
    ----------
    rgb
        The plane, float32 (rows, cols, 3) in [0, 1].
    seeds
        Positions (n, 2) to ask at; if None, boxes of regions that stand out, or a grid
        of clicks for a model that knows clicks.
    size
        Pixels of a typical object: those of a quarter to four times as many are kept.

    Returns
    -------
    array
        int32 (rows, cols): 0 is nothing, 1 ... n the objects, the surest first.
    """
    shape = (rgb.shape[0], rgb.shape[1])
    tiles = parts_of(shape, segmenter.spec.input_size)
    clicks = seeds is not None or "points" in segmenter.spec.prompts
    found: list[Candidate] = []
    for number, tile in enumerate(tiles):
        stand = Progress(number, len(tiles), f"part {number + 1} of {len(tiles)}")
        yield stand
        here = _seeds_in(tile, seeds)
        if clicks and not len(here):
            continue
        crop = cache.get(rgb, plane_key, tile, segmenter)
        picture = resized(rgb[tile.slices], crop.shape)
        if clicks:
            steps = _at_seeds(crop, picture, here, segmenter, stand, (shape, size))
        else:
            steps = _in_regions(crop, picture, segmenter, stand, shape)
        found += yield from steps
    ordered = sorted(found, key=lambda made: -made.merit)
    return labels_of((mask_on_plane(made, shape) for made in ordered), shape)


def _in_regions(
    crop: Crop,
    picture: NDArray[np.float32],
    segmenter: Segmenter,
    stand: Progress,
    shape: tuple[int, int],
) -> Steps[list[Candidate]]:
    """Ask for the regions that stand out, a few at a time."""
    nowhere = Prompt(box=crop.box)
    hint = hint_on(crop, nowhere, shape)
    boxes = [grown(box, ROOM) for box in standing_out(picture, _BOXES)]
    found: list[Candidate] = []
    for start in range(0, len(boxes), _BATCH):
        yield stand
        batch = boxes[start : start + _BATCH]
        found += [
            made
            for made in candidates_in(crop, batch, hint, segmenter, alone=True)
            if _convincing(made)
        ]
    return found


def _at_seeds(
    crop: Crop,
    picture: NDArray[np.float32],
    seeds: NDArray[np.float64],
    segmenter: Segmenter,
    stand: Progress,
    plane: tuple[tuple[int, int], int | None],
) -> Steps[list[Candidate]]:
    """Ask at each seed that no answer covers yet."""
    covered = np.zeros(crop.shape, bool)
    found: list[Candidate] = []
    for seed in seeds:
        if under(covered, crop.resize.to_model(seed[None])).any():
            continue
        yield stand
        prompt = Prompt(points=seed[None], point_labels=np.array([True]))
        if "points" in segmenter.spec.prompts:
            answers = asked(crop, prompt, segmenter)
        else:
            hint: Hint = hint_on(crop, prompt, plane[0])
            starts = starts_at(picture, hint.positives)
            answers = candidates_in(crop, starts, hint, segmenter)
        fitting = [made for made in answers if _convincing(made, plane[1])]
        if fitting:
            best = max(fitting, key=lambda made: made.merit)
            covered |= best.mask
            found.append(best)
    return found


def labels_of(
    masks: Iterable[NDArray[np.bool_]], shape: tuple[int, int]
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


def parts_of(shape: tuple[int, int], size: int) -> list[Box]:
    """The plane as a whole, and, where it is larger, its tiles of this side."""
    whole, tiles = Box(0, 0, *shape), tiles_of(shape, size)
    return tiles if whole in tiles else [whole, *tiles]


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


def _convincing(made: Candidate, size: int | None = None) -> bool:
    crop = made.crop
    scale = crop.box.height * crop.box.width / (crop.shape[0] * crop.shape[1])
    if size is not None:
        pixels = np.count_nonzero(made.mask) * scale
        if not size / _LIKE <= pixels <= size * _LIKE:
            return False
    large = bool(np.count_nonzero(made.mask) >= _SMALLEST)
    whole = made.reach <= _LARGEST and not made.cut
    return large and whole and made.score >= _QUALITY and made.stability >= _STABILITY
