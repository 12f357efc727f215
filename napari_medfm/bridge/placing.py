"""Where images lie: layers that are moved by the user, and images moved by undo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Layer

from napari_medfm.bridge.geometry import FOLLOWED, is_tilted, lie_as, matrix_of
from napari_medfm.core.errors import MedfmError
from napari_medfm.core.image import Image

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk

_REST = 0.2


@dataclass
class _Place:
    """Where an image was last, and the rigid map from where it is shown to there."""

    affine: Any
    rigid: Any


class Placing:
    """Keeps the geometry of images and that of their layers the same thing.

    A layer that the user scales, turns or moves takes its image along, as one step to
    be undone; exports say what the screen shows. What the true affine adds to the
    straight view of a volume stays as it is.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._places: dict[int, _Place] = {}
        self._moved: dict[Any, Layer] = {}
        self._ours = False

    def watch(self, layer: Layer, image: Image) -> None:
        """Follow a layer from now on; the first of an image lies where that does."""
        matrix = matrix_of(layer)
        place = self._places.get(image.uid)
        if place is None:
            rigid = image.affine @ np.linalg.inv(matrix)
            self._places[image.uid] = _Place(image.affine, rigid)
        elif not np.allclose(place.rigid @ matrix, image.affine):
            self._layer_moved_to(layer)
        for name in FOLLOWED:
            event = getattr(layer.events, name)
            event.disconnect(self._layer_moved)
            event.connect(self._layer_moved)

    def _layer_moved(self, event: Any) -> None:
        self._layer_moved_to(event.source)

    def _layer_moved_to(self, layer: Layer) -> None:
        if not self._ours:
            self._moved[layer.unique_id] = layer
            self._desk.runner.later(_REST, "place", self.settle)

    @property
    def waiting(self) -> bool:
        """Whether a layer was moved and is not read yet."""
        return bool(self._moved)

    def settle(self) -> None:
        """Take up where layers were moved to."""
        moved, self._moved = self._moved, {}
        names = {self._desk.binding.name_of(layer): None for layer in moved.values()}
        for name in names:
            if name is not None:
                self._take_up(name)

    def _take_up(self, name: str) -> None:
        desk, image = self._desk, self._desk.binding.image(name)
        layers = desk.binding.layers(name)
        matrices = [matrix_of(layer) for layer in layers]
        if not layers or not _agree(matrices):
            if layers:
                desk.complain(
                    f"The channels of {name!r} do not lie on each other any more: the "
                    "image stays where it was until they do"
                )
            return
        place = self._places[image.uid]
        affine = place.rigid @ matrices[0]
        if np.allclose(affine, image.affine, rtol=1e-9, atol=1e-9):
            return
        try:
            desk.session.place_image(name, affine=affine)
        except MedfmError as problem:
            desk.complain(problem)
            self._put(image)
            return
        placed = desk.binding.image(name)
        place.affine = placed.affine
        desk.timeline.branch()
        size = " x ".join(f"{step:.4g}" for step in placed.spacing)
        if is_tilted(layers[0]):
            desk.complain(desk.binding.problem_here(name) or "")
        else:
            desk.say(
                f"{name!r} follows its layer: pixels of {size}. Exports say so too"
            )

    def render(self) -> None:
        """Bring layers to where undo, redo or a script has put their images."""
        for image in self._desk.session.images.values():
            place = self._places.get(image.uid)
            if place is not None and place.affine is not image.affine:
                place.affine = image.affine
                self._put(image)

    def _put(self, image: Image) -> None:
        matrix = np.linalg.inv(self._places[image.uid].rigid) @ image.affine
        self._ours = True
        try:
            for layer in self._desk.binding.layers(image.name):
                if not np.allclose(matrix_of(layer), matrix):
                    lie_as(layer, matrix)
        finally:
            self._ours = False


def _agree(matrices: list[Any]) -> bool:
    return all(np.allclose(matrix, matrices[0]) for matrix in matrices[1:])
