"""What the user says: classes, annotations, prompts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import Box

Level = Literal["pixel", "object", "image"]


@dataclass(frozen=True)
class LabelClass:
    """A class: ``value`` is its integer in every label map; 0 is background."""

    name: str
    value: int
    colour: str


@dataclass(frozen=True, eq=False)
class Annotation:
    """Pixels the user gave to a class in one gesture.

    Parameters
    ----------
    pixels
        Indices (n, ndim), int32, unique, in the image's own axis order; empty for an
        image-level label.
    kind
        The gesture: "points" are single clicks, "mask" is a painted or accepted region.
    """

    id: int
    image: str
    value: int
    level: Level
    kind: Literal["points", "mask"]
    pixels: NDArray[np.int32]


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
    """

    box: Box | None = None
    points: NDArray[np.float64] | None = None
    point_labels: NDArray[np.bool_] | None = None
    mask: NDArray[np.bool_] | None = None

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
        }
