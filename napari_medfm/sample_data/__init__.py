"""Real images that come with the program; their licences: ``DATA_LICENSES.md``."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_medfm.core.errors import BadInput
from napari_medfm.sample_data import _brain, _fundus, _tissue
from napari_medfm.sample_data._sample import Hints, Sample

__all__ = [
    "Hints",
    "Sample",
    "load",
    "names",
    "ophthalmology",
    "pathology",
    "radiology",
]

LayerData = tuple[Any, dict[str, Any], str]
_LOADERS = {
    "pathology": _tissue.load,
    "radiology": _brain.load,
    "ophthalmology": _fundus.load,
}


def names() -> tuple[str, ...]:
    """Return the samples' names."""
    return tuple(_LOADERS)


def load(name: str) -> Sample:
    """Return a sample, from the package itself.

    Raises
    ------
    BadInput
        If there is none of that name.
    """
    if name not in _LOADERS:
        raise BadInput(f"There is no sample {name!r}: {', '.join(_LOADERS)}")
    return _LOADERS[name]()


def pathology() -> list[LayerData]:
    """Return the pathology sample as napari layers."""
    return layers_of(load("pathology"))


def radiology() -> list[LayerData]:
    """Return the radiology sample and its labels as napari layers."""
    return layers_of(load("radiology"))


def ophthalmology() -> list[LayerData]:
    """Return the ophthalmology sample as napari layers."""
    return layers_of(load("ophthalmology"))


def layers_of(sample: Sample) -> list[LayerData]:
    """Return a sample as napari layers, scaled to its spacing.

    ``metadata["napari_medfm"]`` of the image holds what the session needs: its affine,
    channel axis and the sample's name.
    """
    facts = {
        "sample": sample.name,
        "spacing": sample.spacing,
        "affine": sample.affine,
        "channel_axis": sample.channel_axis,
        "metadata": sample.metadata,
    }
    shown: dict[str, Any] = {
        "name": sample.name,
        "metadata": {"napari_medfm": facts},
        "rgb": sample.channel_axis is not None,
    }
    if sample.spacing is not None:
        shown["scale"] = sample.spacing
    layers: list[LayerData] = [(sample.data, shown, "image")]
    if sample.labels is not None:
        names = {"background": 0} | {n: i for i, n in enumerate(sample.class_names, 1)}
        kept = {k: v for k, v in shown.items() if k == "scale"}
        labels = np.ascontiguousarray(sample.labels)
        facts = {**facts, "classes": names}
        kept |= {"name": f"{sample.name} labels", "metadata": {"napari_medfm": facts}}
        layers.append((labels, {**kept, "visible": False}, "labels"))
    return layers
