"""A dataset folder as nnU-Net v2 trains on: images, labels, dataset.json."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_medfm.core.errors import BadInput
from napari_medfm.core.image import Image
from napari_medfm.core.labels import LabelClass
from napari_medfm.exporters import export_labels
from napari_medfm.exporters._format import LabelMap
from napari_medfm.exporters.nifti import write_volume

Case = tuple[Image, Any, Mapping[str, Any]]


def write_dataset(
    folder: Path, cases: Iterable[Case], classes: Sequence[LabelClass], channels: int
) -> None:
    """Write imagesTr, labelsTr and dataset.json into an empty folder.

    Cases are numbered, never named after their images; each label file has its
    provenance beside it. Pictures become volumes of one plane.

    Parameters
    ----------
    cases
        (image, label map, provenance) of each.
    channels
        Channels that every image has.
    """
    images, labels = folder / "imagesTr", folder / "labelsTr"
    images.mkdir()
    labels.mkdir()
    values = {c.value: number for number, c in enumerate(classes)}
    count = 0
    for number, (image, values_of_image, record) in enumerate(cases, 1):
        name = f"case_{number:04d}"
        table = np.zeros(max(values) + 1, np.uint16)
        for value, after in values.items():
            table[value] = after
        renumbered = [LabelClass(c.name, values[c.value], c.colour) for c in classes]
        mapped = table[np.asarray(values_of_image)]
        export_labels(labels / f"{name}.nii.gz", mapped, image, renumbered, record)
        for channel in range(channels):
            path = images / f"{name}_{channel:04d}.nii.gz"
            write_volume(path, _channel(image, channel), LabelMap(mapped, image, ()))
        count = number
    described = {
        "channel_names": {str(n): f"channel {n}" for n in range(channels)},
        "labels": {c.name: values[c.value] for c in classes},
        "numTraining": count,
        "file_ending": ".nii.gz",
    }
    text = json.dumps(described, indent=1, ensure_ascii=False)
    (folder / "dataset.json").write_text(text, "utf-8")


def channels_of(images: Sequence[Image]) -> int:
    """Return how many channels every image has.

    Raises
    ------
    BadInput
        If they differ.
    """
    found = {
        1 if one.channel_axis is None else one.data.shape[one.channel_axis]
        for one in images
    }
    if len(found) > 1:
        raise BadInput(
            "nnU-Net wants the same channels in every image; these have "
            f"{sorted(found)}"
        )
    return int(found.pop())


def _channel(image: Image, channel: int) -> Any:
    planes = [image.plane(index) for index in range(image.n_planes)]
    if image.channel_axis is not None:
        planes = [plane[..., channel] for plane in planes]
    return np.stack(planes).reshape(image.shape)
