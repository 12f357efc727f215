"""Objects on the desk: which there are, which class each has, and what a head says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from napari_medfm.bridge.asking import Ask
from napari_medfm.bridge.foreign import from_layers
from napari_medfm.bridge.looking import look_at
from napari_medfm.bridge.looks import colour_of
from napari_medfm.bridge.testing import Testing
from napari_medfm.core.jobs import Progress, Steps, Work
from napari_medfm.core.labels import LabelClass, rgb
from napari_medfm.core.results import ObjectPrediction
from napari_medfm.engine.objects import Places, places
from napari_medfm.verbs.objects import labels_of_objects
from napari_medfm.verbs.planes import is_large

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk

_REST = 0.4
_UNKNOWN = (0.79, 0.81, 0.84, 0.45)
_SAID, _FOUND = 0.85, 0.55


@dataclass(frozen=True, eq=False)
class Held:
    """An array as part of a question: the same only if it is the very same."""

    array: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Held) and other.array is self.array

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class ObjectRow:
    """One object as the table shows it.

    Parameters
    ----------
    size
        Area or volume in units of the image's spacing.
    label
        The class that the user gave it; empty if none.
    found, probability
        What the head says; empty and None without one.
    """

    number: int
    size: float
    centre: tuple[float, ...]
    label: str
    found: str
    probability: float | None


class Objects:
    """Brings objects, their labels and their classes to session, layer and table."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.testing = Testing(desk, "object")
        self._all: Ask[NDArray[np.int32]] = Ask(desk, "find objects", self._scene)
        self._places: Ask[Places] = Ask(desk, "count objects", self._map)
        self._fit: Ask[Any] = Ask(desk, "object fit", self._lesson)
        self._predict: Ask[Any] = Ask(desk, "object predict", self._question)
        self._file: Ask[Path] = Ask(desk, "object table", lambda: None)
        self._learned: object = None
        self._asked_last: object = None
        self._drawn: dict[str, object] = {}
        self._put_away: Held | None = None
        self._in_use = False
        self.only_select = False
        self._rows: tuple[object, tuple[ObjectRow, ...]] = (None, ())
        self.selected: int | None = None
        desk.changed.connect(self.render)

    # What depends on what

    def _scene(self) -> object:
        return self._desk.scene

    def _map(self) -> Held:
        return Held(self.map)

    def _lesson(self) -> tuple[Any, ...]:
        session = self._desk.session
        own = [a for a in session.annotations if a.level == "object"]
        said = tuple((a.id, a.value) for a in own)
        maps = session.labelling.objects
        held = tuple((name, Held(maps[name])) for name in sorted(maps))
        return said, held, session.workspace.encoder

    def _question(self) -> tuple[Any, ...]:
        session = self._desk.session
        head = session.labelling.heads.get("object")
        return head, self._map(), session.workspace.encoder

    # Which objects there are

    @property
    def map(self) -> NDArray[np.int32] | None:
        """One number an object, of the shape of the image in hand; None without."""
        desk = self._desk
        return desk.session.labelling.objects.get(desk.image or "")

    @property
    def sources(self) -> list[tuple[str, Callable[[], None]]]:
        """Where objects can come from: (words, what takes them)."""
        desk, source = self._desk, self._desk.source
        if source is None or self.too_large:
            return []
        found: list[tuple[str, Callable[[], None]]] = []
        if any(a.image == source.name for a in desk.session.labelling.accepted):
            found.append(("the accepted labels, piece by piece", self._take_accepted))
        found += from_layers(desk, source, self._take)
        there = "on this plane" if source.ndim == 3 else "in the image"
        found.append((f"all that is found {there}", self._find_all))
        return found

    @property
    def too_large(self) -> bool:
        """Whether the image in hand is one that is only read by parts."""
        source = self._desk.source
        return source is not None and is_large(source)

    def _take_accepted(self) -> None:
        image = self._desk.image or ""
        self._use(lambda: self._desk.session.use_objects(image))

    def _take(self, layer: Labels) -> None:
        """Take a Labels layer: its numbers, or the pieces of a mask."""
        image, data = self._desk.image or "", np.asarray(layer.data)
        values = np.unique(data)
        mask = len(values[values != 0]) == 1
        given = data != 0 if mask else data
        self._use(lambda: self._desk.session.use_objects(image, given))

    def _find_all(self) -> None:
        desk, here = self._desk, self._desk.here
        if here is None:
            return
        image, plane = here

        def done(found: NDArray[np.int32]) -> None:
            self.use(found, plane)

        self._all.begin(lambda: desk.session.segment_all.work(image, plane), done)

    def use(self, found: NDArray[np.int32], plane: int | None) -> bool:
        """Take objects of a plane, each under a number, in place of those there are."""
        desk, image = self._desk, self._desk.image or ""
        return self._use(lambda: desk.session.use_objects(image, found, plane=plane))

    def _use(self, take: Callable[[], int]) -> bool:
        counts: list[int] = []
        self._put_away = None
        done = self._desk.act(lambda: counts.append(take()))
        if done:
            self.selected = None
            self._desk.say(
                f"{counts[0]} object{'s'[: counts[0] != 1]}. Choose a class, take "
                "Click objects (O) and click a few of them"
            )
        return done

    # Labels

    def click(self, position: tuple[float, ...], negative: bool) -> None:
        """Give the object at a place to the chosen class, or take its label away."""
        desk, objects = self._desk, self.map
        if objects is None:
            desk.say("Say first what the objects are, in step 6")
            return
        index = tuple(int(np.floor(v + 0.5)) for v in position)
        number = int(objects[index])
        if not number:
            desk.say("There is no object at this place")
            return
        if self.only_select:
            self.select(number, look=False)
        elif negative:
            self.selected = number
            self.unlabel(number)
        else:
            self.selected = number
            self.label(number)

    def label(self, number: int) -> None:
        """Give an object to the chosen class."""
        desk, image = self._desk, self._desk.image or ""
        name = desk.chosen_class.name
        self._in_use = True
        if desk.act(lambda: desk.session.annotate_object(image, name, region=number)):
            desk.say(f"Object {number} is {name}. {self.missing or ''}".strip())

    def unlabel(self, number: int) -> None:
        """Take the label of an object away."""
        desk, image = self._desk, self._desk.image or ""
        own = labels_of_objects(desk.session.labelling, image).get(number)
        if own is None:
            desk.say(f"Object {number} has no label of yours")
            desk.changed.emit()
            return
        desk.act(lambda: desk.session.remove(own.id))

    @property
    def missing(self) -> str | None:
        """What is still needed before a head can be trained; None if nothing is."""
        desk = self._desk
        said = {a.value for a in desk.session.annotations if a.level == "object"}
        if len(desk.classes) < 2:
            return "Add a class or two, for example “tumour cell”"
        if len(said) >= 2:
            return None
        if not said:
            return "Click a few objects of each class"
        return "Now choose another class and click a few objects of it"

    # Head

    def learn(self) -> None:
        """Train on the labelled objects, and ask about all of the image in hand."""
        desk = self._desk
        if self.missing is not None:
            desk.say(self.missing)
            return
        self._in_use, self._learned = True, self._lesson()
        self._fit.begin(
            lambda: desk.session.fit.work(level="object"),
            lambda _: self.predict(),
            late=self._again,
        )

    def _again(self) -> None:
        if not self._fit.pending:
            self.learn()

    def predict(self) -> None:
        """Ask the head about all objects of the image in hand."""
        desk, image = self._desk, self._desk.image
        if image is None or self.map is None:
            return
        if desk.session.labelling.heads.get("object") is None:
            desk.say(self.missing or "Learn from the labelled objects first")
            return
        self._predict.begin(
            lambda: desk.session.predict.work(image, level="object"),
            lambda _: self._told(),
        )

    def _told(self) -> None:
        self._desk.say("All objects are classified. Correct some where it is wrong")
        self._desk.changed.emit()

    @property
    def prediction(self) -> ObjectPrediction | None:
        """What the head says of the objects of the image in hand."""
        found = self._predict.answer
        return found if isinstance(found, ObjectPrediction) else None

    @property
    def pending(self) -> bool:
        """Whether a head or its answer is under way."""
        return self._fit.pending or self._predict.pending

    def accept(self) -> bool:
        """Take every object in its class into the labels."""
        desk, found, image = self._desk, self.prediction, self._desk.image
        if found is None or image is None:
            desk.say(self.missing or "Learn from the labelled objects first")
            return False
        done = desk.act(lambda: desk.session.accept(image, found))
        if done:
            desk.say("Every object is in the labels, in its class. Undo with Ctrl+Z")
        return done

    @property
    def default_name(self) -> str:
        """A file name for the table of the image in hand."""
        return self._desk.exporting.default_name(".csv").replace("_labels", "_objects")

    def export(self, path: Path) -> None:
        """Write the table of the image in hand."""
        desk, image = self._desk, self._desk.image
        if image is None:
            return
        if path.suffix.lower() != ".csv":
            path = path.with_name(f"{path.name}.csv")
        self._file.begin(
            lambda: desk.session.export_predictions.work(path, "object", [image]),
            lambda written: desk.say(f"Written: {written}"),
        )

    # Table

    @property
    def rows(self) -> tuple[ObjectRow, ...]:
        """The objects of the image in hand."""
        desk, there = self._desk, self._places.answer
        image, source = desk.image, desk.source
        if there is None or image is None or source is None:
            return ()
        state, found = desk.session.labelling, self.prediction
        now = (there, found, state.annotations, desk.classes)
        if self._rows[0] != now:
            self._rows = now, _rows_of(self._said(), there, found, source.spacing)
        return self._rows[1]

    def _said(self) -> dict[int, LabelClass]:
        desk = self._desk
        classes = {c.value: c for c in desk.classes}
        own = labels_of_objects(desk.session.labelling, desk.image or "")
        return {n: classes[a.value] for n, a in own.items() if a.value in classes}

    def select(self, number: int, *, look: bool = True) -> None:
        """Select an object; the view moves there if ``look``."""
        desk = self._desk
        if number == self.selected:
            return
        self.selected = number
        row = next((r for r in self.rows if r.number == number), None)
        if look and row is not None and desk.image is not None:
            plane = round(row.centre[0]) if len(row.centre) == 3 else None
            look_at(desk, desk.image, plane, row.centre[-2:])
        layer = desk.mirror.layer(desk.image or "", "objects")
        if layer is not None and layer.selected_label != number:
            layer.selected_label = number
        desk.changed.emit()

    # Layer

    def take_up(self) -> None:
        """Take the tool up, or put it down; the objects are shown again."""
        self._put_away = None
        if self._desk.image is not None:
            self._drawn.pop(self._desk.image, None)
        self._desk.tools.toggle("objects")

    def render(self) -> None:
        """Bring table, layer and head in step with the session."""
        desk, here, objects = self._desk, self._desk.here, self.map
        if here is None:
            return
        if objects is None:
            desk.mirror.hide(here[0], "objects")
            if self._drawn.pop(here[0], None) is not None:
                desk.live.render()
            return
        if self._places.answer is None and not self._places.pending:
            self._places.begin(lambda: _counting(objects), lambda _: self._counted())
        self._follow_labels()
        self._draw(here[0], objects)

    def _counted(self) -> None:
        self._desk.changed.emit()

    def _follow_labels(self) -> None:
        """Learn anew, after a rest, once labels of objects have changed."""
        desk, lesson = self._desk, self._lesson()
        if not self._in_use:
            return
        if lesson == self._learned or self.missing is not None:
            if self.prediction is None and not self._predict.pending:
                self._ask_again()
            return
        self._learned = lesson
        desk.runner.later(_REST, "object learn", self.learn)

    def _ask_again(self) -> None:
        """Another image is in hand, or undo was used: ask the head there is."""
        question = self._question()
        waits = self._fit.pending or question == self._asked_last
        if question[0] is not None and not waits:
            self._asked_last = question
            self._desk.runner.later(_REST, "object ask", self.predict)

    def _draw(self, image: str, objects: NDArray[np.int32]) -> None:
        desk, rows = self._desk, self.rows
        now = (Held(objects), rows, desk.classes)
        layer = desk.mirror.layer(image, "objects")
        if layer is None and image in self._drawn and desk.tools.armed != "objects":
            # Its layer was removed by hand.
            self._put_away = Held(objects)
        if now == self._drawn.get(image) or self._put_away == Held(objects):
            return
        self._drawn[image] = now
        desk.show(
            "objects",
            objects,
            None,
            colormap=_colours(rows, self._said(), desk.classes),
            opacity=1.0,
            editable=False,
        )
        made = desk.mirror.layer(image, "objects")
        if made is not None and made != layer:
            made.events.selected_label.connect(self._picked)
            desk.live.set_visible(False)
            desk.labels.outline(True)

    def _picked(self, event: Any) -> None:
        """An object was picked in the layer with napari's own tools."""
        number = int(event.source.selected_label)
        if any(row.number == number for row in self.rows):
            self.select(number, look=False)


def _counting(objects: NDArray[np.int32]) -> Work[Places]:
    def steps() -> Steps[Places]:
        yield Progress(0, 1)
        return places(objects)

    return Work("Counting objects", steps, lambda found: found)


def _rows_of(
    said: dict[int, LabelClass],
    there: Places,
    found: ObjectPrediction | None,
    spacing: tuple[float, ...],
) -> tuple[ObjectRow, ...]:
    facts = {} if found is None else {one.number: one for one in found.objects}
    unit = float(np.prod(spacing))
    rows = []
    for number, pixels, centre in zip(
        there.ids.tolist(), there.pixels.tolist(), there.centres.tolist(), strict=True
    ):
        one = facts.get(number)
        rows.append(
            ObjectRow(
                number,
                pixels * unit,
                tuple(centre),
                said[number].name if number in said else "",
                "" if one is None else one.class_name,
                None if one is None else max(one.probabilities),
            )
        )
    return tuple(rows)


def _colours(
    rows: tuple[ObjectRow, ...],
    said: dict[int, LabelClass],
    classes: tuple[LabelClass, ...],
) -> DirectLabelColormap:
    """Colour each object by its class: what the user said more strongly."""
    by_name = {c.name: np.array(rgb(colour_of(c))) / 255 for c in classes}
    table: dict[int | None, Any] = {None: _UNKNOWN, 0: "transparent"}
    for row in rows:
        name = row.label or row.found
        if name in by_name:
            table[row.number] = (
                *by_name[name],
                _SAID if row.number in said else _FOUND,
            )
    return DirectLabelColormap(color_dict=table)
