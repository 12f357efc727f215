"""Whole images, or the planes of a volume, on the desk: labels, head, order."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_medfm.bridge.asking import Ask
from napari_medfm.bridge.onview import show_alone
from napari_medfm.bridge.testing import Testing
from napari_medfm.core.errors import MedfmError
from napari_medfm.core.image import Image
from napari_medfm.core.jobs import Progress, Steps, Work
from napari_medfm.core.labels import LabelClass
from napari_medfm.engine.thumbnails import thumbnail
from napari_medfm.verbs.ranking import ImageRow

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk

Scope = Literal["images", "planes"]
Order = str
"""As "given" (by name), "unsure", "similar", or a class's name after "class "."""
RECIPES: tuple[tuple[str, str, str], ...] = (
    ("logistic", "linear", "On the mean of all parts. The safest with few labels."),
    ("knn", "nearest images", "What the three most similar labelled images say."),
    (
        "abmil",
        "attention to parts",
        "Finds which parts count (ABMIL). It needs some tens of images.",
    ),
    ("auto", "the best on labels left out", "Weighs the three above, and keeps one."),
)
_SIZE = 96
_AT_ONCE = 16


@dataclass(frozen=True)
class Item:
    """One picture of the contact sheet."""

    image: str
    uid: int
    plane: int | None

    @property
    def title(self) -> str:
        """What is written below it."""
        return self.image if self.plane is None else f"plane {self.plane + 1}"


Thumbs = dict[Item, NDArray[np.uint8]]


class Images:
    """Keeps the contact sheet: what is on it, in which order, and what is known."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.testing = Testing(desk, "image")
        self.recipe = "logistic"
        self.order: Order = "given"
        self._scope: Scope | None = None
        self._like: Item | None = None
        self.thumbs: Thumbs = {}
        self._paint: Ask[Thumbs] = Ask(desk, "thumbnails", lambda: self.items)
        self._fit: Ask[Any] = Ask(desk, "image fit", self._lesson)
        self._rank: Ask[list[ImageRow]] = Ask(desk, "image rank", self._question)
        self._file: Ask[Path] = Ask(desk, "image table", lambda: None)

    # What is on the sheet

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """What can be classified: several images, the planes of the volume in hand."""
        source = self._desk.source
        found: list[Scope] = []
        if self._desk.session.images:
            found.append("images")
        if source is not None and source.n_planes > 1:
            found.append("planes")
        return tuple(found)

    @property
    def scope(self) -> Scope:
        """What the sheet shows; planes if there is one volume and nothing else."""
        there = self.scopes
        if self._scope in there:
            return self._scope
        alone = len(self._desk.session.images) == 1
        return "planes" if alone and "planes" in there else "images"

    def choose(self, scope: Scope) -> None:
        """Show images, or planes."""
        self._scope, self._like = scope, None
        self.order = "given"
        self._desk.changed.emit()

    @property
    def items(self) -> tuple[Item, ...]:
        """The images by name, or the planes."""
        source = self._desk.source
        if self.scope == "planes" and source is not None:
            planes = range(source.n_planes)
            return tuple(Item(source.name, source.uid, plane) for plane in planes)
        images = sorted(self._desk.session.images.values(), key=_by_number)
        return tuple(Item(image.name, image.uid, None) for image in images)

    @property
    def sheet(self) -> tuple[Item, ...]:
        """The items in the order chosen; what nothing is known of comes last."""
        items, facts = self.items, self.facts
        key = self._key()
        if key is None:
            return items
        known = [item for item in items if item in facts]
        rest = [item for item in items if item not in facts]
        return (*sorted(known, key=lambda item: key(facts[item])), *rest)

    def _key(self) -> Callable[[ImageRow], float] | None:
        if self.order == "unsure":
            return lambda row: -(row.uncertainty or 0)
        if self.order == "similar":
            return lambda row: -(-1 if row.similarity is None else row.similarity)
        name = self.order.removeprefix("class ")
        if name != self.order:
            return lambda row: -row.probabilities.get(name, 0)
        return None

    @property
    def unread(self) -> int:
        """How many Image layers of the viewer are not on the sheet yet."""
        binding = self._desk.binding
        layers = self._desk.choices()
        return sum(binding.name_of(layer) is None for layer in layers)

    def add_layers(self) -> None:
        """Add every Image layer of the viewer that can be used to the session."""
        desk, refused = self._desk, []
        for layer in desk.choices():
            try:
                desk.binding.bind(layer)
            except MedfmError as problem:
                refused.append(str(problem))
        desk.render()
        if refused:
            desk.complain(refused[0])
        else:
            desk.say(f"{len(self.items)} on the sheet")

    def fill(self) -> None:
        """Make the pictures that are missing, some at a time."""
        missing = [item for item in self.sheet if item not in self.thumbs]
        if not missing or self._paint.pending:
            return
        images = self._desk.session.images
        wanted = [(item, images[item.image]) for item in missing[:_AT_ONCE]]
        self._paint.begin(
            lambda: _painting(wanted), self._painted, failed=self._stopped
        )

    def _painted(self, found: Thumbs) -> None:
        there = set(self.items)
        kept = {item: t for item, t in self.thumbs.items() if item in there}
        self.thumbs = {**kept, **found}
        self._desk.changed.emit()

    def _stopped(self, error: BaseException) -> None:
        """A picture cannot be read, or the user cancelled: show it as grey."""
        blank = np.full((_SIZE, _SIZE, 3), 128, np.uint8)
        missing = [item for item in self.sheet if item not in self.thumbs]
        self.thumbs |= dict.fromkeys(missing, blank)
        self._desk.complain(error)
        self._desk.changed.emit()

    def show(self, item: Item) -> None:
        """Bring an image, or a plane, into the viewer."""
        desk = self._desk
        layer = desk.binding.layer(item.image) if item in self.items else None
        if layer is None:
            desk.say(f"{item.image!r} is not in the viewer")
            return
        desk.viewer.layers.selection.active = layer
        desk.choose_layer(layer)
        show_alone(desk, item.image)
        if item.plane is not None:
            axis = desk.viewer.dims.ndim - layer.ndim
            world = layer.data_to_world((item.plane, 0, 0))
            desk.viewer.dims.set_point(axis, float(world[0]))

    # Labels

    @property
    def said(self) -> dict[Item, LabelClass]:
        """What the user said of each."""
        desk = self._desk
        classes = {c.value: c for c in desk.classes}
        own = {
            (a.image, a.plane): classes[a.value]
            for a in desk.session.annotations
            if a.level == "image" and a.value in classes
        }
        keys = {item: (item.image, item.plane) for item in self.items}
        return {item: own[key] for item, key in keys.items() if key in own}

    def label(self, items: Sequence[Item], value: int) -> None:
        """Give images or planes to a class."""
        desk = self._desk
        name = next((c.name for c in desk.classes if c.value == value), None)
        if name is None:
            desk.say(f"There is no class {value}: add it in step 4")
            return
        for item in items:
            said = desk.act(
                lambda item=item: desk.session.annotate_image(
                    item.image, name, item.plane
                )
            )
            if not said:
                return
        if items:
            what = items[0].title if len(items) == 1 else f"{len(items)} of them"
            desk.say(f"Labelled {what} as {name}. {self.missing or ''}".strip())

    def unlabel(self, items: Sequence[Item]) -> None:
        """Take labels of images or planes away."""
        desk = self._desk
        places = {(item.image, item.plane) for item in items}
        for a in desk.session.annotations:
            if a.level == "image" and (a.image, a.plane) in places:
                desk.act(lambda a=a: desk.session.remove(a.id))

    @property
    def missing(self) -> str | None:
        """What is still needed before a head can be trained; None if nothing is."""
        desk = self._desk
        said = {a.value for a in desk.session.annotations if a.level == "image"}
        if len(desk.classes) < 2:
            return "Add a class or two in step 4, for example “malignant”"
        if len(said) >= 2:
            return None
        if not said:
            return "Select one below and press its class"
        return "Now label a few of another class"

    # Head

    def _lesson(self) -> tuple[Any, ...]:
        session = self._desk.session
        own = tuple(a.id for a in session.annotations if a.level == "image")
        return own, session.workspace.encoder

    def _question(self) -> tuple[Any, ...]:
        session = self._desk.session
        head = session.labelling.heads.get("image")
        return head, self.items, session.workspace.encoder

    def learn(self) -> None:
        """Train on the labelled images or planes, and ask about all of the sheet."""
        desk, recipe = self._desk, self.recipe
        if self.missing is not None:
            desk.say(self.missing)
            return
        self._fit.begin(
            lambda: desk.session.fit.work(recipe, "image"),
            lambda _: self._learned(),
            late=lambda: desk.say("The labels changed meanwhile: learn once more"),
        )

    def _learned(self) -> None:
        if self.order == "given":
            self.order = "unsure"
        self._ask_all(None)

    def sort(self, order: Order) -> None:
        """Put the sheet into another order; asks the head where it is needed."""
        self.order = order
        asks = order == "unsure" or order.startswith("class ")
        there = "image" in self._desk.session.labelling.heads
        if asks and there and not self.facts:
            self._ask_all(None)
        self._desk.changed.emit()

    def sort_like(self, item: Item) -> None:
        """Put what looks like an image or plane first; needs no head."""
        self.order = "similar"
        self._ask_all(item)

    def _ask_all(self, like: Item | None) -> None:
        desk, source = self._desk, self._desk.source
        session = desk.session
        volume = source.name if self.scope == "planes" and source else None
        self._like = like
        given = None if like is None else like.plane
        near = None if like is None else (like.image if volume is None else given)
        by: Literal["uncertainty", "similarity"] = (
            "uncertainty" if like is None else "similarity"
        )
        self._rank.begin(
            lambda: session.rank_images.work(by, near, None, volume),
            lambda _: self._told(),
            late=lambda: desk.say("Something changed meanwhile: sort once more"),
        )
        desk.changed.emit()

    def _told(self) -> None:
        words = (
            "All are classified; the least sure come first"
            if self._like is None
            else f"What looks like {self._like.title} comes first"
        )
        self._desk.say(words)
        self._desk.changed.emit()

    @property
    def facts(self) -> dict[Item, ImageRow]:
        """What the head says, and likeness, of each; empty where nothing was asked."""
        rows = self._rank.answer
        if rows is None:
            return {}
        items = {(item.image, item.plane): item for item in self.items}
        return {items[row.image, row.plane]: row for row in rows}

    @property
    def pending(self) -> bool:
        """Whether a head or its answer is under way."""
        return self._fit.pending or self._rank.pending

    @property
    def default_name(self) -> str:
        """A file name for the table."""
        return "planes.csv" if self.scope == "planes" else "images.csv"

    def export(self, path: Path) -> None:
        """Write what the head says of all on the sheet."""
        desk, source = self._desk, self._desk.source
        if path.suffix.lower() != ".csv":
            path = path.with_name(f"{path.name}.csv")
        volume = source.name if self.scope == "planes" and source else None
        self._file.begin(
            lambda: desk.session.export_predictions.work(path, "image", None, volume),
            lambda written: desk.say(f"Written: {written}"),
        )


def _by_number(image: Image) -> list[tuple[int, str]]:
    """Order names as people do: a2 before a10."""
    parts = re.split(r"(\d+)", image.name)
    return [(int(p) if p.isdecimal() else -1, p) for p in parts]


def _painting(wanted: Sequence[tuple[Item, Image]]) -> Work[Thumbs]:
    def steps() -> Steps[Thumbs]:
        found = {}
        for done, (item, image) in enumerate(wanted):
            yield Progress(done, len(wanted), item.title)
            plane = image.n_planes // 2 if item.plane is None else item.plane
            found[item] = thumbnail(image, plane, _SIZE)
        return found

    return Work("Drawing the contact sheet", steps, lambda found: found)
