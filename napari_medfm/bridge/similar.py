"""Similarity on the desk: clicks that ask, a map that answers, a threshold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm import encoders
from napari_medfm.bridge import looks
from napari_medfm.bridge.asking import Ask
from napari_medfm.bridge.marks import show_clicks
from napari_medfm.bridge.mirror import Role
from napari_medfm.core.errors import Cancelled
from napari_medfm.core.geometry import Box
from napari_medfm.core.jobs import Progress, Steps, Work
from napari_medfm.core.lazy import LazyArray
from napari_medfm.engine.lazymap import SlideMap

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk

Position = tuple[float, ...]
Map = NDArray[np.float32] | SlideMap
_GROWS = 1.0
_BAND = 512


@dataclass(frozen=True)
class Words:
    """What the user asks in words.

    Parameters
    ----------
    text, against
        What is meant, and what is not; several are alternatives.
    templates
        Sentences with "{}" where a text goes; the encoder's own if None.
    """

    text: tuple[str, ...]
    against: tuple[str, ...] = ()
    templates: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Wish:
    """What the user asks of an image.

    Parameters
    ----------
    at, against
        Places that are meant and places that are not, as array indices.
    words
        What is meant in words, instead of places.
    threshold
        Similarity from which on a place counts; chosen by the program if None.
    """

    at: tuple[Position, ...] = ()
    against: tuple[Position, ...] = ()
    words: Words | None = None
    threshold: float | None = None

    @property
    def asks(self) -> bool:
        """Whether anything is asked."""
        return bool(self.at) or self.words is not None


class Similar:
    """Keeps the wish of each image, and the map that answers it on the plane shown."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._wishes: dict[int, Wish] = {}
        self._ask: Ask[Map] = Ask(desk, "similarity", self._question)
        self._rest: Ask[bool] = Ask(desk, "similarity rest", self._question)
        self._taking: Ask[Box | None] = Ask(desk, "accept similar", self._question)
        self._shown: tuple[object, Wish] | None = None
        self._showing = True

    def _question(self) -> object:
        desk, wish = self._desk, self.wish
        encoder = desk.session.workspace.encoder
        return desk.scene, encoder, wish.at, wish.against, wish.words

    @property
    def wish(self) -> Wish:
        """What is asked of the image in hand."""
        source = self._desk.source
        return Wish() if source is None else self._wishes.get(source.uid, Wish())

    @property
    def map(self) -> Map | None:
        """The answer to the wish on the plane on screen, if it is there."""
        return self._ask.answer if self.wish.asks else None

    @property
    def limits(self) -> tuple[float, float]:
        """Between which values a threshold makes sense."""
        found = self._values
        if found is None or not found.size:
            return 0.0, 1.0
        low, high = float(np.min(found)), float(np.max(found))
        return (low, high) if high > low else (low, low + 1e-3)

    @property
    def _values(self) -> NDArray[np.float32] | None:
        """The map's values that are known: of a large picture, those of its tokens."""
        found = self.map
        if isinstance(found, SlideMap):
            return found.values[np.isfinite(found.values)]
        return found

    @property
    def _contrast(self) -> tuple[float, float]:
        found = self._values
        return (0.0, 1.0) if found is None else looks.stretched(found)

    @property
    def threshold(self) -> float | None:
        """The threshold in use; None while there is no map."""
        if self.map is None:
            return None
        chosen = self.wish.threshold
        return sum(self._contrast) / 2 if chosen is None else chosen

    @property
    def share(self) -> float | None:
        """Which share of the plane counts; None while there is no map."""
        found, threshold = self.map, self.threshold
        if found is None or threshold is None:
            return None
        if isinstance(found, SlideMap):
            return found.share_above(threshold)
        return float((found >= threshold).mean())

    @property
    def unfinished(self) -> bool:
        """Whether the map of a slide has parts that are not read and not being read."""
        return (
            isinstance(self.map, SlideMap)
            and not self._rest.answer
            and not self._rest.pending
        )

    def click(self, position: Position, negative: bool) -> None:
        """Ask with one more place."""
        wish = self.wish
        if negative:
            new = Wish(wish.at, (*wish.against, position))
        else:
            new = Wish((*wish.at, position), wish.against)
        self._change(new)
        if not new.at:
            self._desk.say("Now click something that you do mean")

    def ask_in_words(self, words: Words) -> None:
        """Ask for what is meant in words; places clicked are put aside."""
        if self._desk.image is None:
            self._desk.say("Open an image first: drag a file into the window")
        elif not words.text:
            self._desk.say("Write what you look for, such as: tumour")
        else:
            self._change(Wish(words=words))

    @property
    def sentences(self) -> tuple[str, ...] | None:
        """The sentences that the encoder puts words into; None if it knows no texts."""
        model = self._desk.session.workspace.encoder
        if model.loaded is not None:
            spec = model.loaded.spec
        elif model.name in {spec.name for spec in encoders.specs()}:
            spec = encoders.spec_of(model.name)
        else:
            return None
        return spec.templates if spec.joint else None

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
        if self._desk.image is None or not self.wish.asks:
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
        if self._showing and self.wish.asks and self.map is None:
            self._request()

    def _request(self) -> None:
        desk, wish, here = self._desk, self.wish, self._desk.here
        self._rest.drop()
        if here is None or not wish.asks:
            self._ask.drop()
            return
        image, plane = here
        large = desk.view.large
        planes = None if plane is None else [plane]
        near = (
            None if large is None or not wish.at else desk.view.near(large, wish.at[-1])
        )
        first = None if near is None else list(near)

        def plan() -> Work[Map]:
            similarity, words = desk.session.similarity, wish.words
            if words is None:
                work = similarity.work(
                    image, at=wish.at, against=wish.against, planes=planes, region=first
                )
            else:
                work = similarity.work(
                    image,
                    text=words.text,
                    against_text=words.against,
                    templates=words.templates,
                    planes=planes,
                )

            def commit(answer: object) -> Map:
                found: Any = work.commit(answer)[image]
                if isinstance(found, SlideMap):
                    return found
                return np.array(found if plane is None else found[plane])

            return Work(work.title, work.steps, commit)

        self._ask.begin(plan, self._answered, late=self.again)

    def _answered(self, _: object) -> None:
        self.render()
        self._desk.say(
            "Bright is alike. Click more places, Alt-click what is not meant"
            if self.wish.words is None
            else "Bright is where the words fit best, as the model sees it: look twice"
        )
        self._desk.changed.emit()
        self.read_the_rest()

    def read_the_rest(self) -> None:
        """Go through the rest of a slide behind, what is near the screen first."""
        desk, found = self._desk, self.map
        large = desk.view.large
        if large is None or not isinstance(found, SlideMap) or found.grow is None:
            return
        steps = partial(found.grow, desk.view.centre(large))

        def failed(error: BaseException) -> None:
            self._grown()
            if isinstance(error, Cancelled):
                desk.say(
                    "Stopped. What is read is kept; “Read the rest of the slide” goes "
                    "on"
                )
            else:
                desk.complain(error)

        self._rest.begin(
            lambda: Work(f"Similarity in {large.name}", steps, lambda _: True),
            lambda _: self._grown(),
            failed=failed,
        )
        desk.runner.later(_GROWS, "similarity grows", self._growing)

    def _growing(self) -> None:
        """Show now and then what was read behind."""
        if self._rest.pending:
            self._grown()
            self._desk.runner.later(_GROWS, "similarity grows", self._growing)

    def _grown(self) -> None:
        if self._showing:
            self.render()
        self._desk.changed.emit()

    def view_moved(self) -> None:
        """Another part of a slide is on screen: what is there comes first."""
        if self._rest.pending:
            self.read_the_rest()

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
            contrast_limits=self._contrast,
            rgb=False,
        )
        self._show_preview()

    @property
    def chosen(self) -> NDArray[np.bool_] | LazyArray | None:
        """The places that count at the threshold in use."""
        found, threshold = self.map, self.threshold
        if found is None or threshold is None:
            return None
        if isinstance(found, SlideMap):
            return found.above(threshold)
        return found >= threshold

    def _show_preview(self) -> None:
        desk, chosen = self._desk, self.chosen
        if chosen is None or desk.image is None:
            return
        coarse = isinstance(chosen, LazyArray)
        if isinstance(chosen, LazyArray):
            # The map is shown in quarters of a token, and so is its outline.
            chosen = replace(chosen.levels[0], levels=chosen.levels[1:])
        else:
            chosen = chosen.astype(np.uint8)
        desk.show(
            "preview",
            chosen,
            desk.binding.plane(desk.image),
            colormap=looks.single(looks.PREVIEW),
            contour=1 if coarse or max(chosen.shape) < 400 else 2,
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
        if not self.share:
            desk.say("Nothing counts at this threshold: lower it")
            return False
        image, plane = here
        name = class_name or desk.object_class().name
        if isinstance(chosen, LazyArray):
            return self._take(name)
        done = desk.act(
            lambda: desk.session.accept(
                image, chosen, name, plane=plane, origin="similarity"
            )
        )
        if done:
            self.set_visible(False)
            desk.say(f"Labelled as {name}. Undo with Ctrl+Z")
        return done

    def _take(self, name: str) -> bool:
        """Cut a slide's places out behind, then take them into the labels."""
        desk, found, threshold = self._desk, self.map, self.threshold
        source = desk.source
        if source is None or threshold is None or not isinstance(found, SlideMap):
            return False

        def commit(cut: tuple[Box, NDArray[np.bool_]] | None) -> Box | None:
            if cut is not None:
                desk.session.accept(
                    source.name, cut[1], name, origin="similarity", region=list(cut[0])
                )
            return None if cut is None else cut[0]

        def done(box: Box | None) -> None:
            if box is None:
                desk.say("Nothing counts at this threshold: lower it")
                return
            desk.timeline.branch()
            desk.render()
            self.set_visible(False)
            desk.say(f"Labelled as {name}. Undo with Ctrl+Z")

        title = f"Labelling {source.name}"
        return self._taking.begin(
            lambda: Work(title, lambda: _cut(found, threshold), commit), done
        )

    def set_visible(self, visible: bool) -> None:
        """Show or hide map, outline and clicks; what is asked stays."""
        self._showing = visible
        self.render()
        for role in _ROLES:
            layer = self._desk.mirror.layer(self._desk.image or "", role)
            if layer is not None and not layer.visible:
                layer.visible = True


def _cut(found: SlideMap, threshold: float) -> Steps[tuple[Box, Any] | None]:
    """Return the box of all that reaches a threshold, and what does in it."""
    box = found.box_above(threshold)
    if box is None:
        return None
    rows, cols = box.slices
    reached = np.zeros((int(box.height), int(box.width)), bool)
    for first in range(0, len(reached), _BAND):
        yield Progress(first, len(reached), "cutting out what is alike")
        last = min(first + _BAND, len(reached))
        part = found[rows.start + first : rows.start + last, cols]
        reached[first:last] = part >= threshold
    return (box, reached) if reached.any() else None


_ROLES: tuple[Role, ...] = ("similarity", "preview", "queries")
