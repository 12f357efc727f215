"""From what the user drew to the pixels that are meant."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import Box, pixel_index, points_on
from napari_medfm.core.image import Image
from napari_medfm.core.runs import Runs, as_mask

Pixels = NDArray[np.int32]


def point_pixels(image: Image, points: ArrayLike, plane: int | None) -> Pixels:
    """Return the pixels under points (n, ndim), or (n, 2) on a plane of a volume."""
    if plane is not None and image.ndim == 3:
        on_plane = points_on(points, image.plane_shape)
        return _unique(_lifted(image, pixel_index(on_plane), plane))
    return _unique(pixel_index(points_on(points, image.shape)))


def mask_pixels(image: Image, mask: Any, plane: int | None) -> Pixels:
    """Return the true pixels of a mask of the image's shape, or of a plane's.

    Raises
    ------
    BadInput
        If the shape fits neither.
    """
    if plane is None:
        plane = getattr(mask, "plane", None)
    if isinstance(mask, Runs):
        # A stroke on a slide: never made an array of the slide's size.
        shape = mask.shape
        check_shape(image, shape, plane, "The mask")
        found = np.column_stack(np.unravel_index(mask.indices(), shape))
    else:
        array = as_mask(mask)
        shape = array.shape
        check_shape(image, shape, plane, "The mask")
        found = np.argwhere(array)
    if shape == image.shape:
        return found.astype(np.int32)
    return _lifted(image, found, plane).astype(np.int32)


def check_shape(
    image: Image, shape: tuple[int, ...], plane: int | None, what: str
) -> None:
    """Refuse an array that is neither of the image's shape nor of a named plane's.

    Raises
    ------
    BadInput
        If so.
    """
    if plane is not None:
        image.plane_index(plane)
    on_plane = image.ndim == 3 and plane is not None
    if shape == image.shape or (on_plane and shape == image.plane_shape):
        return
    wanted = f"{image.shape}"
    if image.ndim == 3:
        wanted += f", or {image.plane_shape} with plane="
    raise BadInput(f"{what} has shape {shape}; {image.name!r} needs {wanted}")


def box_pixels(image: Image, box: ArrayLike, plane: int | None) -> Pixels:
    """Return the pixels in a half-open box (row0, col0, row1, col1) on a plane."""
    clipped = Box.of(box).clipped(image.plane_shape).rounded()
    inside = [
        np.arange(size)[part]
        for size, part in zip(image.plane_shape, clipped.slices, strict=True)
    ]
    found = np.stack(np.meshgrid(*inside, indexing="ij"), -1).reshape(-1, 2)
    return _lifted(image, found, plane).astype(np.int32)


def polygon_pixels(image: Image, corners: ArrayLike, plane: int | None) -> Pixels:
    """Return the pixels inside a closed outline of corners (n, 2) on a plane.

    Raises
    ------
    BadInput
        If there are fewer than three corners, it has no area, or one lies outside.
    """
    from skimage.draw import polygon

    outline = points_on(corners, image.plane_shape, "corner")
    if len(outline) < 3:
        raise BadInput(f"An outline has three corners or more, got {len(outline)}")
    rows, cols = outline.T
    down, across = (outline - outline.mean(0)).T
    if np.isclose(down @ np.roll(across, 1), across @ np.roll(down, 1)):
        raise BadInput("The outline has no area: draw it around the object")
    inside = polygon(rows, cols, image.plane_shape)  # type: ignore[no-untyped-call]
    return _lifted(image, np.column_stack(inside), plane).astype(np.int32)


def _lifted(image: Image, on_plane: NDArray[Any], plane: int | None) -> NDArray[Any]:
    """Put positions (n, 2) on a plane of the image, (n, ndim)."""
    index = image.plane_index(plane)
    if image.ndim == 2:
        return on_plane
    return np.column_stack([np.full(len(on_plane), index), on_plane])


def _unique(pixels: NDArray[np.intp]) -> Pixels:
    return np.unique(pixels.astype(np.int32), axis=0)
