"""A contact sheet: a page of panels that shows at a glance what was made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image as Picture
    from PIL.ImageDraw import ImageDraw

_PAPER, _INK, _GREY = (250, 250, 248), (28, 32, 38), (110, 116, 124)
_MARGIN, _GAP, _HEAD, _CAPTION, _LEGEND, _NOTE = 36, 24, 96, 58, 40, 26
_HEAT = np.array(
    [(16, 12, 48), (94, 24, 118), (206, 62, 82), (250, 150, 52), (252, 246, 176)],
    np.float32,
)
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Entry:
    """A line of the legend."""

    name: str
    colour: Colour


class Panel:
    """One picture with a title, a caption and overlays, drawn at the size it is shown.

    Parameters
    ----------
    plane
        float (rows, cols, 3) in [0, 1].
    width
        Pixels across on the page.
    """

    def __init__(
        self, title: str, caption: str, plane: NDArray[np.floating[Any]], width: int
    ) -> None:
        from PIL import Image

        self.title, self.caption = title, caption
        rows, cols = plane.shape[:2]
        self.scale = width / cols
        self.size = (width, max(1, round(rows * self.scale)))
        pixels = (np.clip(plane, 0, 1) * 255).astype(np.uint8)
        self.picture: Picture = Image.fromarray(pixels).resize(
            self.size, Image.Resampling.LANCZOS
        )

    def heat(self, values: NDArray[np.floating[Any]], strength: float = 0.8) -> None:
        """Lay a map over the picture, clear where low and glowing where high."""
        finite = values[np.isfinite(values)]
        low, high = np.percentile(finite, (2, 99.8))
        level = np.clip((values - low) / max(high - low, 1e-6), 0, 1)
        shown = self._resized(level.astype(np.float32))[..., None]
        place = shown[..., 0] * (len(_HEAT) - 1)
        steps = np.arange(len(_HEAT))
        glow = np.stack([np.interp(place, steps, c) for c in _HEAT.T], -1)
        grey = np.asarray(self.picture, np.float32).mean(-1, keepdims=True)
        alpha = strength * (0.12 + 0.88 * shown)
        self._replace((1 - alpha) * grey + alpha * glow)

    def region(self, mask: NDArray[np.bool_], colour: Colour) -> None:
        """Tint a region and draw its outline."""
        shown = self._resized(mask.astype(np.float32)) > 0.5
        rows, cols = shown.shape
        padded = np.pad(shown, 2, mode="edge")
        inner = shown.copy()
        for step in (0, 1, 3, 4):
            inner &= padded[step : step + rows, 2 : 2 + cols]
            inner &= padded[2 : 2 + rows, step : step + cols]
        pixels = np.array(self.picture, np.float32)
        pixels[shown] = 0.72 * pixels[shown] + 0.28 * np.array(colour)
        pixels[shown & ~inner] = colour
        self._replace(pixels)

    def box(self, corners: Sequence[float], colour: Colour) -> None:
        """Draw a box (row0, col0, row1, col1)."""
        row0, col0, row1, col1 = (value * self.scale for value in corners)
        self._draw().rectangle((col0, row0, col1 - 1, row1 - 1), None, colour, 3)

    def points(self, places: Sequence[Sequence[float]], colour: Colour) -> None:
        """Draw clicks at (row, col)."""
        draw = self._draw()
        for row, col in places:
            x, y = (col + 0.5) * self.scale, (row + 0.5) * self.scale
            draw.ellipse((x - 7, y - 7, x + 7, y + 7), fill=(0, 0, 0))
            draw.ellipse(
                (x - 6, y - 6, x + 6, y + 6), fill=colour, outline=(255, 255, 255)
            )

    def _draw(self) -> ImageDraw:
        from PIL import ImageDraw

        return ImageDraw.Draw(self.picture)

    def _replace(self, pixels: NDArray[np.floating[Any]]) -> None:
        from PIL import Image

        self.picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))

    def _resized(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        from PIL import Image

        shown = Image.fromarray(values).resize(self.size, Image.Resampling.BILINEAR)
        return np.asarray(shown, np.float32)


def sheet(
    title: str,
    subtitle: str,
    panels: Sequence[Panel],
    legend: Sequence[Entry] = (),
    notes: Sequence[str] = (),
    columns: int = 3,
) -> Picture:
    """Lay panels of one size out on a page, with a legend and notes below."""
    from PIL import Image, ImageDraw

    width, height = panels[0].size
    rows = -(-len(panels) // columns)
    step = height + _CAPTION + _GAP
    page = Image.new(
        "RGB",
        (
            2 * _MARGIN + columns * width + (columns - 1) * _GAP,
            _MARGIN + _HEAD + rows * step + _LEGEND + len(notes) * _NOTE,
        ),
        _PAPER,
    )
    draw = ImageDraw.Draw(page)
    draw.text((_MARGIN, _MARGIN - 6), title, _INK, _font(30))
    draw.text((_MARGIN, _MARGIN + 38), subtitle, _GREY, _font(17))
    for index, panel in enumerate(panels):
        row, column = divmod(index, columns)
        left = _MARGIN + column * (width + _GAP)
        top = _MARGIN + _HEAD + row * step
        draw.text((left, top - 4), panel.title, _INK, _font(19))
        draw.text((left, top + 22), panel.caption, _GREY, _font(15))
        page.paste(panel.picture, (left, top + _CAPTION - 8))
    foot = _MARGIN + _HEAD + rows * step - 8
    _draw_legend(draw, legend, foot)
    for index, note in enumerate(notes):
        draw.text((_MARGIN, foot + _LEGEND + index * _NOTE), note, _INK, _font(15))
    return page


def _draw_legend(draw: ImageDraw, legend: Sequence[Entry], top: int) -> None:
    left = float(_MARGIN)
    for entry in legend:
        draw.rounded_rectangle((left, top, left + 20, top + 20), 4, entry.colour)
        draw.text((left + 28, top - 1), entry.name, _INK, _font(17))
        left += 28 + draw.textlength(entry.name, _font(17)) + 32


def _font(pixels: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(pixels)
