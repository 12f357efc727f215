"""Embed an image, plane by plane."""

from __future__ import annotations

from collections.abc import Iterable

from napari_medfm.core.image import Image
from napari_medfm.core.jobs import Progress, Steps, Work
from napari_medfm.verbs.planes import PlaneReader
from napari_medfm.verbs.workspace import Workspace


def embed(ws: Workspace, image: str, planes: Iterable[int] | None = None) -> Work[None]:
    """Compute the tokens of an image and keep them on disk.

    Parameters
    ----------
    image
        Its name.
    planes
        Planes of a volume; all of them if None. They are done in the order given, so
        that what is on screen can come first.
    """
    source = ws.image(image)
    checked = source.plane_indices(planes)
    reader = ws.planes
    return Work(
        f"Embedding {image}", lambda: _embed(reader, source, checked), lambda _: None
    )


def _embed(reader: PlaneReader, image: Image, planes: list[int]) -> Steps[None]:
    for done, plane in enumerate(planes):
        for step in reader.embedding(image, plane):
            total = max(step.total, 1)
            yield Progress(
                done * total + step.done,
                len(planes) * total,
                f"plane {done + 1} of {len(planes)}"
                if len(planes) > 1
                else step.message,
            )
