"""What an exporter is, and what it is given to write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.image import Image
from napari_medfm.core.labels import LabelClass


@dataclass(frozen=True, eq=False)
class LabelMap:
    """A label map of its image's shape, checked.

    Parameters
    ----------
    values
        uint8, uint16 or uint32, whichever is the least that holds them.
    """

    values: NDArray[np.unsignedinteger[Any]]
    image: Image
    classes: tuple[LabelClass, ...]

    @property
    def unit(self) -> str | None:
        """Unit of the image's spacing, "mm" or "um" say; None if unknown."""
        unit = self.image.metadata.get("unit")
        return unit if isinstance(unit, str) else None


@dataclass(frozen=True)
class ExportFormat:
    """A format that label maps can be written in.

    Parameters
    ----------
    suffixes
        Lower-case ends of file names, compound ones included.
    write
        Writes to a temporary path whose name ends as the final one.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    write: Callable[[Path, LabelMap], None]
