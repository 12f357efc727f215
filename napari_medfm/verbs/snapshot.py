"""The labels of a session at one moment, and how heads see them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import Box
from napari_medfm.core.image import Image
from napari_medfm.core.jobs import Progress, Steps
from napari_medfm.core.labels import IGNORE, Annotation, LabelClass
from napari_medfm.engine.features import PlaneFeatures
from napari_medfm.verbs.examples import Example, examples_of
from napari_medfm.verbs.planes import PlaneReader, is_large
from napari_medfm.verbs.unlabelled import places_per_plane, unlabelled
from napari_medfm.verbs.workspace import Workspace

_PIECE = 256
_MOST_PIECES = 8


@dataclass(frozen=True, eq=False)
class Labels:
    """Annotations with the images they lie on; reading them is safe in any thread."""

    annotations: tuple[Annotation, ...]
    classes: tuple[LabelClass, ...]
    images: Mapping[str, Image]
    reader: PlaneReader
    ignored: Mapping[str, NDArray[np.intp]]

    @classmethod
    def of(cls, ws: Workspace) -> Self:
        """Take all annotations of pixels; what is to be ignored is taken out."""
        state = ws.labelling
        pixels = [a for a in state.annotations if a.level == "pixel"]
        ignored = _ignored(pixels, ws.images)
        kept = _without(pixels, ws.images, ignored)
        return cls(kept, state.classes, dict(ws.images), ws.planes, ignored)

    @property
    def sources(self) -> list[dict[str, Any]]:
        """How annotations came about that were not made by hand, for a head's card."""
        return [{"id": a.id, **a.provenance} for a in self.annotations if a.provenance]

    def require_two_classes(self) -> None:
        """Refuse labels that teach nothing.

        Raises
        ------
        BadInput
            If fewer than two classes are annotated.
        """
        labelled = {a.value for a in self.annotations}
        if len(labelled) < 2:
            have = [c.name for c in self.classes if c.value in labelled]
            raise BadInput(
                "A head needs examples of two classes at least; so far: "
                f"{', '.join(have) or 'none'}. Background counts: mark a few places "
                "that belong to nothing"
            )

    def examples(self) -> Steps[tuple[list[Example], list[Example]]]:
        """Read what is annotated, once; return examples, and unlabelled places.

        The latter lie on the annotated planes; on large planes, on parts spread over
        the whole.
        """
        known: dict[tuple[int, int, Box], PlaneFeatures] = {}
        context: dict[tuple[int, int, Box], PlaneFeatures] = {}
        examples: list[Example] = []
        for done, annotation in enumerate(self.annotations):
            image = self.images[annotation.image]
            for plane, pixels in _planes(annotation.pixels):
                for box, inside in _pieces(self.reader, image, pixels):
                    place = (image.uid, plane, box)
                    if place not in known:
                        known[place] = yield from self.reader.part(image, plane, box)
                    examples += _examples(
                        annotation, image, plane, inside, known[place]
                    )
                for box in self.reader.context(image, plane):
                    place = (image.uid, plane, box)
                    if place not in context:
                        part = yield from self.reader.part(image, plane, box)
                        context[place] = part
            yield Progress(done, len(self.annotations), f"reading {image.name}")
        return examples, self._rest(context)

    def _rest(
        self, context: Mapping[tuple[int, int, Box], PlaneFeatures]
    ) -> list[Example]:
        images = {image.uid: image for image in self.images.values()}
        places = places_per_plane(len(context))
        planes: dict[int, set[int]] = defaultdict(set)
        for uid, plane, _ in context:
            planes[uid].add(plane)
        taken = {uid: self._taken(images[uid], those) for uid, those in planes.items()}
        found = []
        for (uid, plane, _), features in context.items():
            name, group = images[uid].name, images[uid].group
            local = _inside(taken[uid][plane], features)
            found.append(unlabelled(name, group, plane, features, local, places))
        return found

    def _taken(
        self, image: Image, planes: Collection[int]
    ) -> dict[int, NDArray[np.integer]]:
        """Return the pixels (n, 2) of some planes that are labelled or ignored."""
        found: dict[int, list[NDArray[np.integer]]] = {plane: [] for plane in planes}
        numbers = self.ignored.get(image.name, np.empty(0, np.intp))
        ignored: NDArray[Any] = np.stack(np.unravel_index(numbers, image.shape), -1)
        own = (a.pixels for a in self.annotations if a.image == image.name)
        for pixels in chain([ignored], own):
            for plane, on_plane in _planes(pixels):
                if plane in found:
                    found[plane].append(on_plane)
        return {plane: np.concatenate(parts) for plane, parts in found.items()}


def _inside(
    pixels: NDArray[np.integer], features: PlaneFeatures
) -> NDArray[np.integer]:
    """Return those pixels (n, 2) of a plane that lie in a part of it, counted there."""
    local: NDArray[np.integer] = pixels - np.array(features.origin, pixels.dtype)
    inside = ((local >= 0) & (local < features.shape)).all(1)
    return local[inside]


def _ignored(
    annotations: Sequence[Annotation], images: Mapping[str, Image]
) -> dict[str, NDArray[np.intp]]:
    """Return the pixels of each image that teach nothing: their numbers, ascending."""
    ignored: dict[str, list[NDArray[np.intp]]] = defaultdict(list)
    for annotation in annotations:
        if annotation.value == IGNORE.value:
            numbers = _numbers(annotation, images[annotation.image])
            ignored[annotation.image].append(numbers)
    return {name: np.unique(np.concatenate(parts)) for name, parts in ignored.items()}


def _without(
    annotations: Sequence[Annotation],
    images: Mapping[str, Image],
    ignored: Mapping[str, NDArray[np.intp]],
) -> tuple[Annotation, ...]:
    kept = [_less(a, images[a.image], ignored) for a in annotations if a.value >= 0]
    return tuple(annotation for annotation in kept if len(annotation.pixels))


def _less(
    annotation: Annotation, image: Image, out: Mapping[str, NDArray[np.intp]]
) -> Annotation:
    if image.name not in out:
        return annotation
    numbers, ignored = _numbers(annotation, image), out[image.name]
    place = np.searchsorted(ignored, numbers).clip(max=len(ignored) - 1)
    teaches = ignored[place] != numbers
    if teaches.all():
        return annotation
    return replace(annotation, pixels=annotation.pixels[teaches])


def _numbers(annotation: Annotation, image: Image) -> NDArray[np.intp]:
    numbers: NDArray[np.intp] = np.ravel_multi_index(
        tuple(annotation.pixels.T), image.shape
    )
    return numbers


def _examples(
    annotation: Annotation,
    image: Image,
    plane: int,
    pixels: NDArray[np.int32],
    features: PlaneFeatures,
) -> tuple[Example, ...]:
    local = np.insert(pixels - np.array(features.origin, np.int32), 0, plane, axis=1)
    here = replace(annotation, pixels=local)
    return examples_of(here, image.group, {plane: features})


def _pieces(
    reader: PlaneReader, image: Image, pixels: NDArray[np.int32]
) -> list[tuple[Box, NDArray[np.int32]]]:
    """Sort pixels (n, 2) of a plane by the boxes they lie in, evenly chosen if many."""
    if not is_large(image):
        return [(reader.boxes(image)[0], pixels)]
    raster, number = np.unique(pixels // _PIECE, axis=0, return_inverse=True)
    step = max(1, -(-len(raster) // _MOST_PIECES))
    found = []
    for index in range(0, len(raster), step):
        row, col = (raster[index] * _PIECE).tolist()
        (box,) = reader.boxes(image, Box(row, col, row + 1, col + 1), _PIECE)
        found.append((box, pixels[number.ravel() == index]))
    return found


def _planes(pixels: NDArray[Any]) -> list[tuple[int, NDArray[Any]]]:
    """Return the planes that pixels of an image lie on, with those (n, 2) there."""
    if pixels.shape[1] == 2:
        return [(0, pixels)]
    order = np.argsort(pixels[:, 0], kind="stable")
    planes, first = np.unique(pixels[order, 0], return_index=True)
    parts = np.split(pixels[order, 1:], first[1:])
    return list(zip(planes.tolist(), parts, strict=False))
