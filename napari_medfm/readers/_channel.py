"""One channel of an image that stays where it is until read."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_medfm.core.image import Pixels


def channel_of(data: Pixels, axis: int, channel: int) -> Pixels:
    """Return one channel of an array, without reading what lies in a file.

    Parameters
    ----------
    axis
        The axis of ``data`` that holds channels.
    """
    index: Any = (*(slice(None),) * axis, channel)
    if isinstance(data, np.ndarray) or hasattr(data, "dask"):
        view: Pixels = data[index]
        return view
    return Channel(data, axis, channel)


class Channel:
    """A channel of an array whose parts are read when asked for."""

    def __init__(self, data: Pixels, axis: int, channel: int) -> None:
        self._data, self._axis, self._channel = data, axis, channel

    @property
    def shape(self) -> tuple[int, ...]:
        """Size along each axis, the channel axis left out."""
        shape = list(self._data.shape)
        del shape[self._axis]
        return tuple(int(n) for n in shape)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a pixel."""
        return self._data.dtype

    def __getitem__(self, index: Any) -> NDArray[Any]:
        """Read a part."""
        given = list(index) if isinstance(index, tuple) else [index]
        if any(part is Ellipsis for part in given):
            at = next(i for i, part in enumerate(given) if part is Ellipsis)
            rest = self.ndim - (len(given) - 1)
            given[at : at + 1] = [slice(None)] * rest
        given += [slice(None)] * (self.ndim - len(given))
        given.insert(self._axis, self._channel)
        return np.asarray(self._data[tuple(given)])

    def __array__(
        self, dtype: DTypeLike | None = None, copy: bool | None = None
    ) -> NDArray[Any]:
        """Read all of the channel."""
        return np.asarray(self[...], dtype)
