"""Which layer is which image of the session, and where the cursor is on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Layer

from napari_medfm.bridge.facts import facts_of, layers_of, problem_with
from napari_medfm.core.errors import BadInput
from napari_medfm.core.image import Image
from napari_medfm.session import Session


class Binding:
    """Keeps layer and image together by the layer's unique id.

    A renamed layer stays bound. A removed layer leaves its image, and all that was
    made of it, in the session; adding the same layer again takes it up.
    """

    def __init__(self, viewer: Any, session: Session) -> None:
        self.viewer = viewer
        self.session = session
        self._names: dict[Any, str] = {}
        self._layers: dict[str, list[Layer]] = {}
        self.on_removed: Callable[[str], None] | None = None
        self.on_new_pixels: Callable[[str], None] | None = None
        viewer.layers.events.removed.connect(self._removed)

    def bind(self, layer: Layer) -> str:
        """Return the session's name of an Image layer, adding the image at first.

        Raises
        ------
        BadInput
            If the layer cannot be labelled, saying why.
        """
        known = self._names.get(layer.unique_id)
        if known is not None:
            if layer not in self._layers.setdefault(known, []):
                self._layers[known].append(layer)
            return known
        problem = problem_with(layer)
        if problem is not None:
            raise BadInput(problem)
        facts = facts_of(layer)
        name = self.session.add_image(facts.pop("image"), name=layer.name, **facts)
        self._take(layer, name)
        return name

    def _take(self, layer: Layer, name: str) -> None:
        self._names[layer.unique_id] = name
        self._layers.setdefault(name, []).append(layer)
        layer.events.data.connect(self._data_changed)

    def show_images(self) -> None:
        """Give every image of the session that has no layer one."""
        for name, image in self.session.images.items():
            if name not in self._layers:
                # Taken before it is added, or it would be met as a new image.
                for layer in layers_of(image):
                    self._take(layer, name)
                    self.viewer.layers.append(layer)

    def name_of(self, layer: Layer | None) -> str | None:
        """Return the session's name of a layer, None if it is not bound."""
        return None if layer is None else self._names.get(layer.unique_id)

    def layer(self, name: str) -> Layer | None:
        """Return the layer that shows an image, None if it was removed."""
        layers = self._layers.get(name)
        return layers[0] if layers else None

    def layers(self) -> list[Layer]:
        """Return all bound layers."""
        return [layer for layers in self._layers.values() for layer in layers]

    def image(self, name: str) -> Image:
        """Return the session's image."""
        return self.session.images[name]

    def _removed(self, event: Any) -> None:
        for name, layers in self._layers.items():
            for layer in layers:
                if layer.unique_id == event.value.unique_id:
                    layers.remove(layer)
                    if not layers and self.on_removed is not None:
                        self.on_removed(name)
                    return

    def _data_changed(self, event: Any) -> None:
        """Other pixels under the same layer are another image."""
        layer = event.source
        name = self._names.get(layer.unique_id)
        if name is None or self._same_pixels(layer, name):
            return
        del self._names[layer.unique_id]
        self._layers[name] = [
            kept for kept in self._layers[name] if kept.unique_id != layer.unique_id
        ]
        layer.events.data.disconnect(self._data_changed)
        if self.on_new_pixels is not None:
            self.on_new_pixels(name)

    def _same_pixels(self, layer: ImageLayer, name: str) -> bool:
        data = layer.data[0] if layer.multiscale else layer.data
        return data is self.image(name).data

    # Positions

    def problem_here(self, name: str) -> str | None:
        """Say why the mouse cannot be used on an image now, or None if it can."""
        layer, dims = self.layer(name), self.viewer.dims
        if layer is None:
            return f"The layer of {name!r} was removed: choose an image"
        if dims.ndisplay == 3:
            return "The tools work on planes: switch the view back to 2-D"
        shown = {axis - (dims.ndim - layer.ndim) for axis in dims.displayed}
        if shown != {layer.ndim - 2, layer.ndim - 1}:
            return (
                "The tools work on planes of the first axis: put it back on the slider "
                "(Ctrl+E rolls the axes)"
            )
        return None

    def plane(self, name: str) -> int | None:
        """Return the plane of a volume on screen; None for a picture."""
        image, layer = self.image(name), self.layer(name)
        if image.ndim == 2:
            return None
        if layer is None:
            return 0
        index = layer.world_to_data(self.viewer.dims.point)[0]
        return int(np.clip(np.floor(index + 0.5), 0, image.n_planes - 1))

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
