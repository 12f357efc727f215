"""Labelled images as a dataset to train on elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from napari_medfm.core.arguments import list_of, path_of
from napari_medfm.core.errors import BadInput
from napari_medfm.core.jobs import Progress, Steps, Work
from napari_medfm.engine.atomic import atomic_folder
from napari_medfm.engine.provenance import provenance_of
from napari_medfm.exporters._nnunet import channels_of, write_dataset
from napari_medfm.verbs.labelling import accepted_on, contributions, label_map
from napari_medfm.verbs.workspace import Workspace

_NAME = re.compile(r"Dataset\d{3}_[A-Za-z0-9_-]+")


def export_dataset(
    ws: Workspace, path: str | Path, images: Sequence[str] | None = None
) -> Work[Path]:
    """Write images and accepted labels as a folder that nnU-Net v2 trains on.

    Cases are numbered; the provenance beside each label file says which image it was.

    Parameters
    ----------
    path
        A new folder named as nnU-Net wants, such as Dataset001_Tumour.
    images
        Names; every image with accepted labels if None.

    Raises
    ------
    BadInput
        If nothing was accepted, the name does not fit or is taken, or the images differ
        in channels.
    WriteFailed
        If the folder cannot be written.
    """
    target, state = path_of(path, "path"), ws.labelling
    if not _NAME.fullmatch(target.name):
        raise BadInput(
            f"nnU-Net wants a folder such as Dataset001_Tumour, not {target.name!r}"
        )
    if target.exists():
        raise BadInput(f"{target} exists: choose another name")
    names = accepted_on(state) if images is None else list_of(images, "images")
    if not names:
        raise BadInput("Nothing to train on: accept labels first")
    sources = [ws.image(name) for name in names]
    channels = channels_of(sources)

    def cases() -> Iterator[Any]:
        for source in sources:
            regions = [
                {"plane": a.plane, "origin": a.origin, "pixels": pixels, **a.provenance}
                for a, pixels in contributions(state, source)
            ]
            record = provenance_of(
                source,
                classes=state.classes,
                content={"what": "accepted labels", "regions": regions},
            )
            yield source, label_map(state, source), record

    def steps() -> Steps[Path]:
        yield Progress(0, 1, f"writing {target.name}")
        with atomic_folder(target) as folder:
            write_dataset(folder, cases(), state.classes, channels)
        return target

    return Work("Exporting the dataset", steps, lambda written: written)
