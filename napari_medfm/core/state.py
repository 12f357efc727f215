"""What undo restores: one frozen value holding images and all that was made of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import Box
from napari_medfm.core.image import Image
from napari_medfm.core.labels import Annotation, LabelClass, Prompt
from napari_medfm.core.results import Mask


def _empty() -> MappingProxyType[Any, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Accepted:
    """A region that the user took into an image's label map.

    Parameters
    ----------
    labels
        Class values of the plane's shape (``plane`` given) or the image's. With
        ``over`` zeros leave what is below as it was; without, they erase.
    region
        Part of the plane that ``labels`` are of, whole pixels; they have its shape and
        leave the rest as it was. All of it if None.
    origin
        "mask", "prediction", "similarity", "edited" or "imported".
    """

    image: str
    plane: int | None
    labels: NDArray[np.unsignedinteger[Any]]
    over: bool
    origin: str
    provenance: dict[str, Any]
    region: Box | None = None

    @property
    def part(self) -> tuple[slice, slice]:
        """Rows and columns of a plane that it says something about."""
        if self.region is None:
            return slice(None), slice(None)
        return self.region.slices


@dataclass(frozen=True, eq=False)
class Labelling:
    """Images and all that was said of them; never changed in place.

    Names of images mean those in ``images``: nothing is kept of an image that is not
    there, so that another of the same name inherits nothing. ``prompts`` and ``masks``
    are the object in hand of each (image, plane); ``thresholds`` are biases of (image,
    class value); ``head`` is what these annotations trained, ``heads`` those of the
    levels "object" and "image"; ``objects`` are the instances of each image.
    """

    classes: tuple[LabelClass, ...]
    images: MappingProxyType[str, Image] = field(default_factory=_empty)
    annotations: tuple[Annotation, ...] = ()
    next_id: int = 1
    prompts: MappingProxyType[tuple[str, int], Prompt] = field(default_factory=_empty)
    masks: MappingProxyType[tuple[str, int], Mask] = field(default_factory=_empty)
    thresholds: MappingProxyType[tuple[str, int], float] = field(default_factory=_empty)
    accepted: tuple[Accepted, ...] = ()
    head: Any = None
    heads: MappingProxyType[str, Any] = field(default_factory=_empty)
    objects: MappingProxyType[str, NDArray[np.int32]] = field(default_factory=_empty)

    def but(self, **changes: Any) -> Self:
        """Return a copy with some fields replaced; dicts are frozen."""
        frozen: dict[str, Any] = {
            name: MappingProxyType(value) if isinstance(value, dict) else value
            for name, value in changes.items()
        }
        return replace(self, **frozen)
