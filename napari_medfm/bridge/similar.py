"""Similarity on the desk: clicks that ask, a map that answers, a threshold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_medfm.bridge import looks
from napari_medfm.bridge.asking import Ask
from napari_medfm.bridge.marks import show_clicks
from napari_medfm.bridge.mirror import Role
from napari_medfm.core.jobs import Work

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk

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
    """Keeps the wish of each image, and the map that answers it on the plane shown."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._wishes: dict[int, Wish] = {}
        self._ask: Ask[NDArray[np.float32]] = Ask(desk, "similarity", self._question)
        self._shown: tuple[object, Wish] | None = None
        self._showing = True

    def _question(self) -> object:
        desk, wish = self._desk, self.wish
        return desk.scene, desk.session.workspace.encoder, wish.at, wish.against

    @property
    def wish(self) -> Wish:
        """What is asked of the image in hand."""
        source = self._desk.source
        return Wish() if source is None else self._wishes.get(source.uid, Wish())

    @property
    def map(self) -> NDArray[np.float32] | None:
        """The answer to the wish on the plane on screen, if it is there."""
        return self._ask.answer if self.wish.at else None

    @property
    def limits(self) -> tuple[float, float]:
        """Between which values a threshold makes sense."""
        found = self.map
        if found is None:
            return 0.0, 1.0
        low, high = float(np.min(found)), float(np.max(found))
        return (low, high) if high > low else (low, low + 1e-3)

    @property
    def threshold(self) -> float | None:
        """The threshold in use; None while there is no map."""
        found = self.map
        if found is None:
            return None
        chosen = self.wish.threshold
        return sum(looks.stretched(found)) / 2 if chosen is None else chosen

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
        source = self._desk.source
        if source is not None and self.map is not None:
            self._wishes[source.uid] = replace(self.wish, threshold=threshold)
            self._show_preview()
            self._desk.changed.emit()

    def _change(self, wish: Wish) -> None:
        source = self._desk.source
        if source is None:
            return
        before, image = self.wish, source.uid
        self._desk.timeline.push(
            lambda: self._set(image, before), lambda: self._set(image, wish)
        )
        self._set(image, wish)

    def _set(self, image: int, wish: Wish) -> None:
        self._wishes[image] = wish
        self.set_visible(True)
        self._request()
        self._desk.changed.emit()

    def plane_moved(self) -> None:
        """Another plane is on screen: its map follows after a rest."""
        if self._desk.image is None or not self.wish.at:
            return
        layer = self._desk.mirror.layer(self._desk.image, "similarity")
        if self._showing and (layer is None or layer.visible):
            self.render()
            self._desk.runner.later(0.2, "similarity plane", self.again)

    def taken_up(self) -> None:
        """The tool is in hand again: show map and clicks, of this plane."""
        self.set_visible(True)
        self.again()

    def again(self) -> None:
        """Ask anew where what is asked has no answer yet."""
        self.render()
        if self._showing and self.wish.at and self.map is None:
            self._request()

    def _request(self) -> None:
        desk, wish, here = self._desk, self.wish, self._desk.here
        if here is None or not wish.at:
            self._ask.drop()
            return
        image, plane = here

        def plan() -> Work[NDArray[np.float32]]:
            work = desk.session.similarity.work(
                image,
                at=wish.at,
                against=wish.against,
                planes=None if plane is None else [plane],
            )

            def commit(answer: object) -> NDArray[np.float32]:
                found = work.commit(answer)[image]
                return np.array(found if plane is None else found[plane])

            return Work(work.title, work.steps, commit)

        self._ask.begin(plan, self._answered, late=self.again)

    def _answered(self, _: object) -> None:
        self.render()
        self._desk.say(
            "Bright is alike. Click more places, Alt-click what is not meant"
        )
        self._desk.changed.emit()

    def render(self) -> None:
        """Bring the layers in step with wish and map."""
        desk, wish, found = self._desk, self.wish, self.map
        if desk.image is None or desk.source is None:
            return
        if not self._showing:
            self._shown = None
            for role in _ROLES:
                desk.mirror.hide(desk.image, role)
            return
        if self._shown != (desk.source.uid, wish):
            self._shown = (desk.source.uid, wish)
            show_clicks(desk, "queries", wish.at, wish.against)
        if found is None:
            desk.mirror.hide(desk.image, "similarity")
            desk.mirror.hide(desk.image, "preview")
            return
        desk.show(
            "similarity",
            found,
            desk.binding.plane(desk.image),
            colormap=looks.heat(),
            blending="translucent",
            opacity=0.75,
            contrast_limits=looks.stretched(found),
            rgb=False,
        )
        self._show_preview()

    @property
    def chosen(self) -> NDArray[np.bool_] | None:
        """The places that count at the threshold in use."""
        found, threshold = self.map, self.threshold
        return None if found is None or threshold is None else found >= threshold

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
        if here is None or not desk.hand.ready():
            return False
        if chosen is None:
            desk.say(
                "The map is being made: accept it in a moment"
                if self._ask.pending
                else "Click a place with the similarity tool first"
            )
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
        self._showing = visible
        self.render()
        for role in _ROLES:
            layer = self._desk.mirror.layer(self._desk.image or "", role)
            if layer is not None and not layer.visible:
                layer.visible = True


_ROLES: tuple[Role, ...] = ("similarity", "preview", "queries")
