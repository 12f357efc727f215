"""What our labels layers carry along for napari's own File > Save."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Layer
from numpy.typing import NDArray

from napari_medfm.core.image import Image
from napari_medfm.core.labels import LabelClass
from napari_medfm.engine.intake import image_of
from napari_medfm.exporters.napari_writer import Written
from napari_medfm.verbs.exporting import accepted_facts, record_of

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk
    from napari_medfm.bridge.mirror import Role

_SAVED = frozenset({"labels", "mask", "prediction", "preview"})


class Saving:
    """Says of a layer, when it is saved, where it lies and how it was made.

    The layer carries a way to ask, not the answer, so that what is written is of the
    moment of saving.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def watch(self, name: str, role: Role, layer: Layer) -> None:
        """Let a layer say what it is of."""
        if role in _SAVED:
            uid = self._desk.binding.image(name).uid
            shown = partial(self._written, uid, role)
            layer.metadata["napari_medfm"] = {"shown": shown}

    def _written(self, uid: int, role: Role, values: NDArray[Any]) -> Written | None:
        desk = self._desk
        desk.settle()
        image = desk.binding.image_of(uid)
        if image is None:
            return None
        plane = desk.mirror.plane_of(image.name, role)
        lies = image if values.shape == image.shape else _plane(image, plane, values)
        if lies is None:
            return None
        classes, facts = self._facts(image, role, values)
        record = record_of(desk.session.labelling, image, classes, facts)
        if lies is not image:
            record["image"] |= {"plane": plane}
        return Written(lies, classes, record)

    def _facts(
        self, image: Image, role: Role, values: NDArray[Any]
    ) -> tuple[tuple[LabelClass, ...], dict[str, Any]]:
        desk = self._desk
        classes = desk.classes
        if role == "labels":
            facts = accepted_facts(desk.session.labelling, image)
            if not np.array_equal(values, desk.session.labels(image.name)):
                facts["regions"].append({"origin": "edited", "made_by": "the user"})
            return classes, facts
        if role == "prediction":
            found = desk.live.prediction
            regions = [] if found is None else [found.provenance]
            return classes, {"what": "prediction", "regions": regions}
        mask = desk.prompt.mask if role == "mask" else None
        title = "outline" if role == "mask" else "similar enough"
        regions = [] if mask is None else [mask.provenance]
        named = (classes[0], LabelClass(title, 1, "#e69f00"))
        return named, {"what": title, "regions": regions}


def _plane(image: Image, plane: int | None, values: NDArray[Any]) -> Image | None:
    """Return the place of one plane of a volume, (1, rows, cols)."""
    if plane is None or values.shape != (1, *image.plane_shape):
        return None
    affine = image.affine.copy()
    affine[:, 3] = image.affine @ [plane, 0, 0, 1]
    unit = {"unit": image.metadata.get("unit")}
    return image_of(values, image.name, axes="zyx", affine=affine, metadata=unit)
