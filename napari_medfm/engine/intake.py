"""From whatever the user loads to an `Image`: checks, channels, intensity window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medfm.core.arguments import (
    array_of,
    list_of,
    numbers_of,
    shown,
    text_of,
    whole_of,
)
from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import affine_of
from napari_medfm.core.image import Image, Pixels

_SAMPLED_PLANES = 16
_SAMPLED_PIXELS = 512


def image_of(  # noqa: PLR0913  one keyword per fact about an image
    data: Any,
    name: str,
    *,
    axes: str | None = None,
    spacing: ArrayLike | None = None,
    affine: ArrayLike | None = None,
    channel_axis: int | None = None,
    group: str | int | None = None,
    levels: Sequence[Pixels] = (),
    source: Path | None = None,
    metadata: Mapping[str, Any] | None = None,
    window: Sequence[tuple[float, float]] | None = None,
) -> Image:
    """Check an array and make it an `Image`.

    Parameters
    ----------
    data
        (rows, cols) or (planes, rows, cols), with at most one more axis for channels.
    axes
        One letter an axis, such as "yx", "yxc", "zyx", "tyx", "czyx"; "c" names the
        channel axis. Without it, a last axis of 3 or 4 is read as colour where what
        remains has at least two axes.
    channel_axis
        The same as "c" in ``axes``.
    window
        (low, high) per channel; from a sample of the pixels if None.

    Raises
    ------
    BadInput
        If the array is empty, complex, of too few or too many axes, or has no finite
        pixel; or if axes, spacing or affine do not fit it.
    """
    data = _as_pixels(data, name)
    channel = _channel_axis(data, name, axes, channel_axis)
    ndim = len(data.shape) - (channel is not None)
    if ndim not in (2, 3):
        raise BadInput(
            f"{name!r} has shape {tuple(data.shape)}: pictures (row, col) and volumes "
            "(plane, row, col) can be used, each with at most one channel axis. Pick "
            "one time point or channel first, or name the channel axis"
        )
    resolved, matrix = affine_of(ndim, spacing, affine)
    image = Image(
        name=name,
        data=data,
        channel_axis=channel,
        spacing=resolved,
        affine=matrix,
        window=((0.0, 1.0),),
        group=name if group is None else _group(group),
        levels=_levels(levels, data),
        source=source,
        metadata=_metadata(metadata),
    )
    if window is None:
        return _with_window(image)
    return replace(image, window=_checked_window(image, window))


def _checked_window(
    image: Image, window: Sequence[tuple[float, float]]
) -> tuple[tuple[float, float], ...]:
    limits = numbers_of(window, "window")
    channels = 1 if image.channel_axis is None else image.data.shape[image.channel_axis]
    if limits.shape != (channels, 2) or not np.isfinite(limits).all():
        raise BadInput(
            f"The window of {image.name!r} is (low, high) for each of {channels} "
            f"channels, got {window!r}"
        )
    if (limits[:, 1] < limits[:, 0]).any():
        raise BadInput(f"A window goes from low to high, got {window!r}")
    return tuple((float(low), float(high)) for low, high in limits)


def _as_pixels(data: Any, name: str) -> Any:
    if not isinstance(getattr(data, "dtype", None), np.dtype):
        data = array_of(data, f"The image {name!r}")
    if data.dtype.kind == "c":
        raise BadInput(f"{name!r} is complex: give its magnitude, numpy.abs(image)")
    if data.dtype.kind not in "buif":
        raise BadInput(f"{name!r} holds {data.dtype}, not numbers")
    if len(data.shape) < 2:
        raise BadInput(
            f"{name!r} has {len(data.shape)} axes: an image has at least rows "
            "and columns"
        )
    if 0 in data.shape:
        raise BadInput(f"{name!r} is empty: its shape is {tuple(data.shape)}")
    return data


def _group(group: Any) -> str:
    if isinstance(group, int) and not isinstance(group, bool):
        return str(group)
    return text_of(group, "group")


def _levels(levels: Any, data: Pixels) -> tuple[Pixels, ...]:
    found = list_of(levels, "levels")
    for level in found:
        shape = getattr(level, "shape", None)
        if shape is None or len(shape) != len(data.shape) or 0 in shape:
            raise BadInput(
                f"levels are coarser arrays of {len(data.shape)} axes, got "
                f"{shown(level)}"
            )
    return tuple(found)


def _metadata(metadata: Any) -> MappingProxyType[str, Any]:
    if metadata is not None and not isinstance(metadata, Mapping):
        raise BadInput(f"metadata is a dictionary, got {shown(metadata)}")
    return MappingProxyType(dict(metadata or {}))


def _channel_axis(
    data: Pixels, name: str, axes: str | None, channel_axis: int | None
) -> int | None:
    ndim = len(data.shape)
    if axes is not None:
        letters = text_of(axes, "axes").lower()
        if len(letters) != ndim or len(set(letters)) != ndim:
            raise BadInput(
                f"axes={axes!r} names {len(letters)} axes, but {name!r} has {ndim}: "
                "one different letter an axis, such as 'zyx' or 'yxc'"
            )
        unknown = set(letters) - set("cstzyx")
        if unknown or not letters.replace("c", "").endswith("yx"):
            raise BadInput(
                f"axes={axes!r}: use z or t (planes), then y (rows), x (columns), and "
                "c (channels)"
            )
        return letters.index("c") if "c" in letters else channel_axis
    if channel_axis is not None:
        axis = whole_of(channel_axis, "channel_axis", -(2**31), 2**31)
        if not -ndim <= axis < ndim:
            raise BadInput(f"{name!r} has no axis {axis}: it has {ndim} axes")
        return axis % ndim
    looks_like_colour = (
        ndim >= 3 and data.shape[-1] in (3, 4) and data.dtype.kind != "b"
    )
    if looks_like_colour and min(data.shape[-3:-1]) > 4:
        return ndim - 1
    return None


def _with_window(image: Image) -> Image:
    """Set the intensity window from a thin, even sample of the pixels."""
    kind, size = image.data.dtype.kind, image.data.dtype.itemsize
    channels = 1 if image.channel_axis is None else image.data.shape[image.channel_axis]
    if kind == "b":
        return replace(image, window=((0.0, 1.0),) * channels)
    if kind == "u" and size == 1:
        return replace(image, window=((0.0, 255.0),) * channels)
    coarsest = replace(image, data=image.levels[-1]) if image.levels else image
    sample = _sample(coarsest)
    windows = []
    for channel in sample:
        finite = channel[np.isfinite(channel)]
        if not finite.size:
            raise BadInput(
                f"{image.name!r} has no finite pixel: there is nothing to see"
            )
        low, high = np.percentile(finite, (0.5, 99.5))
        if high <= low:
            low, high = float(finite.min()), float(finite.max())
        windows.append((float(low), float(high)))
    return replace(image, window=tuple(windows))


def _sample(image: Image) -> list[NDArray[np.float64]]:
    count = min(image.n_planes, _SAMPLED_PLANES)
    rows, cols = image.plane_shape
    step = (max(1, rows // _SAMPLED_PIXELS), max(1, cols // _SAMPLED_PIXELS))
    planes = []
    for index in np.linspace(0, image.n_planes - 1, count).round().astype(int):
        plane = image.plane(int(index))[:: step[0], :: step[1]]
        planes.append(plane.reshape(-1, 1 if plane.ndim == 2 else plane.shape[-1]))
    return list(np.concatenate(planes).astype(np.float64).T)
