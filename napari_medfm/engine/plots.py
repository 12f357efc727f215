"""Plots as SVG: plain shapes and text that Qt, browsers and notebooks all draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

WIDTH = 330
_LEFT, _TOP, _HEIGHT = 46, 8, 120
_ROW = 24
_LONGEST = 14
_FONT = "font-family='sans-serif' font-size='11'"


@dataclass(frozen=True)
class Ink:
    """Colours of a plot: of text and axes, and of what is plotted."""

    text: str = "#333333"
    accent: str = "#2f8fd0"


def bars(rows: Sequence[tuple[str, float, str]], ink: Ink) -> str:
    """Draw values in [0, 1] as bars, one a row.

    Parameters
    ----------
    rows
        Name, value and colour (#rrggbb) of each.
    """
    start, end = 112, WIDTH - 40
    parts = []
    for number, (name, value, colour) in enumerate(rows):
        top = number * _ROW + 4
        known = value == value
        length = (end - start) * (value if known else 0)
        parts += [
            _text(start - 6, top + 12, _short(name), ink, "end"),
            _rect(start, top, end - start, 16, ink.text, 0.12),
            _rect(start, top, length, 16, colour, 0.9),
            _text(end + 5, top + 12, f"{value:.2f}" if known else "?", ink, "start"),
        ]
    return _svg(parts, len(rows) * _ROW + 4)


def curve(
    points: Sequence[tuple[float, float]],
    across: str,
    up: str,
    ink: Ink,
    *,
    shares: bool = False,
) -> str:
    """Draw points with values in [0, 1], joined by a line.

    Parameters
    ----------
    across, up
        What the axes are.
    shares
        Whether the points' first numbers are shares in [0, 1] too; the line where both
        are equal is then drawn beside them.
    """
    right, bottom = WIDTH - 14, _TOP + _HEIGHT
    most = 1.0 if shares else max((x for x, _ in points), default=1.0)

    def place(x: float, y: float) -> tuple[float, float]:
        return _LEFT + (right - _LEFT) * x / (most or 1), bottom - _HEIGHT * y

    parts = [_rect(_LEFT, _TOP, right - _LEFT, _HEIGHT, ink.text, 0.06)]
    for share in (0.0, 0.5, 1.0):
        x, y = place(most * share, share)
        parts.append(_line((_LEFT, y), (right, y), ink.text, 0.25))
        parts.append(_text(_LEFT - 5, y + 4, f"{share:.1f}", ink, "end"))
        mark = f"{share:.1f}" if shares else f"{most * share:.0f}"
        parts.append(_text(x, bottom + 14, mark, ink, "middle"))
    if shares:
        parts.append(_line(place(0, 0), place(1, 1), ink.text, 0.5))
    dots = [place(x, y) for x, y in sorted(points)]
    parts += [_line(a, b, ink.accent, 1.0, 2) for a, b in pairwise(dots)]
    parts += [
        f"<circle cx='{x:.1f}' cy='{y:.1f}' r='4' fill='{ink.accent}'/>"
        for x, y in dots
    ]
    middle = (_LEFT + right) / 2
    parts.append(_text(middle, bottom + 29, across, ink, "middle"))
    parts.append(_text(12, _TOP + _HEIGHT / 2, up, ink, "middle", turned=True))
    return _svg(parts, bottom + 36)


def matrix(names: Sequence[str], counts: Sequence[Sequence[int]], ink: Ink) -> str:
    """Draw a confusion matrix: a row for each class given, a column for each found.

    The shade of a cell is its share of the row.
    """
    start, top = 104, 34
    side = min(60.0, (WIDTH - start - 8) / max(len(names), 1))
    height = min(side, 30.0)
    middle = start + side * len(names) / 2
    parts = [_text(middle, 12, "found", ink, "middle")]
    for number, name in enumerate(names):
        brief = _short(name, max(3, int(side / 7)))
        across = start + side * (number + 0.5)
        down = top + height * (number + 0.5) + 4
        parts.append(_text(across, 28, brief, ink, "middle"))
        parts.append(_text(start - 6, down, _short(name), ink, "end"))
        total = sum(counts[number]) or 1
        for other, count in enumerate(counts[number]):
            x, y = start + side * other, top + height * number
            share = count / total
            parts.append(_rect(x + 1, y + 1, side - 2, height - 2, ink.text, 0.08))
            parts.append(
                _rect(x + 1, y + 1, side - 2, height - 2, ink.accent, 0.85 * share)
            )
            colour = "#ffffff" if share > 0.5 else ink.text
            middle_of = x + side / 2
            parts.append(
                _text(middle_of, y + height / 2 + 4, str(count), Ink(colour), "middle")
            )
    return _svg(parts, top + height * len(names) + 4)


def _short(name: str, longest: int = _LONGEST) -> str:
    return name if len(name) <= longest else name[: longest - 1] + "…"


def _text(
    x: float, y: float, text: str, ink: Ink, anchor: str, *, turned: bool = False
) -> str:
    turn = f" transform='rotate(-90 {x:.1f} {y:.1f})'" if turned else ""
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' {_FONT} fill='{ink.text}' "
        f"text-anchor='{anchor}'{turn}>{escape(text)}</text>"
    )


def _rect(
    x: float, y: float, width: float, height: float, colour: str, opacity: float
) -> str:
    return (
        f"<rect x='{x:.1f}' y='{y:.1f}' width='{width:.1f}' height='{height:.1f}' "
        f"fill='{colour}' fill-opacity='{opacity:.2f}'/>"
    )


def _line(
    start: tuple[float, float],
    end: tuple[float, float],
    colour: str,
    opacity: float,
    width: float = 1,
) -> str:
    return (
        f"<line x1='{start[0]:.1f}' y1='{start[1]:.1f}' x2='{end[0]:.1f}' "
        f"y2='{end[1]:.1f}' stroke='{colour}' stroke-opacity='{opacity:.2f}' "
        f"stroke-width='{width}'/>"
    )


def _svg(parts: Sequence[str], height: float) -> str:
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' "
        f"height='{height:.0f}' viewBox='0 0 {WIDTH} {height:.0f}'>"
        f"{''.join(parts)}</svg>"
    )
