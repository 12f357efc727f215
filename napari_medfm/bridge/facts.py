"""What an Image layer says about its pixels and where they lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Layer
from numpy.typing import NDArray

from napari_medfm.core.image import Image


def problem_with(layer: Layer) -> str | None:
    """Say why a layer cannot be labelled, or None if it can."""
    if not isinstance(layer, ImageLayer):
        return f"{layer.name!r} holds no pixels: choose an Image layer"
    if layer.ndim > 3:
        return (
            f"{layer.name!r} has {layer.ndim} axes. Pictures and volumes can be used: "
            "right-click the layer and choose Split Stack to get one of them"
        )
    data = layer.data[0] if layer.multiscale else layer.data
    if 0 in data.shape:
        return f"{layer.name!r} is empty: its shape is {tuple(data.shape)}"
    return None


def facts_of(layer: ImageLayer) -> dict[str, Any]:
    """Return the arguments of `Session.add_image` for a layer.

    The axes are named, so that a stack of three planes is never read as colour. What
    our own readers noted of the file holds as long as the layer lies as they put it.
    """
    levels = list(layer.data) if layer.multiscale else [layer.data]
    axes = "yx" if layer.ndim == 2 else "zyx"
    facts: dict[str, Any] = {
        "image": levels[0],
        "levels": tuple(levels[1:]),
        "axes": axes + ("c" if layer.rgb else ""),
        "affine": matrix_of(layer),
    }
    noted = layer.metadata.get("napari_medfm")
    if isinstance(noted, dict) and _lies_as_read(layer, noted.get("spacing")):
        facts["metadata"] = noted.get("metadata")
        if noted.get("affine") is not None:
            facts["affine"] = noted["affine"]
        if noted.get("path"):
            facts["source"] = Path(noted["path"])
    return facts


def _lies_as_read(layer: ImageLayer, spacing: Any) -> bool:
    scale = np.ones(layer.ndim) if spacing is None else np.asarray(spacing, float)
    if scale.shape != (layer.ndim,):
        return False
    return bool(np.allclose(matrix_of(layer), np.diag([*scale, 1.0])))


def matrix_of(layer: Layer) -> NDArray[np.float64]:
    """Return a layer's whole transform, array index -> world, (ndim + 1, ndim + 1).

    Scale, translation, rotation, shear and affine are composed.
    """
    ndim = layer.ndim
    origin = np.asarray(layer.data_to_world(np.zeros(ndim)), float)
    matrix = np.eye(ndim + 1)
    for axis, unit in enumerate(np.eye(ndim)):
        matrix[:ndim, axis] = np.asarray(layer.data_to_world(unit), float) - origin
    matrix[:ndim, ndim] = origin
    return matrix


def geometry_of(layer: Layer, plane: int | None = None) -> dict[str, Any]:
    """Return the transform arguments of a layer that lies on another.

    Parameters
    ----------
    plane
        For an answer of one plane of a volume, shape (1, rows, cols): its plane.
    """
    translate = np.array(layer.translate, float)
    if plane is not None:
        full = matrix_of(layer)[: layer.ndim, 0]
        linear = np.asarray(layer.affine.linear_matrix, float)
        translate = translate + plane * np.linalg.solve(linear, full)
    return {
        "scale": np.array(layer.scale, float),
        "translate": translate,
        "rotate": np.array(layer.rotate, float),
        "shear": np.array(layer.shear, float),
        "affine": np.array(layer.affine.affine_matrix, float),
        "units": layer.units,
        "axis_labels": layer.axis_labels,
    }


def layers_of(image: Image) -> list[ImageLayer]:
    """Return layers that show an image of a session: one, or one a channel."""
    if image.channel_axis is None:
        low, high = _limits(image)
        return [_layer(image, image.name, contrast_limits=(low, high), rgb=False)]
    if _is_colour(image):
        return [_layer(image, image.name, rgb=True)]
    count = int(image.data.shape[image.channel_axis])
    return [
        _layer(
            image,
            f"{image.name} channel {channel}",
            channel=channel,
            rgb=False,
            blending="additive",
            colormap=_CHANNELS[channel % len(_CHANNELS)] if count > 1 else "gray",
        )
        for channel in range(count)
    ]


_CHANNELS = ("magenta", "green", "cyan", "yellow", "red", "blue")


def _layer(
    image: Image, name: str, *, channel: int | None = None, **options: Any
) -> ImageLayer:
    levels: list[Any] = [image.data, *image.levels]
    if channel is not None and image.channel_axis is not None:
        index = (*(slice(None),) * image.channel_axis, channel)
        levels = [level[index] for level in levels]
    many = len(levels) > 1
    data = levels if many else levels[0]
    return ImageLayer(data, name=name, affine=image.affine, multiscale=many, **options)


def _is_colour(image: Image) -> bool:
    last = image.channel_axis == len(image.data.shape) - 1
    return last and image.data.shape[-1] in (3, 4)


def _limits(image: Image) -> tuple[float, float]:
    low, high = image.window[0]
    return (low, high) if high > low else (low, low + 1)
