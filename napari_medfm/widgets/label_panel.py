"""Step 4: teach your own classes with a few marks."""

from __future__ import annotations

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from napari_medfm.bridge.classes import ClassEditing
from napari_medfm.bridge.desk import Desk
from napari_medfm.bridge.tools import MARKING
from napari_medfm.widgets.class_list import ClassList
from napari_medfm.widgets.mark_list import MarkList
from napari_medfm.widgets.parts import Hint, LabelledSlider, button, row

_REST_MS = 120


class LabelPanel(QWidget):
    """Classes, marking tools, the live answer, its threshold and its acceptance."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._hint = Hint()
        self._classes = ClassList()
        self._classes.valueChanged.connect(desk.choose_class)
        self._classes.added.connect(desk.add_class)
        editing = ClassEditing(desk)
        self._classes.renamed.connect(editing.rename)
        self._classes.recoloured.connect(editing.recolour)
        self._classes.merged.connect(editing.merge)
        self._classes.deleted.connect(editing.delete)
        self._marks = MarkList(desk, editing)
        self._make_tools()
        self._make_answer()
        layout = QVBoxLayout(self)
        layout.setSpacing(8)
        for part in (
            self._hint,
            self._classes,
            self._click,
            row(self._brush, self._lasso),
            self._size,
            self._verdict,
            self._threshold,
            self._keep,
            self._accept,
            self._all,
            row(self._ignore, self._doubt),
            self._marks,
            self._rest,
        ):
            layout.addWidget(part)

    def _make_tools(self) -> None:
        """Make what marks are made with."""
        desk = self._desk
        self._ignore = button(
            "Ignore here",
            "While on, clicks and strokes mark places that teach nothing, whatever "
            "else was said of them: artefacts, borders in doubt.",
            lambda: desk.marking.ignore(self._ignore.isChecked()),
            checkable=True,
        )
        self._doubt = button(
            "Only probably",
            "While on, clicks and strokes say what a place probably is: they count a "
            "quarter, and nothing is tested on them.",
            lambda: desk.marking.doubt(self._doubt.isChecked()),
            checkable=True,
        )
        self._rest = button(
            "The rest is probably background",
            "Spreads faint examples of background over this plane, where no label is "
            "near. They count a tenth: what you mark outweighs them.",
            desk.marking.rest,
        )
        self._click = button(
            "Click examples  (E)",
            "Each click is one example of the chosen class; the prediction follows by "
            "itself. Alt-click takes the nearest example away. Key: E",
            lambda: desk.tools.toggle("examples"),
            checkable=True,
        )
        self._brush = button(
            "Brush  (D)",
            "Paint over what belongs to the chosen class. A short stroke is enough. "
            "Key: D",
            lambda: desk.tools.toggle("brush"),
            checkable=True,
        )
        self._lasso = button(
            "Lasso  (L)",
            "Draw around an area: all inside is the chosen class. Key: L",
            lambda: desk.tools.toggle("lasso"),
            checkable=True,
        )
        self._size = LabelledSlider(
            "Brush size", "Radius of the brush, in pixels.", lambda v: f"{v:.0f} px"
        )
        self._size.setRange(1, 40)
        self._size.valueChanged.connect(self._resize)

    def _make_answer(self) -> None:
        """Make what the live answer is judged, moved and accepted by."""
        desk = self._desk
        self._verdict = Hint()
        self._threshold = LabelledSlider(
            "How sure it must be",
            "To the right, fewer pixels count as the chosen class. It holds for this "
            "image only.",
            lambda v: f"{v:.0%}",
        )
        self._threshold.setRange(0.02, 0.98)
        self._threshold.valueChanged.connect(self._move)
        self._moving = QTimer(self)
        self._moving.setSingleShot(True)
        self._moving.setInterval(_REST_MS)
        self._moving.timeout.connect(self._set_threshold)
        self._accept = button(
            "Accept prediction  (Enter)",
            "Takes the prediction into the labels: the plane on screen, or all planes "
            "once all are predicted. There you can correct it with napari's own tools.",
            desk.live.accept,
        )
        self._keep = QCheckBox("Keep what I accepted by hand")
        self._keep.setToolTip(
            "<p>Outlines, painted corrections and erasures that you accepted stay as "
            "they are; the prediction fills the rest. Without it, the prediction "
            "replaces them.</p>"
        )
        self._keep.setAccessibleName("Keep what I accepted by hand")
        self._keep.toggled.connect(self._keep_changed)
        self._all = button(
            "Predict all planes",
            "Applies what it learned to every plane of the volume, or to the whole of "
            "a slide. You can work on meanwhile, and cancel; what is done is kept.",
            desk.live.predict_all,
        )

    def refresh(self) -> None:
        """Show classes, counts and the head."""
        desk, live = self._desk, self._desk.live
        self._classes.setClasses(desk.classes, desk.marking.counts)
        chosen = desk.chosen_class
        self._classes.setValue(chosen.value)
        armed = desk.tools.armed
        self._click.setChecked(armed == "examples")
        self._brush.setChecked(armed == "brush")
        self._lasso.setChecked(armed == "lasso")
        self._ignore.setChecked(desk.marking.ignores)
        self._ignore.setVisible(armed in MARKING or desk.marking.ignores)
        self._doubt.setChecked(desk.marking.doubts)
        self._doubt.setVisible(armed in MARKING or desk.marking.doubts)
        self._rest.setEnabled(desk.marking.any)
        self._marks.refresh()
        self._size.setVisible(armed == "brush")
        self._size.setValue(desk.marking.radius)
        missing = live.missing
        has_head = desk.session.head is not None
        if has_head:
            self._hint.setText(
                "Correct it where it is wrong: a click there helps more than ten "
                "elsewhere."
            )
        else:
            self._hint.setText(
                f"{missing or 'Learning from your marks'}. Two classes with a few "
                "marks each are enough; background is one of them."
            )
        self._verdict.setText(live.verdict)
        self._verdict.setVisible(has_head and bool(live.verdict))
        predicted = live.prediction is not None
        self._threshold.setVisible(predicted and chosen.value > 0)
        if predicted:
            self._threshold.setName(f"How sure it must be of {chosen.name}")
            if not self._moving.isActive():
                self._threshold.setValue(live.threshold(chosen.name))
        self._accept.setVisible(predicted)
        self._keep.setVisible(predicted and live.against_hand)
        self._keep.setChecked(live.keep_by_hand)
        volume = desk.source is not None and desk.source.ndim == 3
        slide = desk.view.large is not None
        self._all.setVisible(predicted and (volume or slide) and not live.whole)
        self._all.setText("Predict the whole slide" if slide else "Predict all planes")

    def _move(self) -> None:
        self._moving.start()

    def _set_threshold(self) -> None:
        name = self._desk.chosen_class.name
        self._desk.live.set_threshold(name, self._threshold.value())

    def _keep_changed(self, keep: bool) -> None:
        self._desk.live.keep_by_hand = keep

    def _resize(self, radius: float) -> None:
        self._desk.marking.radius = round(radius)
