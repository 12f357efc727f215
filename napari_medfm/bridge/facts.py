"""What an Image layer says about its pixels and where they lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Layer

from napari_medfm.bridge.geometry import is_tilted, matrix_of
from napari_medfm.core.image import Image
from napari_medfm.project.gallery import MissingPixels
from napari_medfm.readers import Loaded
from napari_medfm.readers.napari_reader import channel_layers

MOST_CHANNELS = 10


def problem_with(layer: Layer) -> str | None:
    """Say why a layer cannot be labelled, or None if it can."""
    if not isinstance(layer, ImageLayer):
        return f"{layer.name!r} holds no pixels: choose an Image layer"
    if layer.ndim > 3 and noted_channels(layer) is None:
        return (
            f"{layer.name!r} has {layer.ndim} axes. Pictures and volumes can be used: "
            "right-click the layer and choose Split Stack to get one of them"
        )
    if 0 in finest(layer).shape:
        return f"{layer.name!r} is empty: its shape is {tuple(finest(layer).shape)}"
    if noted_channels(layer) is not None:
        return (
            f"The file says that axis {noted_channels(layer)} of {layer.name!r} holds "
            "channels: choose “These are channels”"
        )
    if is_tilted(layer):
        return (
            f"{layer.name!r} is tilted: napari cuts it across its planes, so a click "
            "could land on another plane than the one shown. Choose “Show it straight”"
        )
    return None


def finest(layer: ImageLayer) -> Any:
    """Return a layer's pixels; of a pyramid its finest level."""
    return layer.data[0] if layer.multiscale else layer.data


def noted_channels(layer: Layer) -> int | None:
    """Return the axis of a grey layer that its file says holds channels."""
    noted = note_of(layer)
    axis = noted.get("channel_axis")
    if axis is None or "whole" in noted or layer.rgb or not isinstance(axis, int):
        return None
    return axis if 0 <= axis < layer.ndim and layer.ndim > 2 else None


def could_be_channels(layer: Layer) -> bool:
    """Whether the first axis of a grey stack is short enough to hold channels."""
    return bool(layer.ndim == 3 and not layer.rgb) and (
        2 <= finest(layer).shape[0] <= MOST_CHANNELS
    )


def note_of(layer: Layer) -> dict[str, Any]:
    """Return what our readers, or this program, noted about a layer."""
    noted = layer.metadata.get("napari_medfm")
    return noted if isinstance(noted, dict) else {}


def whole_of(layer: Layer) -> Loaded | None:
    """Return the image of several channels that a layer shows one channel of."""
    whole = note_of(layer).get("whole")
    return whole if isinstance(whole, Loaded) else None


def facts_of(layer: ImageLayer) -> dict[str, Any]:
    """Return the arguments of `Session.add_image` for a layer.

    The axes are named, so that a stack of three planes is never read as colour. What
    our own readers noted of the file holds as long as the layer lies as they put it.
    """
    noted, whole = note_of(layer), whole_of(layer)
    levels = list(layer.data) if layer.multiscale else [layer.data]
    axes = ("yx" if layer.ndim == 2 else "zyx") + ("c" if layer.rgb else "")
    name = layer.name
    if whole is not None:
        levels, axes = [whole.data, *whole.levels], whole.axes
        name = noted.get("name") or name
    facts: dict[str, Any] = {
        "image": levels[0],
        "name": name,
        "levels": tuple(levels[1:]),
        "axes": axes,
        "affine": matrix_of(layer),
    }
    if noted and _lies_as_read(layer, noted.get("spacing")):
        facts["metadata"] = noted.get("metadata")
        if noted.get("affine") is not None:
            facts["affine"] = noted["affine"]
        if noted.get("path"):
            facts["source"] = source = Path(noted["path"])
            if source.is_dir():
                facts["series"] = (noted.get("metadata") or {}).get("series_uid")
    return facts


def _lies_as_read(layer: ImageLayer, spacing: Any) -> bool:
    scale = np.ones(layer.ndim) if spacing is None else np.asarray(spacing, float)
    if scale.shape != (layer.ndim,):
        return False
    return bool(np.allclose(matrix_of(layer), np.diag([*scale, 1.0])))


def layers_of(image: Image) -> list[ImageLayer]:
    """Return layers that show an image of a session: one, or one a channel.

    An image whose file is missing is shown black.
    """
    name, data = image.name, image.data
    if isinstance(data, MissingPixels):
        name, data = f"{name} (file missing)", data.blank()
    loaded = Loaded(
        data,
        image.channel_axis,
        image.spacing,
        image.affine,
        image.levels,
        {**image.metadata, "window": None},
    )
    note = {
        "path": None if image.source is None else str(image.source),
        "spacing": image.spacing,
        "affine": image.affine,
        "channel_axis": image.channel_axis,
        "metadata": dict(image.metadata),
    }
    made = []
    for number, (data, shown, _) in enumerate(channel_layers(name, loaded, note)):
        window = image.window[number] if not shown["rgb"] else None
        if window is not None:
            low, high = window
            shown["contrast_limits"] = (low, high if high > low else low + 1)
        made.append(ImageLayer(data, **shown))
    return made


def split(layer: ImageLayer, axis: int) -> list[ImageLayer]:
    """Return one layer for each index of an axis: channels of one image."""
    levels = list(layer.data) if layer.multiscale else [layer.data]
    matrix = matrix_of(layer)
    place = np.delete(np.delete(matrix, axis, 0), axis, 1)
    whole = Loaded(levels[0], axis, levels=tuple(levels[1:]))
    note = {k: v for k, v in note_of(layer).items() if k in {"path", "metadata"}}
    made = []
    for data, shown, _ in channel_layers(layer.name, whole, note):
        made.append(ImageLayer(data, **shown, affine=place))
    return made


def straight(layer: ImageLayer) -> ImageLayer:
    """Return a layer of the same pixels that is true to size but not turned."""
    matrix = matrix_of(layer)
    steps = np.linalg.norm(matrix[:-1, :-1], axis=0)
    note = {"spacing": tuple(steps.tolist()), "affine": matrix}
    noted = note_of(layer)
    note |= {k: noted[k] for k in ("path", "metadata") if k in noted}
    return ImageLayer(
        list(layer.data) if layer.multiscale else layer.data,
        name=f"{layer.name} (straight)",
        scale=steps,
        rgb=layer.rgb,
        multiscale=layer.multiscale,
        metadata={"napari_medfm": note},
        contrast_limits=None if layer.rgb else layer.contrast_limits,
        colormap=layer.colormap,
    )
