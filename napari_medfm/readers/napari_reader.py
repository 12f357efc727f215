"""Readers as napari calls them; napari itself is not imported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from napari_medfm.core.errors import MedfmError
from napari_medfm.readers import Loaded, read_image, reader_of

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
    """Return one image layer a file, scaled to its pixel size.

    The array is shown as it lies in the file, never turned or flipped:
    ``metadata["napari_medfm"]`` keeps the affine to the patient, the channel axis and
    what the format needs to be written back.
    """
    paths = [path] if isinstance(path, str) else list(path)
    return [layer_of(Path(one), read_image(one)) for one in paths]


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
    if loaded.levels:
        shown["multiscale"] = True
        return [loaded.data, *loaded.levels], shown, "image"
    return loaded.data, shown, "image"
