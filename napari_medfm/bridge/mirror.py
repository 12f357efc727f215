"""The layers that show answers: one per image and role, made when needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels, Layer, Points, Shapes

from napari_medfm.bridge.geometry import FOLLOWED, Lie, geometry_of
from napari_medfm.core.geometry import Box

Role = Literal[
    "similarity",
    "preview",
    "mask",
    "found",
    "prediction",
    "labels",
    "strokes",
    "examples",
    "queries",
    "clicks",
    "box",
    "uncertainty",
    "refined",
    "objects",
    "pointer",
]
_MAKERS: dict[str, Callable[..., Layer]] = {
    "similarity": ImageLayer,
    "preview": Labels,
    "mask": Labels,
    "found": Labels,
    "prediction": Labels,
    "labels": Labels,
    "uncertainty": ImageLayer,
    "objects": Labels,
    "refined": Labels,
    "strokes": Labels,
    "examples": Points,
    "queries": Points,
    "clicks": Points,
    "box": Shapes,
    "pointer": Points,
}
_TITLES = {
    "preview": "similar enough",
    "mask": "outline in hand",
    "found": "objects found",
    "strokes": "painted examples",
    "queries": "similarity clicks",
    "clicks": "prompt clicks",
    "box": "prompt box",
    "refined": "refined preview",
    "pointer": "look here",
}
# From bottom to top, so that clicks stay visible over what they made.
_ORDER = list(_MAKERS)
# Options that napari's layers have as attributes only.
_SET_LATER = frozenset({"contour", "editable"})


class Mirror:
    """Shows answers on an image layer, in its geometry, and never by layer name.

    Parameters
    ----------
    viewer
        A viewer or viewer model.
    on_made
        Called with role and layer when one was made.
    """

    def __init__(
        self, viewer: Any, on_made: Callable[[str, Role, Layer], None] | None = None
    ) -> None:
        self._viewer = viewer
        self._on_made = on_made
        self._layers: dict[tuple[str, Role], Layer] = {}
        self._lies: dict[tuple[str, Role], Lie] = {}
        self._anchors: dict[str, Layer] = {}
        self._blank: set[tuple[str, Role]] = set()
        self.updating = False
        viewer.layers.events.removed.connect(self._forget)

    def show(
        self,
        image: str,
        anchor: Layer,
        role: Role,
        data: Any,
        *,
        where: tuple[int | None, Box | None] = (None, None),
        style: dict[str, Any],
    ) -> Layer:
        """Show data in a role's layer: made at first, then updated.

        Parameters
        ----------
        image, anchor
            The session's image and the layer whose geometry holds.
        where
            For data of one plane of a volume, shape (1, rows, cols): which. And the
            part of a plane that the data cover, in whatever number of pixels.
        style
            Layer options; applied anew only where they differ from what the layer was
            given last, so that the user's own choices stay.
        """
        key = (image, role)
        layer = self._layers.get(key)
        if layer is not None and not _fits(layer, data):
            self._remove(image, role)
            layer = None
        lie = _lie(data, *where)
        geometry = geometry_of(anchor, lie)
        self._watch(image, anchor)
        if layer is None:
            name = f"{anchor.name}: {_TITLES.get(role, role)}"
            early = {k: v for k, v in style.items() if k not in _SET_LATER}
            layer = _MAKERS[role](data, name=name, **geometry, **early)
            for option in _SET_LATER & style.keys():
                setattr(layer, option, style[option])
            self._layers[key] = layer
            with self.same_selection():
                self._viewer.layers.insert(self._place(anchor, role), layer)
            layer.metadata["medfm style"] = dict(style)
            if self._on_made is not None:
                self._on_made(image, role, layer)
        else:
            self._update(layer, data, geometry, style)
        if key in self._blank:
            self._blank.discard(key)
            layer.visible = True
        self._lies[key] = lie
        return layer

    def _update(
        self, layer: Layer, data: Any, geometry: dict[str, Any], style: dict[str, Any]
    ) -> None:
        given = layer.metadata.get("medfm style", {})
        for name in ("scale", "translate"):
            if not np.array_equal(getattr(layer, name), geometry[name]):
                setattr(layer, name, geometry[name])
        if data is not layer.data:
            self._put(layer, data)
        for name, value in style.items():
            if name not in given or not _same(given[name], value):
                setattr(layer, name, value)
        layer.metadata["medfm style"] = dict(style)

    def _put(self, layer: Layer, data: Any) -> None:
        self.updating = True
        try:
            layer.data = data
            if isinstance(layer, Points) and not layer.visible:
                # napari slices what is not seen later, but colours it at once.
                layer.set_view_slice()
        finally:
            self.updating = False

    def empty(self, image: str, role: Role) -> None:
        """Show zeros in a role, unseen: it can still be selected and painted in."""
        layer = self._layers.get((image, role))
        if layer is not None:
            data = layer.data
            zeros = [np.zeros_like(x) for x in data] if layer.multiscale else None
            self._put(layer, np.zeros_like(data) if zeros is None else zeros)
        self.hide(image, role)

    def hide(self, image: str, role: Role) -> None:
        """Show nothing in a role any more.

        The layer stays in the list, unseen, for the next answer: taking one away makes
        napari collect garbage, which stops the window for a third of a second.
        """
        key = (image, role)
        if key in self._layers and key not in self._blank:
            self._blank.add(key)
            self._layers[key].visible = False

    def _remove(self, image: str, role: Role) -> None:
        key = (image, role)
        layer = self._layers[key]
        # Known as ours until it is gone, so that nobody takes it for an image.
        if layer in self._viewer.layers:
            with self.same_selection():
                self._viewer.layers.remove(layer)
        self._drop(key)

    def _drop(self, key: tuple[str, Role]) -> None:
        self._layers.pop(key, None)
        self._lies.pop(key, None)
        self._blank.discard(key)

    def forget(self, image: str) -> None:
        """Take all layers of an image away."""
        for name, role in list(self._layers):
            # Taking one away tells others, who may have taken the rest.
            if name == image and (name, role) in self._layers:
                self._remove(name, role)
        self._anchors.pop(image, None)

    def close(self) -> None:
        """Watch the viewer no more; the layers stay."""
        self._viewer.layers.events.removed.disconnect(self._forget)

    def layer(self, image: str, role: Role) -> Layer | None:
        """Return a role's layer, if it shows anything."""
        key = (image, role)
        return None if key in self._blank else self._layers.get(key)

    def plane_of(self, image: str, role: Role) -> int | None:
        """Return the plane that a role shows, None if it shows all."""
        lie = self._lies.get((image, role))
        return None if lie is None else lie.plane

    def role_of(self, layer: Layer) -> tuple[str, Role] | None:
        """Return image and role of a layer of ours, None for any other."""
        for key, known in self._layers.items():
            if known.unique_id == layer.unique_id:
                return key
        return None

    def _forget(self, event: Any) -> None:
        key = self.role_of(event.value)
        if key is not None:
            self._drop(key)

    def _place(self, anchor: Layer, role: Role) -> int:
        """Return the index above the image and above the roles that lie lower."""
        lower = set(_ORDER[: _ORDER.index(role)])
        place = 0
        for index, layer in enumerate(self._viewer.layers):
            known = self.role_of(layer)
            if layer == anchor or known is None or known[1] in lower:
                place = index + 1
        return place

    @contextmanager
    def same_selection(self) -> Iterator[None]:
        """Keep the layers that are selected while others come and go."""
        selection = self._viewer.layers.selection
        chosen, active = set(selection), selection.active
        yield
        kept = {layer for layer in chosen if layer in self._viewer.layers}
        if set(selection) != kept:
            self._viewer.layers.selection = kept
        if active is not None and active in self._viewer.layers:
            selection = self._viewer.layers.selection
            if selection.active != active:
                selection.active = active

    def _watch(self, image: str, anchor: Layer) -> None:
        """Follow the image when its scale, place or rotation is changed."""
        if self._anchors.get(image) == anchor:
            return
        self._anchors[image] = anchor
        for name in FOLLOWED:
            event = getattr(anchor.events, name)
            event.disconnect(self._follow)
            event.connect(self._follow)

    def _follow(self, event: Any) -> None:
        for (image, role), layer in self._layers.items():
            anchor = self._anchors.get(image)
            if anchor is None or anchor.unique_id != event.source.unique_id:
                continue
            geometry = geometry_of(anchor, self._lies[image, role])
            for name in FOLLOWED:
                setattr(layer, name, geometry[name])


def _fits(layer: Layer, data: Any) -> bool:
    if isinstance(layer, (Points, Shapes)):
        return True
    finest, several = (data[0], True) if isinstance(data, list) else (data, False)
    here = layer.data[0] if layer.multiscale else layer.data
    if layer.multiscale != several or here.dtype != finest.dtype:
        return False
    # A part of a picture may be followed by another, of another size.
    return bool(here.shape == finest.shape or here.ndim == finest.ndim == 2)


def _lie(data: Any, plane: int | None, region: Box | None) -> Lie:
    if region is None:
        return Lie(plane)
    rows, cols = (data[0] if isinstance(data, list) else data).shape[-2:]
    step = region.height / rows, region.width / cols
    return Lie(plane, (region.row0, region.col0), step)


def _same(one: Any, other: Any) -> bool:
    return one is other or bool(np.array_equal(_plain(one), _plain(other)))


def _plain(value: Any) -> Any:
    """Return a style value as an array; napari's colormaps do not compare."""
    colours = getattr(value, "color_dict", None)
    if colours is not None:
        keys = [-1 if key is None else key for key in colours]
        return np.column_stack([keys, np.array(list(colours.values()))])
    return np.asarray(getattr(value, "colors", value))
