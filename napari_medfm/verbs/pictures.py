"""Images come and go."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from napari_medfm.core.arguments import path_of, text_of
from napari_medfm.core.calls import Given
from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import affine_of
from napari_medfm.engine.intake import image_of
from napari_medfm.verbs.gesture import Deed
from napari_medfm.verbs.labelling import without_image
from napari_medfm.verbs.workspace import Workspace


def add_image(  # noqa: PLR0913  one keyword per fact about an image
    ws: Workspace,
    image: Any,
    name: str | None = None,
    axes: str | None = None,
    spacing: ArrayLike | None = None,
    affine: ArrayLike | None = None,
    channel_axis: int | None = None,
    group: str | int | None = None,
    levels: Sequence[Any] = (),
    source: Path | None = None,
    metadata: Mapping[str, Any] | None = None,
    series: str | None = None,
    window: Sequence[tuple[float, float]] | None = None,
) -> Deed[str]:
    """Add an image and return its name.

    Parameters
    ----------
    image
        An array (NumPy, dask, zarr, memmap) or the path of an image file or DICOM
        folder.
    name
        Its name here; from the file name, or "image", "image-2" ... if None.
    axes
        One letter an axis: "yx", "yxc", "zyx", "czyx" ...
    spacing, affine
        Physical pixel size per axis (row first), or index -> world matrix.
    channel_axis
        Axis that holds channels, where it is not a last axis of 3 or 4.
    group
        Patient, slide or centre: validation keeps a group together.
    levels
        Coarser copies, finest first.
    source, metadata
        File that an array was read from, and what `napari_medfm.readers` said of
        it; `script` then reads the file.
    series
        SeriesInstanceUID, where a DICOM folder holds several.
    window
        Per channel: the two intensities that models see as 0 and 1; from a sample of
        the pixels if None.

    Raises
    ------
    BadInput, BadFile
        If the image cannot be used, saying why.
    """
    name = None if name is None else text_of(name, "name")
    source = None if source is None else path_of(source, "source")
    key, as_in_file = "", source is not None
    if isinstance(image, (str, Path)):
        from napari_medfm.readers import read_image

        source = path_of(image, "image")
        loaded = read_image(source, series=series)
        facts = _told(loaded, axes, spacing, affine, channel_axis)
        image, name = facts.pop("data"), name or _stem(source)
        facts["levels"] = levels or facts["levels"]
    elif series is not None and not as_in_file:
        raise BadInput("series= chooses a series of a DICOM folder: give its path")
    else:
        facts = {"axes": axes, "channel_axis": channel_axis, "levels": levels}
        facts |= {"spacing": spacing, "affine": affine, "metadata": metadata}
        name = name or "image"
        key = "" if source else _unique(name, ws.given)
    unique = _unique(name, ws.images)
    facts |= {"group": group, "source": source, "window": window}
    made = image_of(image, unique, **facts)

    def do() -> str:
        ws.admit(made)
        if key:
            ws.given.add(key)
        return unique

    written = {
        "name": unique,
        "axes": axes,
        "spacing": None if as_in_file else spacing,
        "affine": None if as_in_file else affine,
        "channel_axis": channel_axis,
        "group": group,
        "series": series,
        "window": window,
    }
    return Deed(do, (Given(f"images[{key!r}]") if key else str(source),), written)


def _told(loaded: Any, axes: Any, spacing: Any, affine: Any, channel: Any) -> Any:
    """Return an image's facts; the caller's word wins over the file's."""
    told = spacing is not None or affine is not None
    return {
        "data": loaded.data,
        "axes": loaded.axes if axes is None and channel is None else axes,
        "channel_axis": channel,
        "spacing": spacing if told else loaded.spacing,
        "affine": affine if told else loaded.affine,
        "levels": loaded.levels,
        "metadata": loaded.metadata,
    }


def remove_image(ws: Workspace, name: str) -> Deed[None]:
    """Take an image away with all that was said of it; `undo` brings it back.

    Until then its pixels are kept: see `forget_past`.

    Raises
    ------
    BadInput
        If there is none of that name.
    """
    ws.image(name)
    return Deed(lambda: ws.change(without_image(ws.labelling, name)))


def place_image(
    ws: Workspace,
    name: str,
    spacing: ArrayLike | None = None,
    affine: ArrayLike | None = None,
) -> Deed[None]:
    """Say how large an image's pixels are and where they lie; `undo` takes it back.

    Parameters
    ----------
    spacing, affine
        As for `add_image`.

    Raises
    ------
    BadInput
        If there is no image of that name, or the geometry does not fit it.
    """
    image = ws.image(name)
    steps, matrix = affine_of(image.ndim, spacing, affine)
    placed = replace(image, spacing=steps, affine=matrix)

    def do() -> None:
        images = {**ws.images, name: placed}
        ws.change(ws.labelling.but(images=images))

    return Deed(do)


def _unique(name: str, taken: Collection[str]) -> str:
    number, unique = 2, name
    while unique in taken:
        unique, number = f"{name}-{number}", number + 1
    return unique


def _stem(path: Path) -> str:
    return path.name.split(".")[0] or path.name
