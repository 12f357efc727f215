"""Many objects at once: how they are found, and what becomes of them."""

from __future__ import annotations

from qtpy.QtWidgets import QLineEdit, QVBoxLayout
from typing_extensions import override

from napari_medfm.bridge.desk import Desk
from napari_medfm.bridge.many import Way
from napari_medfm.widgets.parts import Hint, LatePanel, button, combo, heading, row


class ManyView(LatePanel):
    """Asks for many objects; drops, takes or classifies those that were found."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        many = desk.many
        self._titles: list[str] = []
        self._way = combo(
            "What to find",
            "Which objects of this plane are outlined, all at once. With an outline in "
            "hand: all that look like it. With a trained class: all of that class.",
        )
        self._picked = ""
        self._way.textActivated.connect(self._pick)
        self._words = QLineEdit()
        self._words.setAccessibleName("What to find, in words")
        self._words.setPlaceholderText("cell nucleus")
        self._words.setToolTip(
            "<p>What is meant, a few words in the singular. An outline in hand is an "
            "example. Press Enter to look.</p>"
        )
        self._words.returnPressed.connect(self._find)
        self._find_button = button(
            "Find them",
            "Outlines them on the plane on screen. Nothing is labelled before you have "
            "seen them.",
            self._find,
        )
        self._hint = Hint()
        self._tool = button(
            "Drop or keep",
            "While on, a click on an object that was found drops it, and a second "
            "click brings it back.",
            lambda: desk.tools.toggle("found"),
            checkable=True,
        )
        self._accept = button(
            "Make labels  (Enter)",
            "Takes all that are kept into the labels, as the class chosen in step 4.",
            many.accept,
        )
        self._classify = button(
            "Classify them",
            "Takes all that are kept to step 6, where each gets a class of its own.",
            many.classify,
        )
        self._aside = button(
            "Put aside", "Forgets what was found; labels stay.", many.put_aside
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        for part in (
            heading("Many at once"),
            self._way,
            self._words,
            self._find_button,
            self._hint,
            row(self._accept, self._classify),
            row(self._tool, self._aside),
        ):
            layout.addWidget(part)

    @override
    def show_state(self) -> None:
        """Show which ways there are, and what was found."""
        many = self._desk.many
        titles = [way.title for way in many.ways]
        if titles != self._titles:
            self._show_ways(titles)
        self._show_words()
        self._find_button.setEnabled(self._desk.here is not None and not many.pending)
        there = many.found is not None
        for part in (
            self._hint,
            self._accept,
            self._classify,
            self._tool,
            self._aside,
        ):
            part.setVisible(there)
        self._tool.setChecked(self._desk.tools.armed == "found")
        self._accept.setEnabled(many.count > 0)
        self._classify.setEnabled(many.count > 0)
        if there:
            dropped = len(many.dropped)
            self._hint.setText(
                f"{many.count} of {many.count + dropped} kept. Click one that is wrong "
                "to drop it."
            )

    def _show_ways(self, titles: list[str]) -> None:
        """Offer the ways; the one that was picked stays, if it is open."""
        self._titles = titles
        self._way.clear()
        self._way.addItems(titles)
        if self._picked in titles:
            self._way.setCurrentText(self._picked)

    def _pick(self, title: str) -> None:
        self._picked = title
        self._show_words()

    @property
    def _chosen(self) -> Way | None:
        ways = {way.title: way for way in self._desk.many.ways}
        return ways.get(self._way.currentText())

    def _show_words(self) -> None:
        way = self._chosen
        self._words.setVisible(way is not None and way.needs_words)

    def _find(self) -> None:
        way = self._chosen
        if way is not None:
            self._desk.many.find(way, self._words.text())
