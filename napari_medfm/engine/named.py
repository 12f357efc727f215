"""Every object on a plane that words or examples describe.

The plane is asked as a whole, and, where it is larger than the model's input, part by
part as well: small things are only seen there. An answer that the edge of its part cuts
is left to the others. What two answers share goes to the surer one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import Box
from napari_medfm.core.jobs import Progress, Steps
from napari_medfm.core.specs import ConceptSegmenter
from napari_medfm.engine.crops import Crop, CropCache, cut_sides
from napari_medfm.engine.everything import labels_of, parts_of


@dataclass(frozen=True)
class Description:
    """What is looked for.

    Parameters
    ----------
    text
        A few words; empty if the examples say it all.
    like, unlike
        Boxes of the plane around examples, and around what is not meant.
    least
        Objects that the model is less sure of are left out.
    """

    text: str
    like: tuple[Box, ...] = ()
    unlike: tuple[Box, ...] = ()
    least: float = 0.5

    def within(self, part: Box) -> tuple[list[Box], list[bool]]:
        """Examples that a part of the plane holds, and whether each is meant."""
        told = [(box, True) for box in self.like] + [(b, False) for b in self.unlike]
        here = [(box, meant) for box, meant in told if part.holds(box)]
        return [box for box, _ in here], [meant for _, meant in here]


@dataclass(frozen=True, eq=False)
class _Piece:
    """An object in whole pixels of the plane."""

    box: Box
    mask: NDArray[np.bool_]
    score: float


def described(
    rgb: NDArray[np.float32],
    plane_key: str,
    segmenter: ConceptSegmenter,
    cache: CropCache,
    wanted: Description,
) -> Steps[NDArray[np.int32]]:
    """Outline all objects that fit a description.

    Parameters
    ----------
    rgb
        The plane, float32 (rows, cols, 3) in [0, 1].
    plane_key
        Tells this plane's pixels from any other's.

    Returns
    -------
    array
        int32 (rows, cols): 0 is nothing, 1 ... n the objects, the surest first.
    """
    shape = (rgb.shape[0], rgb.shape[1])
    parts = parts_of(shape, segmenter.spec.input_size)
    pieces: list[_Piece] = []
    for number, part in enumerate(parts):
        yield Progress(number, len(parts), f"part {number + 1} of {len(parts)}")
        examples, meant = wanted.within(part)
        if not wanted.text and not any(meant):
            continue
        crop = cache.get(rgb, plane_key, part, segmenter)
        found = segmenter.find(
            crop.embedding,
            text=wanted.text,
            boxes=crop.to_crop(examples),
            box_labels=meant,
            least=wanted.least,
        )
        pieces += _pieces_of(crop, found.logits, found.scores, shape)
    ordered = sorted(pieces, key=lambda piece: -piece.score)
    return labels_of(_on_plane(ordered, shape), shape)


def _pieces_of(
    crop: Crop,
    logits: NDArray[np.float32],
    scores: NDArray[np.float32],
    shape: tuple[int, int],
) -> Iterator[_Piece]:
    """Bring answers to the plane, but for those that the part's edge cuts."""
    box, open_sides = crop.box, crop.open_sides(shape)
    for seen, score in zip(logits, scores, strict=True):
        mask = crop.to_pixels(seen) > 0
        around = Box.around(mask)
        if around is None or cut_sides(mask, open_sides):
            continue
        rows, cols = around.slices
        place = Box(
            box.row0 + around.row0,
            box.col0 + around.col0,
            box.row0 + around.row1,
            box.col0 + around.col1,
        )
        yield _Piece(place, mask[rows, cols], float(score))


def _on_plane(
    pieces: Sequence[_Piece], shape: tuple[int, int]
) -> Iterator[NDArray[np.bool_]]:
    for piece in pieces:
        mask = np.zeros(shape, bool)
        mask[piece.box.slices] = piece.mask
        yield mask
