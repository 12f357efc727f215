"""How a plane is laid before an encoder: its size there, windows, shifts, positions.

The plane is resized as a whole and mirrored out to whole patches. Each pass shifts it
by a part of a patch; the tokens of all passes interleave into one finer grid.

Full context first: a plane not much larger than the encoder's input is one window,
because shifting the whole plane gives better tokens than cropping it into tiles at the
same cost. A larger plane gets windows near its own resolution, for its fine detail.
Measured on eye fundus pictures of 1,000 pixels with DINOv2 ViT-S/14 and a logistic head
(leave one of four images out, best threshold; cost in single 518 pixel forwards):

=============================  =====  =======  ========  ===========
layout                          cost  vessels  exudates  optic discs
=============================  =====  =======  ========  ===========
whole at 518, 4 shifts             4     0.59      0.51         0.90
whole at 1022, no shift            4     0.57      0.51         0.90
whole at 728, 4 shifts             7     0.63      0.54         0.89
2 x 2 windows at 1022, shifts     16     0.67      0.56         0.90
=============================  =====  =======  ========  ===========

The plan made here reduces such a picture to 910 pixels, so that the 2 x 2 windows
overlap: the same cost, vessels 0.67, the other two not measured.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import Grid, Resize
from napari_medfm.core.specs import EncoderSpec


@dataclass(frozen=True)
class WindowPolicy:
    """What size a plane is given, and how many windows it may cost.

    Parameters
    ----------
    whole
        Planes whose long side is up to this many times the encoder's input are one
        window.
    near
        Part of a larger plane's own resolution that is good enough.
    overlap
        Part of a window that its neighbour sees too, at least.
    windows
        Most windows a pass; a plane that would need more is reduced.
    """

    whole: float = 1.5
    near: float = 0.85
    overlap: float = 0.25
    windows: int = 12


DEFAULT_POLICY = WindowPolicy()


@dataclass(frozen=True)
class WindowPlan:
    """Where everything lies, for one plane shape and one encoder.

    Parameters
    ----------
    plane
        (rows, cols) of the plane.
    content
        (height, width) the plane is resized to, in input pixels.
    patch
        Input pixels a token.
    tokens
        (rows, cols) of tokens of one pass.
    before
        Mirrored input pixels above and left of the content, at shift 0.
    window
        (rows, cols) of tokens of one window.
    corners
        First token (row, col) of each window.
    shifts
        Input pixels by which the passes are moved, the same along both axes.
    """

    plane: tuple[int, int]
    content: tuple[int, int]
    patch: int
    tokens: tuple[int, int]
    before: tuple[int, int]
    window: tuple[int, int]
    corners: tuple[tuple[int, int], ...]
    shifts: tuple[int, ...]

    @property
    def passes(self) -> tuple[tuple[int, int], ...]:
        """Shift (row, col) of each pass."""
        return tuple(product(self.shifts, self.shifts))

    @property
    def resize(self) -> Resize:
        """From plane positions to input positions of the content."""
        rows, cols = (
            into / of for into, of in zip(self.content, self.plane, strict=True)
        )
        return Resize((0.0, 0.0), (rows, cols))

    @property
    def grid(self) -> Grid:
        """Where the interleaved tokens of all passes lie on the plane."""
        finer = len(self.shifts)
        step = self.patch / finer
        first = [
            self.shifts[0] - before + (self.patch - 1) / 2 for before in self.before
        ]
        (offset,) = self.resize.to_pixels([first]).tolist()
        scale = self.resize.scale
        return Grid(
            self.tokens[0] * finer,
            self.tokens[1] * finer,
            (step / scale[0], step / scale[1]),
            (offset[0], offset[1]),
        )

    @property
    def margin(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Mirrored pixels (before, after) along each axis that all passes need."""
        rows, cols = (
            (
                before - self.shifts[0],
                tokens * self.patch - before - content + self.shifts[-1],
            )
            for before, tokens, content in zip(
                self.before, self.tokens, self.content, strict=True
            )
        )
        return rows, cols


def plan_windows(
    plane: tuple[int, int],
    spec: EncoderSpec,
    *,
    shifts: bool = True,
    policy: WindowPolicy = DEFAULT_POLICY,
) -> WindowPlan:
    """Plan the passes of a plane.

    Raises
    ------
    BadInput
        If the plane is empty.
    """
    if min(plane) < 1:
        raise BadInput(
            f"A plane of {plane[0]} x {plane[1]} pixels has nothing to embed"
        )
    patch = spec.patch
    side = max(1, round(spec.input_size / patch))
    scale = _long_tokens(plane, side, patch, policy) * patch / max(plane)
    content = (max(1, round(plane[0] * scale)), max(1, round(plane[1] * scale)))
    tokens = (math.ceil(content[0] / patch), math.ceil(content[1] / patch))
    window = (min(side, tokens[0]), min(side, tokens[1]))
    overlap = round(side * policy.overlap)
    down, across = (starts(n, w, overlap) for n, w in zip(tokens, window, strict=True))
    return WindowPlan(
        plane=plane,
        content=content,
        patch=patch,
        tokens=tokens,
        before=(
            (tokens[0] * patch - content[0]) // 2,
            (tokens[1] * patch - content[1]) // 2,
        ),
        window=window,
        corners=tuple(product(down, across)),
        shifts=_half_strides(patch) if shifts else (0,),
    )


def _long_tokens(
    plane: tuple[int, int], side: int, patch: int, policy: WindowPolicy
) -> int:
    """Tokens along the plane's long side: as near its own resolution as allowed."""
    longest = max(plane)
    if longest <= policy.whole * side * patch:
        return side
    native = round(longest / patch)
    overlap = round(side * policy.overlap)
    best = side
    for count in range(2, policy.windows + 1):
        tokens = min(native, count * side - (count - 1) * overlap)
        short = math.ceil(tokens * min(plane) / longest)
        if count * _count(short, side, overlap) > policy.windows:
            break
        best = tokens
        if tokens >= policy.near * native:
            break
    return best


def _count(tokens: int, window: int, overlap: int) -> int:
    """Windows that cover an axis and share at least the overlap."""
    return max(1, math.ceil((tokens - overlap) / (window - overlap)))


def starts(tokens: int, window: int, overlap: int) -> list[int]:
    """First token of each window along an axis, evenly spread, sharing so many."""
    if window >= tokens:
        return [0]
    count = _count(tokens, window, overlap)
    return [round(i * (tokens - window) / (count - 1)) for i in range(count)]


def ramp(size: int) -> NDArray[np.float64]:
    """Weights along a window (size,) by which overlapping ones are averaged."""
    distance = np.minimum(np.arange(size), np.arange(size)[::-1]) + 1.0
    rising: NDArray[np.float64] = distance / distance.max()
    return rising


def _half_strides(patch: int) -> tuple[int, ...]:
    """Two shifts half a patch apart, even about zero; one where a patch has no half."""
    if patch % 2:
        return (0,)
    half = patch // 2
    return (-(half // 2), half - half // 2)
