"""How a plane is laid before an encoder: its size there, windows, shifts, positions.

The plane is resized as a whole and mirrored out to whole patches. Each pass shifts it
by a part of a patch; the tokens of all passes interleave into one finer grid. Full
context first: the whole plane is one window as long as the encoder can take it, because
shifting a whole plane gives better tokens than cropping it into tiles at the same cost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import Grid, Resize
from napari_medfm.core.specs import EncoderSpec


@dataclass(frozen=True)
class WindowPolicy:
    """What size a plane is given, in multiples of the encoder's input size.

    Parameters
    ----------
    whole
        Planes up to this size are one window of the input size.
    window
        Side of a window on larger planes.
    largest
        Larger planes are reduced to this size.
    overlap
        Part of a window that its neighbour sees too.
    """

    whole: float = 1.5
    window: float = 1.0
    largest: float = 4.0
    overlap: float = 0.25


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
    longest, window = _sizes(max(plane), side, patch, policy)
    scale = longest * patch / max(plane)
    content = (max(1, round(plane[0] * scale)), max(1, round(plane[1] * scale)))
    tokens = (math.ceil(content[0] / patch), math.ceil(content[1] / patch))
    shape = (min(window, tokens[0]), min(window, tokens[1]))
    starts = [_starts(n, w, policy.overlap) for n, w in zip(tokens, shape, strict=True)]
    return WindowPlan(
        plane=plane,
        content=content,
        patch=patch,
        tokens=tokens,
        before=(
            (tokens[0] * patch - content[0]) // 2,
            (tokens[1] * patch - content[1]) // 2,
        ),
        window=shape,
        corners=tuple(product(starts[0], starts[1])),
        shifts=_half_strides(patch) if shifts else (0,),
    )


def _sizes(
    longest: int, side: int, patch: int, policy: WindowPolicy
) -> tuple[int, int]:
    """Tokens along the plane's long side, and along a window's."""
    if longest <= policy.whole * side * patch:
        return side, side
    native = round(longest / patch)
    return min(native, round(policy.largest * side)), round(policy.window * side)


def _half_strides(patch: int) -> tuple[int, ...]:
    """Two shifts half a patch apart, even about zero; one where a patch has no half."""
    if patch % 2:
        return (0,)
    half = patch // 2
    return (-(half // 2), half - half // 2)


def _starts(tokens: int, window: int, overlap: float) -> list[int]:
    """Even starts of windows that cover an axis and share at least the overlap."""
    if window >= tokens:
        return [0]
    step = max(1, window - round(window * overlap))
    count = math.ceil((tokens - window) / step) + 1
    return [round(i * (tokens - window) / (count - 1)) for i in range(count)]
