"""The labels of a session at one moment, and how heads see them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadInput
from napari_medfm.core.image import Image
from napari_medfm.core.jobs import Progress, Steps
from napari_medfm.core.labels import IGNORE, Annotation, LabelClass
from napari_medfm.engine.features import PlaneFeatures
from napari_medfm.verbs.examples import Example, examples_of
from napari_medfm.verbs.planes import PlaneReader
from napari_medfm.verbs.workspace import Workspace


@dataclass(frozen=True, eq=False)
class Labels:
    """Annotations with the images they lie on; reading them is safe in any thread."""

    annotations: tuple[Annotation, ...]
    classes: tuple[LabelClass, ...]
    images: Mapping[str, Image]
    reader: PlaneReader

    @classmethod
    def of(cls, ws: Workspace) -> Self:
        """Take all annotations of pixels; what is to be ignored is taken out."""
        state = ws.labelling
        pixels = [a for a in state.annotations if a.level == "pixel"]
        kept = _without_ignored(pixels, ws.images)
        return cls(kept, state.classes, dict(ws.images), ws.planes)

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

    def examples(self) -> Steps[tuple[list[Example], list[PlaneFeatures]]]:
        """Read each annotated plane once; return examples and the planes' features."""
        planes: dict[str, dict[int, PlaneFeatures]] = defaultdict(dict)
        examples: list[Example] = []
        for done, annotation in enumerate(self.annotations):
            image = self.images[annotation.image]
            known = planes[image.name]
            for plane in _planes(annotation):
                if plane not in known:
                    known[plane] = yield from self.reader.features(image, plane)
            yield Progress(done, len(self.annotations), f"reading {image.name}")
            examples.extend(examples_of(annotation, image.group, known))
        context = [f for group in planes.values() for f in group.values()]
        return examples, context


def _without_ignored(
    annotations: Sequence[Annotation], images: Mapping[str, Image]
) -> tuple[Annotation, ...]:
    ignored: dict[str, list[NDArray[np.intp]]] = defaultdict(list)
    for annotation in annotations:
        if annotation.value == IGNORE.value:
            numbers = _numbers(annotation, images[annotation.image])
            ignored[annotation.image].append(numbers)
    if not ignored:
        return tuple(annotations)
    out = {name: np.concatenate(parts) for name, parts in ignored.items()}
    kept = [_less(a, images[a.image], out) for a in annotations if a.value >= 0]
    return tuple(annotation for annotation in kept if len(annotation.pixels))


def _less(
    annotation: Annotation, image: Image, out: Mapping[str, NDArray[np.intp]]
) -> Annotation:
    if image.name not in out:
        return annotation
    teaches = ~np.isin(_numbers(annotation, image), out[image.name])
    return replace(annotation, pixels=annotation.pixels[teaches])


def _numbers(annotation: Annotation, image: Image) -> NDArray[np.intp]:
    numbers: NDArray[np.intp] = np.ravel_multi_index(
        tuple(annotation.pixels.T), image.shape
    )
    return numbers


def _planes(annotation: Annotation) -> list[int]:
    if annotation.pixels.shape[1] == 2:
        return [0]
    planes: list[int] = np.unique(annotation.pixels[:, 0]).tolist()
    return planes
