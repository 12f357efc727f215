"""What an exporter is, and what it is given to write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.image import Image
from napari_medfm.core.labels import LabelClass
from napari_medfm.core.lazy import counts_of


@dataclass(frozen=True, eq=False)
class LabelMap:
    """A label map of its image's shape, checked.

    Parameters
    ----------
    values
        uint8, uint16 or uint32, whichever is the least that holds them.
    provenance
        How it was made, as `napari_medfm.engine.provenance.provenance_of` says.
    whole
        Value -> boolean mask of classes that lie partly under others; only formats that
        keep overlaps look at it.
    """

    values: NDArray[np.unsignedinteger[Any]]
    image: Image
    classes: tuple[LabelClass, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    whole: Mapping[int, NDArray[np.bool_]] = field(default_factory=dict)

    @property
    def unit(self) -> str | None:
        """Unit of the image's spacing, "mm" or "um" say; None if unknown."""
        unit = self.image.metadata.get("unit")
        return unit if isinstance(unit, str) else None

    @property
    def affine_3d(self) -> NDArray[np.float64]:
        """(plane, row, col) -> (z, y, x), also of a picture."""
        image = self.image
        if image.ndim == 3:
            return image.affine
        known = image.metadata.get("affine_3d")
        if known is not None:
            matrix = np.asarray(known, np.float64)
            if np.allclose(np.linalg.norm(matrix[:3, 1:3], axis=0), image.spacing):
                return matrix
        matrix = np.eye(4)
        matrix[1:, 1:] = image.affine
        return matrix

    def present(self) -> list[LabelClass]:
        """Return the class of each value that is there, but 0; unnamed ones too."""
        named = {c.value: c for c in self.classes}
        values = set(counts_of(self.values)) | set(self.whole)
        return [
            named.get(v, LabelClass(f"value {v}", v, "#999999"))
            for v in sorted(values - {0})
        ]

    def mask(self, value: int) -> NDArray[np.bool_]:
        """Return where a class is, also under others."""
        whole = self.whole.get(value)
        found: NDArray[np.bool_] = self.values == value if whole is None else whole
        return found

    def planes(self, value: int) -> NDArray[np.bool_]:
        """Return `mask` as (planes, rows, cols)."""
        return self.mask(value).reshape(self.image.n_planes, *self.image.plane_shape)


@dataclass(frozen=True)
class ExportFormat:
    """A format that label maps can be written in.

    Parameters
    ----------
    suffixes
        Lower-case ends of file names, compound ones included.
    write
        Writes to a temporary path whose name ends as the final one; of a ``folder``,
        into an empty folder.
    keeps
        Which of "orientation", "spacing", "names" and "overlap" it can hold.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    write: Callable[[Path, LabelMap], None]
    keeps: frozenset[str] = frozenset()
    folder: bool = False
