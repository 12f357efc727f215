"""Layers become images: at once, in a job, or not, with the way out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Layer

from napari_medfm.bridge import facts
from napari_medfm.bridge.asking import Ask
from napari_medfm.bridge.geometry import is_tilted
from napari_medfm.core.errors import MedfmError
from napari_medfm.core.jobs import Progress, Steps, Work
from napari_medfm.engine.intake import image_of

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk

_AT_ONCE = 2_000_000


@dataclass(frozen=True)
class WayOut:
    """What can be done about a layer that is not what it seems."""

    title: str
    tip: str
    act: Callable[[], None]


class Opening:
    """Takes layers up as images without ever reading much in the window's thread."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._wanted: Layer | None = None
        self._refused: Layer | None = None
        self._ask: Ask[Any] = Ask(desk, "open", lambda: id(self._wanted))

    def choose(self, layer: Layer) -> None:
        """Work on the image of a layer from now on; says why where it cannot be."""
        desk, binding = self._desk, self._desk.binding
        self._wanted, self._refused = layer, None
        try:
            name = binding.known(layer)
            found = None if name is not None else binding.facts(layer)
            if found is not None and _is_quick(found):
                name = binding.add(layer, found)
        except MedfmError as problem:
            self._refused = layer
            desk.complain(problem)
            desk.changed.emit()
            return
        if name is not None:
            self._ask.drop()
            desk.work_on(name)
        elif found is not None:
            self._open(layer, found)

    def _open(self, layer: Layer, found: dict[str, Any]) -> None:
        """Read the few planes that tell how bright the image is, in a job."""
        desk = self._desk

        def steps() -> Steps[Any]:
            yield Progress(0, 1, "looking at its intensities")
            given = {k: v for k, v in found.items() if k not in {"image", "series"}}
            return image_of(found["image"], **given).window

        def commit(window: Any) -> str | None:
            if layer not in desk.viewer.layers:
                return None
            known = desk.binding.known(layer)
            return known or desk.binding.add(layer, {**found, "window": window})

        def done(name: str | None) -> None:
            if name is not None:
                desk.work_on(name)
                desk.say(f"{name!r} is open")

        self._ask.begin(lambda: Work(f"Opening {layer.name}", steps, commit), done)

    @property
    def ways_out(self) -> list[WayOut]:
        """What the user may want to do about the layer chosen last."""
        desk = self._desk
        layer = self._refused
        if layer is None and desk.image is not None:
            layer = desk.binding.layer(desk.image)
        if not isinstance(layer, ImageLayer) or layer not in desk.viewer.layers:
            return []
        shown = layer
        found = []
        if is_tilted(shown):
            found.append(
                WayOut(
                    "Show it straight",
                    "Adds the same pixels as a layer that is true to size but not "
                    "turned, and hides this one. Exports keep the true position.",
                    lambda: self._straighten(shown),
                )
            )
        axis = self._channel_axis(shown)
        if axis is not None:
            count = facts.finest(shown).shape[axis]
            found.append(
                WayOut(
                    f"These {count} planes are channels",
                    "Shows them as channels of one picture instead of planes of a "
                    "volume: one layer each, one image for the models.",
                    lambda: self._split(shown, axis),
                )
            )
        return found

    def _channel_axis(self, layer: ImageLayer) -> int | None:
        noted = facts.noted_channels(layer)
        if noted is not None:
            return noted
        name = self._desk.binding.name_of(layer)
        bare = name is None or not self._is_worked_on(name)
        return 0 if bare and facts.could_be_channels(layer) else None

    def _is_worked_on(self, name: str) -> bool:
        state = self._desk.session.labelling
        said = {a.image for a in state.annotations} | {a.image for a in state.accepted}
        return name in said | {image for image, _ in (*state.masks, *state.thresholds)}

    def _straighten(self, layer: ImageLayer) -> None:
        made = facts.straight(layer)
        layer.visible = False
        self._add([made])

    def _split(self, layer: ImageLayer, axis: int) -> None:
        """Put channels in the place of a stack, as napari's own Split Stack does."""
        desk = self._desk
        name = desk.binding.name_of(layer)
        made = facts.split(layer, axis)
        desk.viewer.layers.remove(layer)
        if name is not None and not self._is_worked_on(name):
            desk.act(lambda: desk.session.remove_image(name))
        self._add(made)
        desk.say(f"{layer.name!r} is one picture of {len(made)} channels now")

    def _add(self, layers: list[ImageLayer]) -> None:
        desk = self._desk
        for layer in layers:
            desk.viewer.layers.append(layer)
        desk.viewer.layers.selection.active = layers[0]
        self.choose(layers[0])


def _is_quick(found: Mapping[str, Any]) -> bool:
    """Whether an image can be taken up without reading much of it."""
    pixels = found["image"]
    if pixels.dtype == bool or pixels.dtype == np.uint8:
        return True
    coarsest = found["levels"][-1] if found["levels"] else pixels
    if not isinstance(coarsest, np.ndarray) or isinstance(coarsest, np.memmap):
        return False
    return coarsest.size <= _AT_ONCE
