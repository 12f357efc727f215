"""What the canvas shows of a desk, at the resolution that it is seen at."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadInput
from napari_medfm.core.image import Image

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk

OVERLAYS = ("similarity", "preview", "prediction", "labels", "mask", "strokes")
MARKS = ("examples", "queries", "clicks")
_MOST_PIXELS = 4096


@dataclass(frozen=True)
class Region:
    """A part of a plane and how many pixels it is shown with.

    Parameters
    ----------
    row0, col0, row1, col1
        Pixels of the finest level, half-open.
    height, width
        Size on screen.
    """

    row0: int
    col0: int
    row1: int
    col1: int
    height: int
    width: int

    @classmethod
    def of(cls, box: Any, size: Any, shape: tuple[int, int]) -> Self:
        """Make one of what the browser asks for, cut to the plane.

        Raises
        ------
        BadInput
            If it is not four and two finite numbers, or lies beside the plane.
        """
        try:
            edges = [round(float(v)) for v in box]
            height, width = (round(float(v)) for v in size)
            row0, col0, row1, col1 = edges
        except (TypeError, ValueError, OverflowError):
            raise BadInput("A view is four edges and two sizes") from None
        row0, row1 = max(row0, 0), min(row1, shape[0])
        col0, col1 = max(col0, 0), min(col1, shape[1])
        if row0 >= row1 or col0 >= col1:
            raise BadInput("The view lies beside the image")
        height = min(max(height, 1), row1 - row0, _MOST_PIXELS)
        width = min(max(width, 1), col1 - col0, _MOST_PIXELS)
        return cls(row0, col0, row1, col1, height, width)

    @property
    def edges(self) -> list[int]:
        """row0, col0, row1, col1."""
        return [self.row0, self.col0, self.row1, self.col1]

    def nearest(self, shape: tuple[int, int], level: tuple[int, int]) -> Any:
        """Return the open-mesh index into a level of a plane, nearest pixel."""
        rows = _spread(self.row0, self.row1, self.height) * (level[0] / shape[0])
        cols = _spread(self.col0, self.col1, self.width) * (level[1] / shape[1])
        return np.ix_(
            np.minimum(rows.astype(np.intp), level[0] - 1),
            np.minimum(cols.astype(np.intp), level[1] - 1),
        )


def _spread(start: int, end: int, count: int) -> NDArray[np.float64]:
    middles = np.arange(count, dtype=np.float64) + 0.5
    spread: NDArray[np.float64] = start + (end - start) / count * middles
    return spread


def picture_of(image: Image, plane: int | None, region: Region) -> bytes:
    """Return a region of a plane as PNG, 8 bits through the image's window.

    Only the region is read, from the coarsest level that has enough pixels; its pixels
    are averaged where there are more than are seen.
    """
    pixels = _read(image, plane, region)
    low, high = (np.asarray(image.window, np.float32).T)[..., : pixels.shape[-1]]
    scaled = (pixels.astype(np.float32) - low) / np.where(high > low, high - low, 1)
    shown = (255 * np.nan_to_num(scaled).clip(0, 1)).astype(np.uint8)
    return _png(shown, (region.width, region.height))


def _read(image: Image, plane: int | None, region: Region) -> NDArray[Any]:
    """Read a region, (rows, cols, channels), one or three channels."""
    level, channel = image.data, image.channel_axis
    for coarser in image.levels:
        if _spatial(coarser.shape, channel)[-2] >= _wanted(image, region):
            level = coarser
    scale = [
        got / full
        for got, full in zip(
            _spatial(level.shape, channel)[-2:], image.plane_shape, strict=True
        )
    ]
    key: list[Any] = [
        slice(int(region.row0 * scale[0]), max(1, int(region.row1 * scale[0]))),
        slice(int(region.col0 * scale[1]), max(1, int(region.col1 * scale[1]))),
    ]
    if image.ndim == 3:
        key.insert(0, image.plane_index(plane))
    if channel is not None:
        key.insert(channel, slice(None))
    pixels = np.asarray(level[tuple(key)])
    if channel is None:
        return pixels[..., None]
    # Reading one plane of a volume drops an axis before channels that come late.
    late = image.ndim == 3 and channel > 0
    pixels = np.moveaxis(pixels, channel - late, -1)
    return pixels[..., :3] if pixels.shape[-1] >= 3 else pixels[..., :1]


def _spatial(shape: tuple[int, ...], channel: int | None) -> list[int]:
    return [n for axis, n in enumerate(shape) if axis != channel]


def _wanted(image: Image, region: Region) -> float:
    """Rows that a level needs, so that the region has a pixel for each on screen."""
    return image.plane_shape[0] * region.height / (region.row1 - region.row0)


def overlay_of(desk: Desk, region: Region) -> bytes:
    """Return what lies over the image in a region, composed as one RGBA PNG."""
    total = np.zeros((region.height, region.width, 4), np.float32)
    for layer in visible_layers(desk, OVERLAYS):
        found = _plane_on_screen(desk, layer)
        source = desk.source
        if found is None or source is None:
            continue
        values = found[region.nearest(source.plane_shape, found.shape[:2])]
        _over(total, _coloured(layer, values), float(layer.opacity))
    return _png((255 * total).round().astype(np.uint8), None)


def visible_layers(desk: Desk, roles: tuple[str, ...]) -> Iterator[Any]:
    """Give the layers of roles that show something, from bottom to top."""
    for role in roles:
        layer = desk.mirror.layer(desk.image or "", role)  # type: ignore[arg-type]
        if layer is not None and layer.visible:
            yield layer


def _plane_on_screen(desk: Desk, layer: Any) -> NDArray[Any] | None:
    """Return a layer's plane where the viewer is; None if it has none there."""
    data = layer.data[0] if layer.multiscale else layer.data
    if data.ndim == 2:
        return np.asarray(data)
    index = round(float(layer.world_to_data(desk.viewer.dims.point)[0]))
    return np.asarray(data[index]) if 0 <= index < data.shape[0] else None


def _coloured(layer: Any, values: NDArray[Any]) -> NDArray[np.float32]:
    if hasattr(layer, "contour") and layer.contour:
        values = np.where(_edges(values), values, 0)
    if hasattr(layer, "contrast_limits"):
        low, high = layer.contrast_limits
        values = np.clip((values - low) / (high - low), 0, 1)
    colours = layer.colormap.map(np.ravel(values))
    return np.asarray(colours, np.float32).reshape(*values.shape, 4)


def _edges(values: NDArray[Any]) -> NDArray[np.bool_]:
    edges = np.zeros(values.shape, bool)
    down, right = values[1:] != values[:-1], values[:, 1:] != values[:, :-1]
    edges[1:] |= down
    edges[:-1] |= down
    edges[:, 1:] |= right
    edges[:, :-1] |= right
    return edges


def _over(below: NDArray[np.float32], above: NDArray[np.float32], share: float) -> None:
    """Lay straight-alpha colours over others, in place."""
    alpha = above[..., 3:] * share
    rest = below[..., 3:] * (1 - alpha)
    total = alpha + rest
    colour = above[..., :3] * alpha + below[..., :3] * rest
    below[..., :3] = np.divide(colour, total, where=total > 0, out=colour)
    below[..., 3:] = total


def marks_of(desk: Desk) -> list[dict[str, Any]]:
    """Return the clicks on the plane on screen: row, col, colour and shape."""
    here, found = desk.here, []
    for layer in visible_layers(desk, MARKS):
        places = np.asarray(layer.data)
        if here is not None and here[1] is not None:
            inside = np.round(places[:, 0]) == here[1]
        else:
            inside = np.ones(len(places), bool)
        symbols = np.asarray(layer.symbol).astype(str)
        for place, colour, symbol in zip(
            places[inside],
            np.asarray(layer.face_color)[inside],
            symbols[inside],
            strict=True,
        ):
            red, green, blue = (round(255 * float(c)) for c in colour[:3])
            found.append(
                {
                    "row": float(place[-2]),
                    "col": float(place[-1]),
                    "colour": f"#{red:02x}{green:02x}{blue:02x}",
                    "square": symbol == "square",
                }
            )
    return found


def box_of(desk: Desk) -> list[float] | None:
    """Return the prompt's box on the plane on screen, (row0, col0, row1, col1)."""
    box = desk.prompt.draft.box
    return None if box is None else [float(edge) for edge in box]


def _png(pixels: NDArray[np.uint8], size: tuple[int, int] | None) -> bytes:
    from PIL import Image as Picture

    squeezed = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    picture = Picture.fromarray(squeezed)
    if size is not None and picture.size != size:
        picture = picture.resize(size, Picture.Resampling.BOX)
    held = io.BytesIO()
    picture.save(held, "PNG", compress_level=1)
    return held.getvalue()
