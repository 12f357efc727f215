"""Step 5: how good it is, where to label next, and what can be mended."""

from __future__ import annotations

from typing import cast

from qtpy.QtCore import QSize
from qtpy.QtWidgets import (
    QCheckBox,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from napari_medfm.bridge.desk import Desk
from napari_medfm.bridge.refinement import WAYS, Subject
from napari_medfm.verbs.doubting import Doubt
from napari_medfm.widgets.class_buttons import ClassButtons
from napari_medfm.widgets.parts import Hint, LatePanel, button, combo, heading, row
from napari_medfm.widgets.rivals_view import RivalsView
from napari_medfm.widgets.testing_view import TestingView

_ROW, _MOST_ROWS = 26, 5


class ReviewPanel(LatePanel):
    """Suggestions, uncertainty, doubtful labels, refinement, report."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.parts = (
            _Next(desk),
            _Doubts(desk),
            _Refine(desk),
            _Quality(desk),
        )
        layout = QVBoxLayout(self)
        layout.setSpacing(6)
        for part in self.parts:
            layout.addWidget(part)

    @override
    def show_state(self) -> None:
        """Show what is known now."""
        for part in self.parts:
            part.refresh()


class _Quality(QWidget):
    """How good the head is, in numbers and on the picture."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._hint = Hint()
        self._testing = TestingView(desk.review.testing)
        self._rivals = RivalsView(desk.review.rivals)
        _fill(self, "How good is it?", self._hint, self._testing, self._rivals)

    def refresh(self) -> None:
        """Show the report, or what is missing for one."""
        desk = self._desk
        missing = desk.live.missing
        self._testing.setVisible(missing is None)
        self._testing.refresh()
        self._rivals.setVisible(missing is None)
        self._rivals.refresh()
        if missing is not None:
            words = f"There is nothing to test yet. {missing}, in step 4."
        elif desk.review.testing.report is None:
            words = "Numbers on labels that it has not seen, never on those it has."
        else:
            words = ""
        self._hint.setText(words)
        self._hint.setVisible(bool(words))


class _Next(QWidget):
    """Leads to the next place worth a label."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._reason = Hint()
        self._go = button(
            "Take me there",
            "Moves the view to a place where a label would help most: one that it "
            "cannot tell, and that is unlike what is labelled.",
            desk.review.suggesting.next,
        )
        self._answers = ClassButtons("Labels the place in the ring as {} and goes on.")
        self._answers.chosen.connect(desk.review.suggesting.label_as)
        self._unsure = QCheckBox("Show where it is unsure")
        self._unsure.setToolTip(
            "<p>Bright places are those where a label would teach it most: it could as "
            "well be another class, and nothing like it is labelled.</p>"
        )
        self._unsure.setAccessibleName("Show where it is unsure")
        self._unsure.toggled.connect(desk.review.show_uncertainty)
        _fill(
            self,
            "Where to label next",
            self._reason,
            self._answers,
            self._go,
            self._unsure,
        )

    def refresh(self) -> None:
        """Show the place in view and what it may be."""
        desk = self._desk
        place = desk.review.suggesting.place
        self._go.setEnabled(desk.session.head is not None)
        self._go.setText("Take me there" if place is None else "Another place")
        self._reason.setText(
            "One label at the right place is worth many elsewhere."
            if place is None
            else f"{place.reason}. What is in the yellow ring?"
        )
        self._answers.setVisible(place is not None)
        if place is not None:
            self._answers.setClasses(desk.classes)
        self._unsure.setEnabled(desk.session.head is not None)
        self._unsure.blockSignals(True)
        self._unsure.setChecked(desk.review.shows_uncertainty)
        self._unsure.blockSignals(False)


class _Doubts(QWidget):
    """The user's own labels that disagree with their neighbours."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._hint = Hint()
        self._search = button(
            "Check my labels",
            "Compares every place you labelled with the places that look most like it, "
            "and lists those labelled otherwise.",
            desk.review.doubting.begin,
        )
        self._list = QListWidget()
        self._list.setAccessibleName("Labels that may be wrong")
        self._list.setToolTip("<p>Click one to look at it.</p>")
        self._list.setUniformItemSizes(True)
        self._list.itemClicked.connect(self._look)
        self._list.itemActivated.connect(self._look)
        self._remove = button(
            "Remove it",
            "Takes the label away. It can be undone.",
            lambda: self._with(desk.review.doubting.remove),
        )
        self._keep = button(
            "It is right",
            "Leaves it as it is and takes it off this list.",
            lambda: self._with(desk.review.doubting.keep),
        )
        self._acts = row(self._remove, self._keep)
        self._doubts: list[Doubt] = []
        _fill(
            self,
            "Labels that may be wrong",
            self._hint,
            self._search,
            self._list,
            self._acts,
        )

    def refresh(self) -> None:
        """Show what is doubtful."""
        desk = self._desk
        doubts = desk.review.doubting.doubts
        self._search.setEnabled(desk.live.missing is None)
        self._hint.setText(
            "A slip of the hand teaches it wrongly: look for labels that disagree with "
            "what looks like them."
            if doubts is None
            else "All labels agree with what looks like them."
            if not doubts
            else "Click one to look at it. It may well be right."
        )
        self._list.setVisible(bool(doubts))
        self._acts.setVisible(bool(doubts))
        if (doubts or []) != self._doubts:
            self._doubts = doubts or []
            self._list.clear()
            for doubt in self._doubts:
                words = f"{doubt.class_name}, looks like {doubt.looks_like}"
                item = QListWidgetItem(f"{words}  ({doubt.share:.0%})")
                item.setToolTip(f"<p>{doubt.image}. {doubt.reason}</p>")
                item.setSizeHint(QSize(0, _ROW))
                self._list.addItem(item)
            rows = min(max(len(self._doubts), 1), _MOST_ROWS)
            self._list.setFixedHeight(_ROW * rows + 6)
        chosen = self._list.currentRow() >= 0
        self._remove.setEnabled(chosen)
        self._keep.setEnabled(chosen)

    def _look(self) -> None:
        self._with(self._desk.review.doubting.show)
        self.refresh()

    def _with(self, act: object) -> None:
        index = self._list.currentRow()
        if 0 <= index < len(self._doubts) and callable(act):
            act(self._doubts[index])


class _Refine(QWidget):
    """Improves what is there: previewed, then accepted or discarded."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        refinement = desk.review.refinement
        self._hint = Hint()
        self._what = combo("What to refine", "What is to be refined.")
        self._how = combo("How to refine it", "In which way.")
        self._what.activated.connect(self._choose)
        for how, title, tip in WAYS:
            self._how.addItem(title, how)
            self._how.setItemData(self._how.count() - 1, tip, 3)
        self._how.activated.connect(self._choose_way)
        self._tip = Hint()
        self._preview = button(
            "Preview",
            "Shows what it would become, in yellow; nothing changes yet.",
            refinement.preview,
        )
        self._accept = button(
            "Accept refined",
            "Takes the refined version into the labels. It can be undone.",
            refinement.accept,
        )
        self._discard = button("Discard", "Leaves all as it was.", refinement.discard)
        self._form = QWidget()
        inside = QVBoxLayout(self._form)
        inside.setContentsMargins(0, 0, 0, 0)
        for part in (
            row(QLabel("What"), self._what),
            row(QLabel("How "), self._how),
            self._tip,
            self._preview,
        ):
            inside.addWidget(part)
        self._acts = row(self._accept, self._discard)
        self._offered: object = None
        _fill(self, "Refine", self._hint, self._form, self._acts)

    def refresh(self) -> None:
        """Show what there is to refine, and the preview."""
        refinement = self._desk.review.refinement
        subjects = refinement.subjects
        if subjects != self._offered:
            self._offered = subjects
            self._what.clear()
            for subject, words in subjects.items():
                self._what.addItem(words, subject)
        self._what.setCurrentIndex(max(self._what.findData(refinement.subject), 0))
        self._how.setCurrentIndex(max(self._how.findData(refinement.how), 0))
        self._tip.setText(str(self._how.currentData(3)))
        self._form.setVisible(bool(subjects))
        found = refinement.found is not None
        self._acts.setVisible(found)
        words = (
            f"Yellow, or filled, is the refined version. {refinement.moved}"
            if found
            else ""
            if subjects
            else "Outline an object, or let it predict, and its edges, crumbs and "
            "touching objects can be mended here."
        )
        self._hint.setText(words)
        self._hint.setVisible(bool(words))

    def _choose(self) -> None:
        self._desk.review.refinement.choose(cast("Subject", self._what.currentData()))

    def _choose_way(self) -> None:
        refinement = self._desk.review.refinement
        refinement.how = self._how.currentData()
        refinement.discard()


def _fill(widget: QWidget, title: str, *parts: QWidget) -> None:
    layout = QVBoxLayout(widget)
    layout.setContentsMargins(0, 4, 0, 4)
    layout.setSpacing(6)
    for part in (heading(title), *parts):
        layout.addWidget(part)
