"""Where to label next, and labels that may be wrong: places to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medfm.bridge.asking import Ask
from napari_medfm.bridge.looking import look_at, stop_pointing
from napari_medfm.verbs.doubting import Doubt
from napari_medfm.verbs.suggesting import Suggestion

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk

_AT_ONCE = 5


class Suggesting:
    """Leads from one place worth a label to the next."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ask: Ask[list[Suggestion]] = Ask(desk, "suggest", self._question)
        self._left: list[Suggestion] = []
        self._image: int | None = None
        self.current: Suggestion | None = None

    def _question(self) -> object:
        desk = self._desk
        return desk.session.workspace.encoder, getattr(desk.source, "uid", None)

    @property
    def place(self) -> Suggestion | None:
        """The place the view was moved to, while its image is in hand."""
        source = self._desk.source
        here = source is not None and source.uid == self._image
        return self.current if here else None

    def next(self) -> None:
        """Move the view to the next place; asks for new ones when none are left."""
        desk, source = self._desk, self._desk.source
        if source is None:
            desk.say("Open an image first: drag a file into the window")
            return
        if self._left and source.uid == self._image:
            self._show(self._left.pop(0))
            return
        if desk.session.head is None:
            desk.say(desk.live.missing or "Mark a few places first")
            return
        name = source.name
        self._ask.begin(lambda: desk.session.suggest.work(name, _AT_ONCE), self._found)

    def _found(self, places: list[Suggestion]) -> None:
        desk = self._desk
        self._image = getattr(desk.source, "uid", None)
        self._left = list(places)
        if not self._left:
            self.current = None
            desk.say("No place stands out: the head is sure everywhere it looked")
            desk.changed.emit()
            return
        self._show(self._left.pop(0))

    def _show(self, place: Suggestion) -> None:
        desk = self._desk
        if desk.image is None:
            return
        self.current = place
        if look_at(desk, desk.image, place.plane, place.position):
            desk.live.set_visible(True)
            desk.say(place.reason)
        desk.changed.emit()

    def label_as(self, value: int) -> None:
        """Give the place to a class, and go on to the next."""
        desk, place, source = self._desk, self.place, self._desk.source
        if place is None or source is None:
            desk.say("Ask for a place first")
            return
        lift = () if source.ndim == 2 else (float(place.plane),)
        self.current = None
        stop_pointing(desk)
        desk.choose_class(value)
        desk.marking.click((*lift, *map(float, place.position)))
        if self._left:
            self.next()

    def stop(self) -> None:
        """Look at no place any more."""
        self.current, self._left = None, []
        stop_pointing(self._desk)
        self._desk.changed.emit()


class Doubting:
    """The list of the user's labels that disagree with what looks like them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ask: Ask[list[Doubt]] = Ask(desk, "doubtful", self._question)
        self._found: list[Doubt] | None = None
        self._right: set[int] = set()

    def _question(self) -> object:
        session = self._desk.session
        return session.annotations, session.workspace.encoder

    @property
    def doubts(self) -> list[Doubt] | None:
        """What was found and is still labelled so, worst first; None before a search.

        Labels that the user said are right are left out.
        """
        if self._found is None:
            return None
        names = {c.value: c.name for c in self._desk.classes}
        now = {a.id: names.get(a.value) for a in self._desk.session.annotations}
        return [
            d
            for d in self._found
            if now.get(d.annotation) == d.class_name and d.annotation not in self._right
        ]

    def begin(self) -> None:
        """Compare all labels with one another."""
        desk = self._desk
        self._ask.begin(desk.session.doubtful.work, self._done)

    def _done(self, found: list[Doubt]) -> None:
        desk = self._desk
        self._found = found
        count = len(self.doubts or [])
        desk.say(
            f"{count} label{'s'[: count != 1]} to look at again"
            if count
            else "All labels agree with what looks like them"
        )
        desk.changed.emit()

    def show(self, doubt: Doubt) -> None:
        """Move the view to a label."""
        desk = self._desk
        if look_at(desk, doubt.image, doubt.plane, doubt.position):
            desk.say(doubt.reason)

    def remove(self, doubt: Doubt) -> None:
        """Take a label away; it can be undone."""
        desk = self._desk
        if desk.act(lambda: desk.session.remove(doubt.annotation)):
            stop_pointing(desk)
            desk.live.labels_changed()
            desk.say("The label was removed. Undo with Ctrl+Z")
            desk.changed.emit()

    def keep(self, doubt: Doubt) -> None:
        """Leave a label as it is and doubt it no more."""
        self._right.add(doubt.annotation)
        stop_pointing(self._desk)
        self._desk.changed.emit()
