"""What the user says: classes, annotations, prompts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import Box
from napari_medfm.core.packed import keeping_small

Level = Literal["pixel", "object", "image"]


def rgb(colour: str) -> tuple[int, int, int]:
    """Read "#rrggbb"."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


@dataclass(frozen=True)
class LabelClass:
    """A class: ``value`` is its integer in every label map; 0 is background."""

    name: str
    value: int
    colour: str


IGNORE = LabelClass("ignore", -1, "#000000")
"""What is given to it teaches nothing, whatever else was said of it; no class."""


@keeping_small("pixels")
@dataclass(frozen=True, eq=False)
class Annotation:
    """Pixels, an object or an image that the user gave to a class in one gesture.

    Parameters
    ----------
    level
        What it is about: pixels, the object at a pixel, or the whole image.
    kind
        "points" are single clicks, "mask" is a region.
    pixels
        Indices (n, ndim), int32, unique, in the image's own axis order; one pixel
        inside for an object; none for an image.
    plane
        The plane that an image-level label is about; None for all of the image.
    provenance
        What made a region that was not drawn by hand, as JSON values.
    weight
        1 for what is certain; less for what is probable only: it counts so much less in
        training, and tests nothing.
    """

    id: int
    image: str
    value: int
    level: Level
    kind: Literal["points", "mask"]
    pixels: NDArray[np.int32]
    plane: int | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    weight: float = 1.0


@keeping_small("mask", "within")
@dataclass(frozen=True, eq=False)
class Prompt:
    """A wish for one object on one plane, in the plane's pixel positions.

    Parameters
    ----------
    box
        Rectangle around the object.
    points, point_labels
        Clicks (n, 2) and for each whether it lies on the object (True) or not.
    mask
        An earlier mask of the plane's shape, to be refined.
    within
        A lasso: bool of the plane's shape, the object lies nowhere else.
    """

    box: Box | None = None
    points: NDArray[np.float64] | None = None
    point_labels: NDArray[np.bool_] | None = None
    mask: NDArray[np.bool_] | None = None
    within: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        """Refuse an empty wish.

        Raises
        ------
        BadInput
            If there is neither box, positive point nor mask.
        """
        positive = self.point_labels is not None and bool(self.point_labels.any())
        if self.box is None and self.mask is None and not positive:
            raise BadInput(
                "Nothing to segment: give a box, at least one point on the object, "
                "or a mask"
            )

    @property
    def positives(self) -> NDArray[np.float64]:
        """Clicks on the object (n, 2)."""
        if self.points is None or self.point_labels is None:
            return np.empty((0, 2))
        return self.points[self.point_labels]

    @property
    def negatives(self) -> NDArray[np.float64]:
        """Clicks beside the object (n, 2)."""
        if self.points is None or self.point_labels is None:
            return np.empty((0, 2))
        return self.points[~self.point_labels]

    def as_dict(self) -> dict[str, Any]:
        """Return what provenance keeps: numbers only, the mask as its pixel count."""
        return {
            "box": None if self.box is None else [float(v) for v in self.box],
            "positive_points": self.positives.tolist(),
            "negative_points": self.negatives.tolist(),
            "mask_pixels": None if self.mask is None else int(self.mask.sum()),
            "lasso_pixels": None if self.within is None else int(self.within.sum()),
        }
