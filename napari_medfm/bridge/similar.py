"""Similarity on the desk: clicks that ask, a map that answers, a threshold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_medfm.bridge import looks
from napari_medfm.bridge.marks import show_clicks

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk
    from napari_medfm.bridge.mirror import Role

Position = tuple[float, ...]


@dataclass(frozen=True)
class Wish:
    """What the user asks of an image.

    Parameters
    ----------
    at, against
        Places that are meant and places that are not, as array indices.
    threshold
        Similarity from which on a place counts; chosen by the program if None.
    """

    at: tuple[Position, ...] = ()
    against: tuple[Position, ...] = ()
    threshold: float | None = None


class Similar:
    """Keeps the wish of each image and the map of the plane on screen."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._wishes: dict[str, Wish] = {}
        self._map: NDArray[np.float32] | None = None
        self._of: tuple[str, int | None, Wish] | None = None
        self._shown: tuple[str, Wish] | None = None

    @property
    def wish(self) -> Wish:
        """What is asked of the image in hand."""
        return self._wishes.get(self._desk.image or "", Wish())

    @property
    def map(self) -> NDArray[np.float32] | None:
        """The map of the plane on screen, if it is there."""
        here = self._desk.here
        of = self._of
        if here is None or of is None or here != of[:2] or not self.wish.at:
            return None
        return self._map

    @property
    def limits(self) -> tuple[float, float]:
        """Between which values a threshold makes sense."""
        if self.map is None:
            return 0.0, 1.0
        low, high = float(np.min(self.map)), float(np.max(self.map))
        return (low, high) if high > low else (low, low + 1e-3)

    @property
    def threshold(self) -> float | None:
        """The threshold in use; None while there is no map."""
        if self.map is None:
            return None
        chosen = self.wish.threshold
        return sum(looks.stretched(self.map)) / 2 if chosen is None else chosen

    def click(self, position: Position, negative: bool) -> None:
        """Ask with one more place."""
        wish = self.wish
        if negative:
            new = replace(wish, against=(*wish.against, position), threshold=None)
        else:
            new = replace(wish, at=(*wish.at, position), threshold=None)
        self._change(new)
        if not new.at:
            self._desk.say("Now click something that you do mean")

    def clear(self) -> None:
        """Ask nothing any more."""
        if self.wish != Wish():
            self._change(Wish())

    def set_threshold(self, threshold: float) -> None:
        """Choose from which similarity on a place counts."""
        if self._desk.image is not None and self.map is not None:
            self._wishes[self._desk.image] = replace(self.wish, threshold=threshold)
            self._show_preview()
            self._desk.changed.emit()

    def _change(self, wish: Wish) -> None:
        image = self._desk.image
        if image is None:
            return
        before = self.wish
        self._desk.timeline.push(
            lambda: self._set(image, before), lambda: self._set(image, wish)
        )
        self._set(image, wish)

    def _set(self, image: str, wish: Wish) -> None:
        self._wishes[image] = wish
        self.render()
        self._request()
        self._desk.changed.emit()

    def plane_moved(self) -> None:
        """Another plane is on screen: its map follows after a rest."""
        if self._desk.image is None or not self.wish.at:
            return
        layer = self._desk.mirror.layer(self._desk.image, "similarity")
        if layer is not None and layer.visible:
            self._desk.mirror.hide(self._desk.image, "preview")
            self._desk.runner.later(0.2, "similarity plane", self._request)

    def taken_up(self) -> None:
        """The tool is in hand again: show map and clicks, of this plane."""
        self.set_visible(True)
        if self.wish.at and self.map is None:
            self._request()

    def _request(self) -> None:
        desk, wish, here = self._desk, self.wish, self._desk.here
        if here is None or not wish.at:
            desk.runner.cancel("similarity")
            return
        image, plane = here
        planes = None if plane is None else [plane]

        def done(maps: dict[str, NDArray[np.float32]]) -> None:
            found = maps[image]
            self._map = np.array(found if plane is None else found[plane])
            self._of = (image, plane, wish)
            if self._desk.image == image:
                self.render()
                desk.say(
                    "Bright is alike. Click more places, Alt-click what is not meant"
                )
            desk.changed.emit()

        desk.run(
            lambda: desk.session.similarity.work(
                image, at=wish.at, against=wish.against, planes=planes
            ),
            "similarity",
            done,
            desk.complain,
        )

    def render(self) -> None:
        """Bring the layers in step with wish and map."""
        desk = self._desk
        if desk.image is None or desk.source is None:
            return
        wish = self.wish
        if self._shown != (desk.image, wish):
            self._shown = (desk.image, wish)
            show_clicks(desk, "queries", wish.at, wish.against)
        if not wish.at:
            desk.mirror.hide(desk.image, "similarity")
            desk.mirror.hide(desk.image, "preview")
            return
        if self.map is None:
            return
        desk.show(
            "similarity",
            self.map,
            desk.binding.plane(desk.image),
            colormap=looks.heat(),
            blending="translucent",
            opacity=0.75,
            contrast_limits=looks.stretched(self.map),
            rgb=False,
        )
        self._show_preview()

    @property
    def chosen(self) -> NDArray[np.bool_] | None:
        """The places that count at the threshold in use."""
        threshold = self.threshold
        if self.map is None or threshold is None:
            return None
        return self.map >= threshold

    def _show_preview(self) -> None:
        desk, chosen = self._desk, self.chosen
        if chosen is None or desk.image is None:
            return
        desk.show(
            "preview",
            chosen.astype(np.uint8),
            desk.binding.plane(desk.image),
            colormap=looks.single(looks.PREVIEW),
            contour=1 if max(chosen.shape) < 400 else 2,
            opacity=1.0,
            editable=False,
        )

    def accept(self, class_name: str | None = None) -> bool:
        """Take the places that count into the labels; False (and why) if none do."""
        desk, chosen, here = self._desk, self.chosen, self._desk.here
        if chosen is None or here is None:
            desk.say("Click a place with the similarity tool first")
            return False
        if not chosen.any():
            desk.say("Nothing counts at this threshold: lower it")
            return False
        image, plane = here
        name = class_name or desk.object_class().name
        done = desk.act(
            lambda: desk.session.accept(
                image, chosen, name, plane=plane, origin="similarity"
            )
        )
        if done:
            self.set_visible(False)
            desk.say(f"Labelled as {name}. Undo with Ctrl+Z")
        return done

    def set_visible(self, visible: bool) -> None:
        """Show or hide map, outline and clicks; what is asked stays."""
        roles: tuple[Role, ...] = ("similarity", "preview", "queries")
        for role in roles:
            layer = self._desk.mirror.layer(self._desk.image or "", role)
            if layer is not None:
                layer.visible = visible
