"""Readers as napari calls them; napari itself is not imported."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_medfm.core.errors import BadInput, MedfmError
from napari_medfm.readers import Loaded, dicom, read_image, reader_of
from napari_medfm.readers._channel import channel_of

LayerData = tuple[Any, dict[str, Any], str]
ReadLayers = Callable[[str | Sequence[str]], list[LayerData]]
_COLOURS = ("magenta", "green", "cyan", "yellow", "red", "blue")


def napari_get_reader(path: str | Sequence[str]) -> ReadLayers | None:
    """Return a function that reads a file or DICOM folder; None if it is not ours."""
    paths = [path] if isinstance(path, str) else list(path)
    try:
        for one in paths:
            reader_of(one)
    except MedfmError:
        return None
    return read_layers


def read_layers(path: str | Sequence[str]) -> list[LayerData]:
    """Return the image layers of each file or DICOM series, scaled to its pixel size.

    Of several series in a folder, those that make no image are named in a warning.

    The array is shown as it lies in the file, never turned or flipped:
    ``metadata["napari_medfm"]`` keeps the affine to the patient and what the format
    needs to be written back. Grey, colour and volumes are one layer; an image of
    several channels is one layer a channel, whose metadata keep the ``whole``.
    """
    paths = [path] if isinstance(path, str) else list(path)
    return [layer for one in paths for layer in _layers(Path(one))]


def _layers(path: Path) -> list[LayerData]:
    if not path.is_dir() or reader_of(path) is not dicom.SPEC:
        return layers_of(path, read_image(path))
    found = dicom.series_in(path)
    if len(found) <= 1:
        return layers_of(path, read_image(path))
    layers: list[LayerData] = []
    for number, (uid, modality) in enumerate(found.items(), 1):
        try:
            loaded = read_image(path, series=uid)
        except MedfmError as error:
            warnings.warn(f"Series {number} ({modality}): {error}", stacklevel=2)
            continue
        layers += layers_of(path, loaded, f" {number} {modality}".rstrip())
    if not layers:
        raise BadInput(f"None of the {len(found)} series in {path.name} makes an image")
    return layers


def layers_of(path: Path, loaded: Loaded, which: str = "") -> list[LayerData]:
    """Return what was read as napari image layers."""
    note = {
        "path": str(path),
        "spacing": loaded.spacing,
        "affine": loaded.affine,
        "channel_axis": loaded.channel_axis,
        "metadata": loaded.metadata,
    }
    name = (path.name.split(".")[0] or path.name) + which
    return channel_layers(name, loaded, note)


def channel_layers(
    name: str, loaded: Loaded, note: Mapping[str, Any]
) -> list[LayerData]:
    """Return one layer, or one a channel where channels are not red, green and blue.

    Parameters
    ----------
    note
        What ``metadata["napari_medfm"]`` is to hold. Channels of one image share the
        same `Loaded` in it, as ``whole``.
    """
    levels = [loaded.data, *loaded.levels]
    axis = loaded.channel_axis
    if axis is None or is_colour(loaded):
        return [_layer(name, loaded, levels, note, rgb=axis is not None)]
    count = int(loaded.data.shape[axis])
    made = []
    for channel in range(count):
        data, shown, kind = _layer(
            f"{name} channel {channel}",
            loaded,
            [channel_of(level, axis, channel) for level in levels],
            {**note, "whole": loaded, "name": name, "channel": channel},
            rgb=False,
        )
        if count > 1:
            shown["blending"] = "additive"
            shown["colormap"] = _COLOURS[channel % len(_COLOURS)]
        made.append((data, shown, kind))
    return made


def is_colour(loaded: Loaded) -> bool:
    """Whether the channels are the last axis, three or four."""
    shape = loaded.data.shape
    return loaded.channel_axis == len(shape) - 1 and shape[-1] in (3, 4)


def _layer(
    name: str, loaded: Loaded, levels: list[Any], note: Mapping[str, Any], *, rgb: bool
) -> LayerData:
    shown: dict[str, Any] = {
        "name": name,
        "metadata": {"napari_medfm": dict(note)},
        "rgb": rgb,
    }
    if loaded.spacing is not None:
        shown["scale"] = tuple(loaded.spacing)
    if loaded.metadata.get("window") and not rgb:
        shown["contrast_limits"] = loaded.metadata["window"]
    if loaded.metadata.get("photometric") == "MONOCHROME1":
        shown["colormap"] = "gray_r"
    if len(levels) > 1:
        shown["multiscale"] = True
        return levels, shown, "image"
    return levels[0], shown, "image"
