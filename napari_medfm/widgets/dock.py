"""The dock widget: one way down from the models to the files."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget
from typing_extensions import override

from napari_medfm.bridge.desk import Desk
from napari_medfm.bridge.finding import desk_of
from napari_medfm.session import Session
from napari_medfm.widgets.batch_panel import BatchPanel
from napari_medfm.widgets.closing import Closing
from napari_medfm.widgets.draft_offer import DraftOffer
from napari_medfm.widgets.export_panel import ExportPanel
from napari_medfm.widgets.header import Header
from napari_medfm.widgets.images_panel import ImagesPanel
from napari_medfm.widgets.label_panel import LabelPanel
from napari_medfm.widgets.missing_models import MissingModels
from napari_medfm.widgets.model_panel import ModelPanel
from napari_medfm.widgets.objects_panel import ObjectsPanel
from napari_medfm.widgets.parts import Section, bring_into_view, connect
from napari_medfm.widgets.prompt_panel import PromptPanel
from napari_medfm.widgets.review_panel import ReviewPanel
from napari_medfm.widgets.runner import QtRunner
from napari_medfm.widgets.settings import session_from_settings
from napari_medfm.widgets.similar_panel import SimilarPanel
from napari_medfm.widgets.status import Status

if TYPE_CHECKING:
    import napari

_WIDTH = 360
_STEPS: dict[str, tuple[Callable[[Desk], Any], str]] = {
    "Models": (ModelPanel, "Which models see the image and outline objects"),
    "Similar": (SimilarPanel, "Click something: all that looks like it lights up"),
    "Prompt": (PromptPanel, "Outline one object by a box or by clicks"),
    "Label": (LabelPanel, "Teach classes by examples; every pixel is classified"),
    "Review": (ReviewPanel, "Where to label next, what may be wrong, how good it is"),
    "Objects": (ObjectsPanel, "Classify outlines that are there: nuclei, lesions"),
    "Images": (ImagesPanel, "Classify whole images, or the planes of a volume"),
    "Export": (ExportPanel, "Write masks and heads, or read labels of others"),
    "Batch": (BatchPanel, "Apply a head to many images"),
}


class MedfmWidget(QWidget):
    """Everything in one dock; a viewer has one desk, however often this is opened.

    Parameters
    ----------
    viewer
        The napari viewer.
    session
        The session to work on; a new one with the user's preferences if None.
    """

    def __init__(
        self, viewer: napari.viewer.Viewer, session: Session | None = None
    ) -> None:
        super().__init__()
        desk = desk_of(viewer)
        if desk is None:
            desk = Desk(viewer, session or session_from_settings(), QtRunner())
        self.setMinimumWidth(_WIDTH)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(6, 4, 6, 6)
        self._layout.setSpacing(6)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self.refresh)
        self.destroyed.connect(partial(_put_down, viewer))
        self._closing = Closing(self, viewer)
        self._furnish(desk)
        self.open_section("Similar" if desk.image else "Models")

    def _furnish(self, desk: Desk) -> None:
        """Make all parts anew, for a desk that is new or took another's place."""
        self.desk = desk
        self.runner: QtRunner = desk.runner  # type: ignore[assignment]
        self.header = Header(desk)
        self.offer = DraftOffer(desk)
        self.missing = MissingModels(desk)
        self.status = Status(desk, self.runner)
        self.panels: dict[str, Any] = {
            title: panel(desk) for title, (panel, _) in _STEPS.items()
        }
        self.sections = {
            title: Section(number, title, panel, _STEPS[title][1])
            for number, (title, panel) in enumerate(self.panels.items(), 1)
        }
        self._lay_out()
        self.header.section_wanted.connect(self.open_section)
        for title, section in self.sections.items():
            section.opened.connect(partial(self.open_section, title))
        connect(self, desk.changed, self._later)
        connect(self, desk.replaced, self._exchange)
        self.refresh()

    def _exchange(self, desk: Desk) -> None:
        """Serve the desk that took the place of the one before."""
        opened = next((t for t, s in self.sections.items() if s.is_open), "Models")
        while (item := self._layout.takeAt(0)) is not None:
            part = item.widget()
            if part is not None:
                part.hide()
                part.deleteLater()
        self._furnish(desk)
        self.open_section(opened)

    def _lay_out(self) -> None:
        way = QWidget()
        inside = QVBoxLayout(way)
        inside.setContentsMargins(0, 0, 4, 0)
        inside.setSpacing(4)
        for section in self.sections.values():
            inside.addWidget(section)
        inside.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(way)
        self._layout.addWidget(self.header)
        self._layout.addWidget(self.offer)
        self._layout.addWidget(self.missing)
        self._layout.addWidget(scroll, 1)
        self._layout.addWidget(self.status)

    @override
    def showEvent(self, event: QShowEvent | None) -> None:
        """Watch the window that it is shown in: now somebody may work here."""
        super().showEvent(event)
        self._closing.watch(self)
        if not self.desk.drafts.is_keeping:
            self.desk.drafts.keep()
            self.desk.drafts.look()

    def open_section(self, title: str) -> None:
        """Open one step and close the others."""
        for name, section in self.sections.items():
            section.set_open(name == title)
            if name == title:
                bring_into_view(section)

    def refresh(self) -> None:
        """Bring all parts in step with the desk."""
        self.header.refresh()
        self.offer.refresh()
        self.missing.refresh()
        for panel in self.panels.values():
            panel.refresh()

    def _later(self) -> None:
        self._soon.start()


def _put_down(viewer: Any) -> None:
    """The dock is gone: stop working, give the mouse back, keep the session."""
    desk = desk_of(viewer)
    if desk is not None:
        desk.tools.disarm()
        desk.runner.cancel()
