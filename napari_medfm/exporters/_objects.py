"""The objects of a label map, plane by plane, for formats that list them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import Box
from napari_medfm.core.labels import LabelClass
from napari_medfm.exporters._format import LabelMap


@dataclass(frozen=True, eq=False)
class PlaneObject:
    """One object of one class on one plane.

    Parameters
    ----------
    place
        Rows and columns that hold it.
    inside
        Its mask there.
    """

    label_class: LabelClass
    plane: int
    place: tuple[slice, slice]
    inside: NDArray[np.bool_]

    @property
    def corner(self) -> tuple[int, int]:
        """First row and column."""
        return self.place[0].start, self.place[1].start


def objects_of(labels: LabelMap) -> Iterator[PlaneObject]:
    """Yield each object whose pixels touch, also at corners."""
    from scipy import ndimage

    for one in labels.present():
        for plane, mask in enumerate(labels.planes(one.value)):
            box = Box.around(mask)
            if box is None:
                continue
            parts, _ = ndimage.label(mask[box.slices], np.ones((3, 3), bool))
            for number, (rows, cols) in enumerate(ndimage.find_objects(parts), 1):
                place = (
                    slice(rows.start + int(box.row0), rows.stop + int(box.row0)),
                    slice(cols.start + int(box.col0), cols.stop + int(box.col0)),
                )
                inside = parts[rows, cols] == number
                yield PlaneObject(one, plane, place, inside)
