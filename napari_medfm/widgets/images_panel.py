"""Step 7: of which kind is a whole image, or a plane."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QComboBox, QFileDialog, QLabel, QVBoxLayout
from typing_extensions import override

from napari_medfm.bridge.desk import Desk
from napari_medfm.bridge.images import RECIPES, Item
from napari_medfm.bridge.looks import colour_of
from napari_medfm.widgets.class_buttons import ClassButtons
from napari_medfm.widgets.contact_sheet import Card, ContactSheet
from napari_medfm.widgets.parts import Hint, LatePanel, button, combo, row
from napari_medfm.widgets.testing_view import TestingView

_SCOPES = {"images": "Images", "planes": "Planes of this volume"}


class ImagesPanel(LatePanel):
    """A contact sheet to label from, a head for images, orders, and a table."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._folder = Path.home()
        images = desk.images
        self._hint = Hint()
        self._scope = combo(
            "What is classified",
            "Whole images of this session, or the planes of the volume in hand.",
        )
        self._scope.activated.connect(lambda: images.choose(self._scope.currentData()))
        self._order = combo(
            "Order of the sheet",
            "The least sure first is where a label helps most. Orders by the head "
            "need one: learn first.",
        )
        self._order.activated.connect(lambda: images.sort(self._order.currentData()))
        self._add = button(
            "Add all layers",
            "Adds every Image layer of the viewer to the sheet.",
            images.add_layers,
        )
        self._sheet = ContactSheet()
        self._sheet.labelled.connect(self._label)
        self._sheet.cleared.connect(lambda: images.unlabel(self._selected()))
        self._sheet.opened.connect(self._open)
        self._sheet.selectionMoved.connect(self._enable)
        self._classes = ClassButtons("Labels the selected as {}.")
        self._classes.chosen.connect(self._label)
        self._items: tuple[Item, ...] = ()
        self._make_answer()
        self._lay_out()

    def _make_answer(self) -> None:
        """Make what is learned, sorted, written and tested by."""
        images = self._desk.images
        self._like = button(
            "Sort by likeness",
            "Puts those first that look like the one selected. Needs no labels.",
            self._sort_like,
        )
        self._recipe = combo("How it learns", "Which head is trained.")
        for name, title, tip in RECIPES:
            self._recipe.addItem(title, name)
            self._recipe.setItemData(self._recipe.count() - 1, tip, 3)
        self._recipe.activated.connect(self._choose_recipe)
        self._learn = button(
            "Learn and classify",
            "Learns from those you labelled and classifies all of the sheet. Each "
            "image has to be read once; Cancel at the bottom stops it.",
            images.learn,
        )
        self._csv = button(
            "Table as CSV…",
            "Writes each with its class, probabilities, uncertainty and your own "
            "label, the least sure first.",
            self._export,
        )
        self._testing = TestingView(images.testing)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setSpacing(8)
        for part in (
            self._hint,
            row(QLabel("Show"), self._scope),
            row(QLabel("Order"), self._order),
            self._add,
            self._sheet,
            self._classes,
            row(QLabel("Head"), self._recipe),
            self._learn,
            row(self._like, self._csv),
            self._testing,
        ):
            layout.addWidget(part)

    @override
    def show_state(self) -> None:
        """Show the sheet and what is known of it."""
        desk, images = self._desk, self._desk.images
        _offer(self._scope, [(s, _SCOPES[s]) for s in images.scopes])
        self._scope.setCurrentIndex(max(self._scope.findData(images.scope), 0))
        facts = images.facts
        self._offer_orders(bool(facts))
        self._add.setVisible(images.unread > 0)
        self._add.setText(f"Add {images.unread} more from the viewer")
        self._show_sheet()
        images.fill()
        self._classes.setClasses(desk.classes)
        self._recipe.setCurrentIndex(max(self._recipe.findData(images.recipe), 0))
        missing = images.missing
        head = "image" in desk.session.labelling.heads
        self._learn.setEnabled(missing is None and not images.pending)
        self._csv.setEnabled(head and not images.pending)
        self._testing.setVisible(missing is None)
        self._testing.refresh()
        self._hint.setText(
            f"{missing}. A label is about the whole of it, not a place in it."
            if missing is not None
            else "Thick frames are your labels, thin ones what it found."
            if facts
            else "Label a few of each class, then press Learn and classify."
        )
        self._enable()

    def _offer_orders(self, known: bool) -> None:
        images = self._desk.images
        offered = [("given", "by name")]
        if known or "image" in self._desk.session.labelling.heads:
            head = self._desk.session.labelling.heads.get("image")
            names = [] if head is None else [c.name for c in head.classes]
            offered.append(("unsure", "least sure first"))
            offered += [(f"class {name}", f"most {name} first") for name in names]
        if images.order == "similar":
            offered.append(("similar", "most alike first"))
        _offer(self._order, offered)
        self._order.setCurrentIndex(max(self._order.findData(images.order), 0))

    def _show_sheet(self) -> None:
        images = self._desk.images
        chosen = set(self._selected())
        items = images.sheet
        said, facts = images.said, images.facts
        colours = {c.name: colour_of(c) for c in self._desk.classes}
        cards = []
        for item in items:
            label, fact = said.get(item), facts.get(item)
            found = "" if fact is None else fact.class_name
            chance = 0.0 if fact is None else fact.probabilities.get(found, 0.0)
            told = f"{chance:.0%} {found}" if found else ""
            if fact is not None and images.order == "similar":
                told = f"alike {fact.similarity or 0:.2f}"
            own = "" if label is None else label.name
            cards.append(
                Card(
                    picture=images.thumbs.get(item),
                    title=item.title,
                    below=told or own,
                    said=colours.get(own, ""),
                    found=colours.get(found, ""),
                    tip=f"{item.title}. Yours: {own or 'no label'}. "
                    f"Found: {found or 'nothing yet'}.",
                )
            )
        self._sheet.setCards(cards)
        if items != self._items:
            self._items = items
            self._sheet.select([k for k, x in enumerate(items) if x in chosen])

    def _selected(self) -> list[Item]:
        there = self._sheet.selected()
        return [self._items[k] for k in there if k < len(self._items)]

    def _enable(self) -> None:
        chosen = self._selected()
        self._classes.setEnabled(bool(chosen))
        self._like.setEnabled(len(chosen) == 1 and not self._desk.images.pending)

    def _label(self, value: int) -> None:
        self._desk.images.label(self._selected(), value)

    def _open(self, place: int) -> None:
        if place < len(self._items):
            self._desk.images.show(self._items[place])

    def _sort_like(self) -> None:
        chosen = self._selected()
        if len(chosen) == 1:
            self._desk.images.sort_like(chosen[0])

    def _choose_recipe(self) -> None:
        self._desk.images.recipe = str(self._recipe.currentData())

    def _export(self) -> None:
        start = self._folder / self._desk.images.default_name
        chosen, _ = QFileDialog.getSaveFileName(
            self, "Table of images", str(start), "Table (*.csv)"
        )
        if chosen:
            self._folder = Path(chosen).parent
            self._desk.images.export(Path(chosen))


def _offer(box: QComboBox, wanted: list[tuple[str, str]]) -> None:
    """Fill a box, if it holds something else."""
    shown = [(box.itemData(k), box.itemText(k)) for k in range(box.count())]
    if shown != wanted:
        box.clear()
        for data, text in wanted:
            box.addItem(text, data)
