"""What a reader gives, and what a reader is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.image import Pixels


@dataclass(frozen=True, eq=False)
class Loaded:
    """An image as it lies in a file.

    Parameters
    ----------
    data
        (rows, cols) or (planes, rows, cols), with a channel axis more if
        ``channel_axis`` is given; in the file's own dtype.
    spacing
        Size of a pixel along each spatial axis; None where the file does not say.
    affine
        Index -> world, (ndim + 1, ndim + 1); None where the file does not say. The
        world's axes are in array order: (z, y, x) in mm, where x grows to the patient's
        Right, y to Anterior and z to Superior.
    levels
        Coarser copies, finest first, ``data`` not included.
    metadata
        ``format``; ``unit`` of the spacing ("mm", "um", ... or None); ``window``, the
        (low, high) the file asks to be shown with, or None; ``affine_3d`` of a picture
        that lies in a 3-D world; what a format needs to be written back exactly; no
        names or dates of patients.
    """

    data: Pixels
    channel_axis: int | None = None
    spacing: tuple[float, ...] | None = None
    affine: NDArray[np.float64] | None = None
    levels: tuple[Pixels, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def axes(self) -> str:
        """One letter an axis, such as "yx", "zyx", "yxc" or "zcyx"."""
        ndim = len(self.data.shape) - (self.channel_axis is not None)
        letters = "zyx"[3 - ndim :]
        if self.channel_axis is None:
            return letters
        return letters[: self.channel_axis] + "c" + letters[self.channel_axis :]


@dataclass(frozen=True)
class ReaderSpec:
    """A format that can be read.

    Parameters
    ----------
    suffixes
        Lower-case ends of file names, compound ones included.
    recognises
        Whether the first 512 bytes of a file are of this format.
    read
        Reads a path that exists.
    recognises_folder
        Whether a folder is of this format; None where no folder is.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    recognises: Callable[[bytes], bool]
    read: Callable[[Path], Loaded]
    recognises_folder: Callable[[Path], bool] | None = None
