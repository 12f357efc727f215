"""Step 6: of which kind is each object."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QLabel, QVBoxLayout, QWidget
from typing_extensions import override

from napari_medfm.bridge.desk import Desk
from napari_medfm.bridge.looks import colour_of
from napari_medfm.widgets.class_list import ClassList
from napari_medfm.widgets.object_table import ObjectTable
from napari_medfm.widgets.parts import Hint, LatePanel, button, combo, row
from napari_medfm.widgets.testing_view import TestingView


class ObjectsPanel(LatePanel):
    """Takes objects, labels some by a click, classifies all, shows and writes them."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._folder = Path.home()
        objects = desk.objects
        self._hint = Hint()
        self._source = combo(
            "Where the objects come from",
            "Outlines that are there already: accepted labels, or a Labels layer with "
            "a number for each object (of a mask, the pieces are the objects). Or all "
            "that the model chosen in step 1 finds by itself.",
        )
        self._take = button(
            "Use these objects",
            "Takes them as the objects to be classified, in place of those there are.",
            self._use,
        )
        self._classes = ClassList()
        self._classes.setEditable(False)
        self._classes.valueChanged.connect(desk.choose_class)
        self._classes.added.connect(desk.add_class)
        self._click = button(
            "Click objects  (O)",
            "Each click gives the object under it to the chosen class; the others "
            "follow by themselves. Alt-click takes the label away. Key: O",
            objects.take_up,
            checkable=True,
        )
        self._only = button(
            "Only select",
            "While on, a click selects the object in the table and labels nothing.",
            self._toggle_only,
            checkable=True,
        )
        self._table = ObjectTable()
        self._table.selected.connect(objects.select)
        self._sources: list[str] = []
        self._make_answer()
        self._lay_out()

    def _make_answer(self) -> None:
        """Make what the objects are classified, accepted, written and tested by."""
        objects = self._desk.objects
        self._learn = button(
            "Learn and classify",
            "Learns from the objects you labelled and classifies all of this image.",
            objects.learn,
        )
        self._accept = button(
            "Make labels",
            "Takes every object into the labels, in its class.",
            objects.accept,
        )
        self._csv = button(
            "Table as CSV…",
            "Writes every object with its class, probabilities, uncertainty, your own "
            "label, and size.",
            self._export,
        )
        self._testing = TestingView(objects.testing)

    def _lay_out(self) -> None:
        self._work = QWidget()
        inside = QVBoxLayout(self._work)
        inside.setContentsMargins(0, 0, 0, 0)
        for part in (
            self._classes,
            row(self._click, self._only),
            self._table,
            self._learn,
            row(self._accept, self._csv),
            self._testing,
        ):
            inside.addWidget(part)
        layout = QVBoxLayout(self)
        layout.setSpacing(8)
        layout.addWidget(self._hint)
        layout.addWidget(self._work)
        layout.addWidget(QLabel("Where the objects come from"))
        layout.addWidget(self._source)
        layout.addWidget(self._take)

    @override
    def show_state(self) -> None:
        """Show the objects and what is known of them."""
        desk, objects = self._desk, self._desk.objects
        titles = [title for title, _ in objects.sources]
        if titles != self._sources:
            self._sources = titles
            self._source.clear()
            self._source.addItems(titles)
        self._take.setEnabled(bool(titles))
        there = objects.map is not None
        self._work.setVisible(there)
        if not there:
            self._hint.setText(
                "This image is too large to classify its objects at once: add the part "
                "that matters as an image of its own."
                if objects.too_large
                else "For outlines that are there already, and the question of which "
                "kind each is. Say where they come from."
            )
            return
        rows = objects.rows
        said: dict[str, int] = {}
        for one in rows:
            said[one.label] = said.get(one.label, 0) + bool(one.label)
        counts = {c.value: said.get(c.name, 0) for c in desk.classes}
        self._classes.setClasses(desk.classes, counts)
        self._classes.setValue(desk.chosen_class.value)
        self._click.setChecked(desk.tools.armed == "objects")
        self._only.setChecked(objects.only_select)
        self._only.setEnabled(desk.tools.armed == "objects")
        self._table.setRows(rows, {c.name: colour_of(c) for c in desk.classes})
        if objects.selected is not None:
            self._table.setValue(objects.selected)
        known = objects.prediction is not None
        missing = objects.missing
        self._hint.setText(
            f"{len(rows)} objects. "
            + (
                f"{missing}."
                if missing is not None
                else "Correct some where it is wrong; sort by “Sure” to find them."
                if known
                else "Learning from the objects you labelled."
                if objects.pending
                else "Press Learn and classify."
            )
        )
        self._learn.setEnabled(missing is None)
        self._accept.setEnabled(known)
        self._csv.setEnabled(known)
        self._testing.setVisible(missing is None)
        self._testing.refresh()

    def _use(self) -> None:
        index = self._source.currentIndex()
        sources = self._desk.objects.sources
        if 0 <= index < len(sources):
            sources[index][1]()

    def _toggle_only(self) -> None:
        objects = self._desk.objects
        objects.only_select = not objects.only_select
        self._desk.changed.emit()

    def _export(self) -> None:
        start = self._folder / self._desk.objects.default_name
        chosen, _ = QFileDialog.getSaveFileName(
            self, "Table of objects", str(start), "Table (*.csv)"
        )
        if chosen:
            self._folder = Path(chosen).parent
            self._desk.objects.export(Path(chosen))
