"""A volume seen along another of its axes: its planes are cut the other way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadInput
from napari_medfm.core.image import Image, Pixels


@dataclass(frozen=True, eq=False)
class _Turned:
    """Pixels with one axis moved to the front; only what is asked for is read."""

    data: Pixels
    order: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.data.shape[axis] for axis in self.order)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.data.dtype

    def __getitem__(self, index: Any, /) -> NDArray[Any]:
        given = index if isinstance(index, tuple) else (index,)
        if Ellipsis in given:
            given = (slice(None),) * len(self.order)
        key: list[Any] = [slice(None)] * len(self.order)
        for axis, part in zip(self.order, given, strict=True):
            key[axis] = part
        read = np.asarray(self.data[tuple(key)])
        kept = [a for a in range(len(key)) if not isinstance(key[a], (int, np.integer))]
        wanted = [axis for axis in self.order if axis in kept]
        return read.transpose([kept.index(axis) for axis in wanted])


def turned(image: Image, axis: int) -> Image:
    """Return a volume whose planes lie across another axis; the pixels are shared.

    Raises
    ------
    BadInput
        If the image is no volume, or has no such axis.
    """
    if image.ndim != 3 or isinstance(axis, bool) or axis not in (0, 1, 2):
        raise BadInput(
            f"{image.name!r} has {image.ndim} axes: a volume has axis 0, 1 and 2"
        )
    if axis == 0:
        return image
    spatial = [a for a in range(len(image.data.shape)) if a != image.channel_axis]
    spatial.insert(0, spatial.pop(axis))
    order, channel = tuple(spatial), image.channel_axis
    if channel is not None:
        order, channel = (*order, channel), len(order)
    around = [axis, *(a for a in range(3) if a != axis)]
    affine = image.affine[:, [*around, 3]]
    return replace(
        image,
        data=_Turned(image.data, order),
        channel_axis=channel,
        spacing=tuple(image.spacing[a] for a in around),
        affine=affine,
        levels=(),
    )
