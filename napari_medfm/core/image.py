"""An image as the session holds it: pixels, axes, geometry, intensity window."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.arguments import list_of, whole_of
from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import Box

_BAND_PIXELS = 1 << 24


class Pixels(Protocol):
    """What an image array must offer: NumPy, dask, zarr and memmaps all do."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Size along each axis."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a pixel."""

    def __getitem__(self, index: Any, /) -> Any:
        """Read a part."""


@dataclass(frozen=True, eq=False)
class Image:
    """One image of a session. Build it with `napari_medfm.engine.intake.image_of`.

    Parameters
    ----------
    name
        Its name in the session.
    data
        Pixels; only the planes asked for are ever read.
    channel_axis
        Axis of ``data`` that holds channels, or None.
    spacing, affine
        Physical size of a pixel per spatial axis, and index -> world matrix
        (ndim + 1, ndim + 1).
    window
        Per channel: the two intensities shown to models as 0 and 1.
    group
        Patient, slide or centre: validation never splits a group.
    levels
        Coarser copies of ``data`` (a pyramid), finest first, ``data`` not included.
    source
        File it came from.
    uid
        Tells images apart within a process, also after one replaced another.
    """

    name: str
    data: Pixels
    channel_axis: int | None
    spacing: tuple[float, ...]
    affine: NDArray[np.float64]
    window: tuple[tuple[float, float], ...]
    group: str
    levels: tuple[Pixels, ...] = ()
    source: Path | None = None
    metadata: MappingProxyType[str, Any] = field(
        default_factory=lambda: MappingProxyType({})
    )
    uid: int = field(default_factory=itertools.count().__next__)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape without channels: (rows, cols) or (planes, rows, cols)."""
        shape = list(self.data.shape)
        if self.channel_axis is not None:
            del shape[self.channel_axis]
        return tuple(int(n) for n in shape)

    @property
    def ndim(self) -> int:
        """2 for a picture, 3 for a volume."""
        return len(self.shape)

    @property
    def plane_shape(self) -> tuple[int, int]:
        """(rows, cols) of a plane."""
        return self.shape[-2], self.shape[-1]

    @property
    def n_planes(self) -> int:
        """Planes of a volume; 1 for a picture."""
        return self.shape[0] if self.ndim == 3 else 1

    def plane_index(self, plane: int | None) -> int:
        """Check a plane number; None means the only plane there is.

        Raises
        ------
        BadInput
            If a plane of several is not named, or it is out of range.
        """
        if plane is None:
            if self.n_planes > 1:
                raise BadInput(
                    f"{self.name!r} is a volume of {self.n_planes} planes: say which, "
                    f"0 to {self.n_planes - 1}"
                )
            return 0
        index = whole_of(plane, "A plane", -(2**63), 2**63)
        if not 0 <= index < self.n_planes:
            there = "one plane, 0"
            if self.n_planes > 1:
                there = f"planes 0 to {self.n_planes - 1}"
            raise BadInput(f"Plane {index} is not in {self.name!r}, which has {there}")
        return index

    def plane_indices(self, planes: Iterable[int] | None) -> list[int]:
        """Check plane numbers and keep their order; None means all.

        Raises
        ------
        BadInput
            If one is out of range, or there are none.
        """
        if planes is None:
            return list(range(self.n_planes))
        found = [self.plane_index(plane) for plane in list_of(planes, "planes")]
        if not found:
            raise BadInput("planes is empty: name one, or leave it out for all")
        return found

    @property
    def pyramid(self) -> tuple[Pixels, ...]:
        """The levels that have all planes, finest first; ``data`` is the first."""
        axis = 0 if self.channel_axis != 0 else 1
        same = [
            level
            for level in self.levels
            if self.ndim == 2 or level.shape[axis] == self.n_planes
        ]
        return (self.data, *same)

    def level_shape(self, level: int) -> tuple[int, int]:
        """(rows, cols) of a plane of a level of the pyramid."""
        shape = list(self.pyramid[level].shape)
        if self.channel_axis is not None:
            del shape[self.channel_axis]
        return int(shape[-2]), int(shape[-1])

    def plane(
        self, index: int = 0, box: Box | None = None, level: int = 0
    ) -> NDArray[Any]:
        """Read a plane in its own dtype, (rows, cols) or (rows, cols, channels).

        Parameters
        ----------
        box
            Read only these whole pixels, in positions of that level.
        level
            Of the `pyramid`, 0 the finest.
        """
        data, channel = self.pyramid[level], self.channel_axis
        spatial: list[Any] = [slice(None)] * 2 if box is None else list(box.slices)
        if self.ndim == 3:
            spatial.insert(0, index)
        if channel is not None:
            spatial.insert(channel, slice(None))
        array = np.asarray(data[tuple(spatial)])
        if channel is None:
            return array
        if self.ndim == 3 and channel > 0:
            channel -= 1
        return np.moveaxis(array, channel, -1)

    def plane_sha256(self, index: int = 0) -> str:
        """Return the content hash of a plane: dtype, shape and pixels.

        A plane is read in bands of rows, so that its size does not matter.
        """
        rows, cols = self.plane_shape
        count = 0 if self.channel_axis is None else self.data.shape[self.channel_axis]
        shape = (rows, cols, int(count)) if count else (rows, cols)
        dtype = np.dtype(self.data.dtype)
        digest = hashlib.sha256(f"{dtype.str}{shape}".encode())
        step = max(1, _BAND_PIXELS // cols)
        for first in range(0, rows, step):
            band = Box(first, 0, min(first + step, rows), cols)
            digest.update(np.ascontiguousarray(self.plane(index, band)).data)
        return digest.hexdigest()

    def sha256(self) -> str:
        """Return the content hash of the whole image, plane by plane."""
        digest = hashlib.sha256(f"{self.shape}{self.channel_axis}".encode())
        for index in range(self.n_planes):
            digest.update(self.plane_sha256(index).encode())
        return digest.hexdigest()
