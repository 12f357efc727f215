"""Readers as napari calls them; napari itself is not imported."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from napari_medfm.core.errors import BadInput, MedfmError
from napari_medfm.readers import Loaded, dicom, read_image, reader_of

LayerData = tuple[Any, dict[str, Any], str]
ReadLayers = Callable[[str | Sequence[str]], list[LayerData]]


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
    """Return one image layer a file or DICOM series, scaled to its pixel size.

    Of several series in a folder, those that make no image are named in a warning.

    The array is shown as it lies in the file, never turned or flipped:
    ``metadata["napari_medfm"]`` keeps the affine to the patient, the channel axis and
    what the format needs to be written back.
    """
    paths = [path] if isinstance(path, str) else list(path)
    return [layer for one in paths for layer in _layers(Path(one))]


def _layers(path: Path) -> list[LayerData]:
    if not path.is_dir() or reader_of(path) is not dicom.SPEC:
        return [layer_of(path, read_image(path))]
    found = dicom.series_in(path)
    if len(found) <= 1:
        return [layer_of(path, read_image(path))]
    layers = []
    for number, (uid, modality) in enumerate(found.items(), 1):
        try:
            layers.append(layer_of(path, read_image(path, series=uid)))
        except MedfmError as error:
            warnings.warn(f"Series {number} ({modality}): {error}", stacklevel=2)
            continue
        layers[-1][1]["name"] += f" {number} {modality}".rstrip()
    if not layers:
        raise BadInput(f"None of the {len(found)} series in {path.name} makes an image")
    return layers


def layer_of(path: Path, loaded: Loaded) -> LayerData:
    """Return what was read as one napari image layer."""
    shape, channel = loaded.data.shape, loaded.channel_axis
    rgb = channel == len(shape) - 1 and shape[-1] in (3, 4)
    shown: dict[str, Any] = {
        "name": path.name.split(".")[0] or path.name,
        "metadata": {
            "napari_medfm": {
                "path": str(path),
                "spacing": loaded.spacing,
                "affine": loaded.affine,
                "channel_axis": channel,
                "metadata": loaded.metadata,
            }
        },
        "rgb": rgb,
    }
    if loaded.spacing is not None:
        scale = list(loaded.spacing)
        if channel is not None and not rgb:
            scale.insert(channel, 1.0)
        shown["scale"] = tuple(scale)
    if loaded.metadata.get("window") and not rgb:
        shown["contrast_limits"] = loaded.metadata["window"]
    if loaded.metadata.get("photometric") == "MONOCHROME1":
        shown["colormap"] = "gray_r"
    if loaded.levels:
        shown["multiscale"] = True
        return [loaded.data, *loaded.levels], shown, "image"
    return loaded.data, shown, "image"
