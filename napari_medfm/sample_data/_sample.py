"""What a sample is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.specs import Domain

FOLDER = Path(__file__).parent
Position = tuple[int, ...]


@dataclass(frozen=True)
class Hints:
    """Where to click for a good first look; all in the sample's own array indices.

    Parameters
    ----------
    plane
        The plane of a volume that the hints lie on; None for a picture.
    target
        What ``box`` and the first positive click hold.
    positive, negative
        Clicks on the target and beside it, (row, col) or (plane, row, col).
    box
        (row0, col0, row1, col1), half-open, around the target.
    points
        A few labelled positions for each class, by its name; "background" is one.
    """

    plane: int | None
    target: str
    positive: tuple[Position, ...]
    negative: tuple[Position, ...]
    box: tuple[int, int, int, int]
    points: Mapping[str, tuple[Position, ...]]


@dataclass(frozen=True, eq=False)
class Sample:
    """A real image that comes with the program.

    Parameters
    ----------
    data
        (rows, cols, 3) or (planes, rows, cols).
    spacing, affine
        As `napari_medfm.readers.Loaded`; None where not known.
    labels
        Class values of the image's shape, where someone made them; 0 is background.
    class_names
        Names of the values 1, 2, ...
    """

    name: str
    title: str
    domain: Domain
    modality: str
    data: NDArray[Any]
    class_names: tuple[str, ...]
    licence: str
    source: str
    hints: Hints
    channel_axis: int | None = None
    spacing: tuple[float, ...] | None = None
    affine: NDArray[np.float64] | None = None
    labels: NDArray[np.uint8] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
