"""How a plane too large for one look is cut into windows of the encoder.

The plane is resized as a whole, in thought only, and covered by a grid of tokens. The
grid is cut into *cells*. *Windows*, the largest that the encoder likes, lie with their
middles on the corners of the cells and overlap a little, so that a cell is seen by four
of them, which are blended where they overlap. A window at the border is moved inwards.
A cell can be made, kept and lost without the others; neighbours share windows, and so
are best made one after another.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

from napari_medfm.core.geometry import Box, Grid, Resize
from napari_medfm.core.specs import EncoderSpec

LARGE = 4096 * 4096
DEFAULT_MPP = 1.0
_CONTEXT = 1 / 12
_SNAP = 0.02
_FINEST = 2.0
_MICROMETRES = {"um": 1.0, "µm": 1.0, "micrometer": 1.0, "mm": 1e3, "nm": 1e-3}

Cell = tuple[int, int]
Corner = tuple[int, int]


@dataclass(frozen=True)
class TilePlan:
    """Where everything lies, for one plane and one encoder.

    Parameters
    ----------
    plane
        (rows, cols) of the finest level.
    content
        (rows, cols) that it is resized to.
    level, size
        Level of the pyramid that is read for it, and that level's (rows, cols).
    patch
        Input pixels a token.
    tokens
        (rows, cols) of tokens.
    window, cell
        (rows, cols) of tokens of a window, and of a cell.
    """

    plane: tuple[int, int]
    content: tuple[int, int]
    level: int
    size: tuple[int, int]
    patch: int
    tokens: tuple[int, int]
    window: tuple[int, int]
    cell: tuple[int, int]

    @property
    def cells(self) -> tuple[int, int]:
        """How many cells there are, (rows, cols)."""
        rows, cols = (
            math.ceil(n / c) for n, c in zip(self.tokens, self.cell, strict=True)
        )
        return rows, cols

    @property
    def grid(self) -> Grid:
        """Where the tokens lie on the finest level."""
        scale = tuple(c / p for c, p in zip(self.content, self.plane, strict=True))
        resize = Resize((0.0, 0.0), (scale[0], scale[1]))
        (offset,) = resize.to_pixels([[(self.patch - 1) / 2] * 2]).tolist()
        return Grid(
            *self.tokens,
            (self.patch / scale[0], self.patch / scale[1]),
            (offset[0], offset[1]),
        )

    def kept(self, cell: Cell) -> tuple[slice, slice]:
        """Tokens of the grid that a cell holds."""
        rows, cols = (
            slice(i * c, min((i + 1) * c, n))
            for i, c, n in zip(cell, self.cell, self.tokens, strict=True)
        )
        return rows, cols

    def corners(self, cell: Cell) -> list[Corner]:
        """First tokens of the windows that see a cell, each once."""
        rows, cols = (
            dict.fromkeys(
                start
                for start in (min(max(k * c - w // 2, 0), n - w) for k in (i, i + 1))
                if start < min((i + 1) * c, n) and start + w > i * c
            )
            for i, c, w, n in zip(
                cell, self.cell, self.window, self.tokens, strict=True
            )
        )
        return list(product(rows, cols))

    def seen(self, corner: Corner) -> tuple[slice, slice]:
        """Tokens of the grid that a window sees."""
        rows, cols = (
            slice(start, start + w)
            for start, w in zip(corner, self.window, strict=True)
        )
        return rows, cols

    def pixels(self, cell: Cell) -> Box:
        """Pixels of the finest level that the cell stands for."""
        edges = []
        for part, patch, content, plane in zip(
            self.kept(cell), (self.patch,) * 2, self.content, self.plane, strict=True
        ):
            scale = plane / content
            edges.append(
                (math.floor(part.start * patch * scale), part.stop * patch * scale)
            )
        (top, bottom), (left, right) = edges
        return Box(
            top,
            left,
            min(math.ceil(bottom), self.plane[0]),
            min(math.ceil(right), self.plane[1]),
        )

    def distance(self, near: tuple[float, float], cell: Cell) -> float:
        """Pixels of the finest level from a position to the middle of a cell."""
        row, col = self.pixels(cell).centre
        return math.hypot(row - near[0], col - near[1])

    def outward(
        self, near: tuple[float, float], cells: Iterable[Cell], side: int
    ) -> list[Cell]:
        """Sort cells by blocks of so many a side, what is near a position first."""
        away = {cell: self.distance(near, cell) for cell in cells}
        block: dict[Cell, float] = {}
        for (row, col), distance in away.items():
            place = row // side, col // side
            block[place] = min(block.get(place, math.inf), distance)

        def order(cell: Cell) -> tuple[float, Cell, float]:
            place = cell[0] // side, cell[1] // side
            return block[place], place, away[cell]

        return sorted(away, key=order)

    def cells_of(self, rows: slice, cols: slice) -> list[Cell]:
        """Cells that hold any of these tokens."""
        down, across = (
            range(part.start // c, (part.stop - 1) // c + 1)
            for part, c in zip((rows, cols), self.cell, strict=True)
        )
        return [(i, j) for i in down for j in across]


def plan_tiles(
    levels: Sequence[tuple[int, int]], spec: EncoderSpec, mpp: float | None = None
) -> TilePlan:
    """Plan the windows of a large plane.

    Parameters
    ----------
    levels
        (rows, cols) of each level of the pyramid, finest first.
    mpp
        Micrometres a pixel of the finest level, where known: the plane is then seen at
        the encoder's own resolution, or at 1 um a pixel by encoders that have none.
        Where it is not known the plane is seen as it is.
    """
    plane = levels[0]
    wanted = spec.mpp or DEFAULT_MPP
    scale = 1.0 if mpp is None else min(mpp / wanted, _FINEST)
    content = tuple(max(1, round(n * scale)) for n in plane)
    level = _level(levels, (content[0], content[1]))
    size = levels[level]
    if all(abs(n / c - 1) < _SNAP for n, c in zip(size, content, strict=True)):
        content = size
    side = max(1, round(spec.input_size / spec.patch))
    tokens = tuple(math.ceil(n / spec.patch) for n in content)
    window = tuple(min(side, n) for n in tokens)
    margin = 2 * max(1, round(side * _CONTEXT))
    cell = tuple(
        max(1, w - margin) if w < n else w for w, n in zip(window, tokens, strict=True)
    )
    return TilePlan(
        plane=plane,
        content=(content[0], content[1]),
        level=level,
        size=size,
        patch=spec.patch,
        tokens=(tokens[0], tokens[1]),
        window=(window[0], window[1]),
        cell=(cell[0], cell[1]),
    )


def micrometres(spacing: Sequence[float], unit: object) -> float | None:
    """Micrometres a pixel along a plane; None where the unit is not known."""
    factor = _MICROMETRES.get(unit) if isinstance(unit, str) else None
    return None if factor is None else float(spacing[-1]) * factor


def _level(levels: Sequence[tuple[int, int]], content: tuple[int, int]) -> int:
    """Coarsest level that holds all the detail wanted, within a small tolerance."""
    enough = [
        number
        for number, size in enumerate(levels)
        if all(n >= c * (1 - _SNAP) for n, c in zip(size, content, strict=True))
    ]
    return max(enough, default=0)
