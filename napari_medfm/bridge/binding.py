"""Which layer is which image of the session, and where the cursor is on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Layer

from napari_medfm.bridge.facts import facts_of, layers_of, problem_with, whole_of
from napari_medfm.bridge.geometry import is_tilted
from napari_medfm.core.errors import BadInput
from napari_medfm.core.image import Image
from napari_medfm.session import Session

_AT_ONCE = 4


@dataclass(frozen=True)
class _Bond:
    """A layer's image, by its number, and the pixels the layer had then."""

    uid: int
    data: Any


class Binding:
    """Keeps layers and images together by the numbers of both, never by name.

    A renamed layer stays bound. A removed layer leaves its image, and all that was
    made of it, in the session; adding the same layer again takes it up. Several layers
    may show one image: its channels.
    """

    def __init__(self, viewer: Any, session: Session) -> None:
        self.viewer = viewer
        self.session = session
        self._bonds: dict[Any, _Bond] = {}
        self._layers: dict[int, list[Layer]] = {}
        self._wholes: list[tuple[object, int]] = []
        self.shows_new = True
        self.on_bound: Callable[[Layer, Image], None] | None = None
        self.on_removed: Callable[[Image], None] | None = None
        self.on_new_pixels: Callable[[Image], None] | None = None
        viewer.layers.events.removed.connect(self._removed)

    def bind(self, layer: Layer) -> str:
        """Return the session's name of an Image layer, adding the image at first.

        Raises
        ------
        BadInput
            If the layer cannot be labelled, saying why.
        """
        known = self.known(layer)
        return known if known is not None else self.add(layer, self.facts(layer))

    def known(self, layer: Layer) -> str | None:
        """Return the name of a layer's image, if the session has it already."""
        bond = self._bonds.get(layer.unique_id)
        uid = None if bond is None else bond.uid
        whole = whole_of(layer)
        if uid is None and whole is not None:
            uid = next((u for other, u in self._wholes if other is whole), None)
        image = None if uid is None else self.image_of(uid)
        if image is None:
            return None
        self._take(layer, image)
        return image.name

    def facts(self, layer: Layer) -> dict[str, Any]:
        """Return what `add` needs to know.

        Raises
        ------
        BadInput
            If the layer cannot be labelled, saying why.
        """
        problem = problem_with(layer)
        if problem is not None:
            raise BadInput(problem)
        return facts_of(layer)

    def add(self, layer: Layer, facts: Mapping[str, Any]) -> str:
        """Add a layer's image to the session; return its name there."""
        name = self.session.add_image(facts["image"], **_without_image(facts))
        whole = whole_of(layer)
        if whole is not None:
            self._wholes.append((whole, self.image(name).uid))
        self._take(layer, self.image(name))
        return name

    def _take(self, layer: Layer, image: Image) -> None:
        held = self._layers.setdefault(image.uid, [])
        is_new = layer not in held
        if is_new:
            held.append(layer)
        bond = self._bonds.get(layer.unique_id)
        if bond is None or bond.uid != image.uid:
            self._bonds[layer.unique_id] = _Bond(image.uid, layer.data)
            layer.events.data.disconnect(self._data_changed)
            layer.events.data.connect(self._data_changed)
        if is_new and self.on_bound is not None:
            self.on_bound(layer, image)

    def show_images(self) -> bool:
        """Show each new image of the session; take away the layers of those that left.

        An image whose layer the user removed is not shown again. One that left and came
        back gets its own layers back.

        Returns
        -------
        bool
            Whether there are more: napari takes its time for each new layer.
        """
        images = {image.uid: image for image in self.session.images.values()}
        for uid, layers in list(self._layers.items()):
            for layer in [] if uid in images else list(layers):
                if layer in self.viewer.layers:
                    # Still held, for when undo brings the image back.
                    self.viewer.layers.remove(layer)
                    layers.append(layer)
        made = 0
        for uid, image in images.items():
            held = self._layers.get(uid)
            if held is None:
                if made == _AT_ONCE:
                    return True
                made += 1
                held = layers_of(image)
                for layer in held:
                    layer.visible = self.shows_new
            for layer in held:
                # Taken before it is added, or it would be met as a new image.
                self._take(layer, image)
                if layer not in self.viewer.layers:
                    self.viewer.layers.append(layer)
        return False

    def close(self) -> None:
        """Watch the viewer no more; the images' layers stay."""
        self.viewer.layers.events.removed.disconnect(self._removed)
        for layers in self._layers.values():
            for layer in layers:
                layer.events.data.disconnect(self._data_changed)

    def image_of(self, uid: int) -> Image | None:
        """Return an image by its number, None if it is not in the session."""
        found = (i for i in self.session.images.values() if i.uid == uid)
        return next(found, None)

    def name_of(self, layer: Layer | None) -> str | None:
        """Return the session's name of a layer, None if it is not bound."""
        bond = None if layer is None else self._bonds.get(layer.unique_id)
        image = None if bond is None else self.image_of(bond.uid)
        return None if image is None else image.name

    def layer(self, name: str) -> Layer | None:
        """Return the layer that shows an image, None if it was removed."""
        layers = self.layers(name)
        return layers[0] if layers else None

    def layers(self, name: str) -> list[Layer]:
        """Return all layers that show an image."""
        image = self.session.images.get(name)
        return [] if image is None else list(self._layers.get(image.uid, ()))

    def image(self, name: str) -> Image:
        """Return the session's image."""
        return self.session.images[name]

    def _removed(self, event: Any) -> None:
        bond = self._bonds.get(event.value.unique_id)
        if bond is None:
            return
        held = self._layers[bond.uid]
        held[:] = [x for x in held if x.unique_id != event.value.unique_id]
        image = self.image_of(bond.uid)
        if not held and image is not None and self.on_removed is not None:
            self.on_removed(image)

    def _data_changed(self, event: Any) -> None:
        """Other pixels under the same layer are another image."""
        layer = event.source
        bond = self._bonds.get(layer.unique_id)
        if bond is None or layer.data is bond.data:
            return
        del self._bonds[layer.unique_id]
        held = self._layers[bond.uid]
        held[:] = [x for x in held if x.unique_id != layer.unique_id]
        layer.events.data.disconnect(self._data_changed)
        image = self.image_of(bond.uid)
        if image is not None and self.on_new_pixels is not None:
            self.on_new_pixels(image)

    # Positions

    def problem_here(self, name: str) -> str | None:
        """Say why the mouse cannot be used on an image now, or None if it can."""
        layer, dims = self.layer(name), self.viewer.dims
        if layer is None:
            return f"The layer of {name!r} was removed: choose an image"
        if is_tilted(layer):
            return problem_with(layer)
        if dims.ndisplay == 3:
            return "The tools work on planes: switch the view back to 2-D"
        shown = {axis - (dims.ndim - layer.ndim) for axis in dims.displayed}
        if shown != {layer.ndim - 2, layer.ndim - 1}:
            return (
                "The tools work on planes of the first axis: put it back on the slider "
                "(Ctrl+E rolls the axes)"
            )
        if layer.ndim == 3 and not 0 <= self._cut(layer) < self.image(name).n_planes:
            return f"No plane of {name!r} is shown here: move the slider back to it"
        return None

    def _cut(self, layer: Layer) -> int:
        """Return the index of the plane that napari cuts, also where there is none."""
        return int(np.round(layer.world_to_data(self.viewer.dims.point)[0]))

    def plane(self, name: str) -> int | None:
        """Return the plane of a volume on screen; None for a picture."""
        image, layer = self.image(name), self.layer(name)
        if image.ndim == 2:
            return None
        if layer is None:
            return 0
        return int(np.clip(self._cut(layer), 0, image.n_planes - 1))

    def position(self, name: str, world: Any) -> tuple[float, ...] | None:
        """Return the array index under a world position; None beside the image.

        On a volume the plane is the one on screen, as a whole number.
        """
        image, layer = self.image(name), self.layer(name)
        if layer is None:
            return None
        index = np.asarray(layer.world_to_data(world), float)
        if image.ndim == 3:
            index[0] = self.plane(name)
        inside = (index >= -0.5) & (index < np.asarray(image.shape) - 0.5)
        return tuple(float(v) for v in index) if inside.all() else None

    def nearest_position(self, name: str, world: Any) -> tuple[float, float] | None:
        """Return the (row, col) nearest to a world position, kept on the plane."""
        image, layer = self.image(name), self.layer(name)
        if layer is None:
            return None
        index = np.asarray(layer.world_to_data(world), float)[-2:]
        limits = np.asarray(image.plane_shape) - 0.501
        row, col = np.clip(index, -0.5, limits)
        return float(row), float(col)


def _without_image(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if name != "image"}
