"""The project: a menu, and how safe the work is, in words."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtGui import QAction, QKeySequence
from qtpy.QtWidgets import QHBoxLayout, QMenu, QWidget

from napari_medfm.bridge.desk import Desk
from napari_medfm.project.layout import SUFFIX
from napari_medfm.widgets.dialogs import QtDialogs
from napari_medfm.widgets.parts import Hint, button, offer


class ProjectMenu(QWidget):
    """New, open and save projects; says what is not saved.

    Parameters
    ----------
    preferences
        Opens the page of preferences.
    """

    def __init__(self, desk: Desk, preferences: Callable[[], object]) -> None:
        super().__init__()
        self._desk, self._preferences = desk, preferences
        self._folder = Path.home()
        desk.projects.dialogs = QtDialogs(self)
        self._button = button(
            "Project",
            "Keeps images, classes, marks, masks and heads in one folder. Once saved, "
            "every change is kept as you make it, also if the program stops.",
            lambda: None,
        )
        self._state = Hint()
        self._state.setAccessibleName("State of the project")
        self._menu = QMenu(self)
        self._menu.setToolTipsVisible(True)
        self._menu.aboutToShow.connect(self._list_recent)
        self._recent = QMenu("Open recent", self._menu)
        self._drafts = QMenu("Work that was not saved", self._menu)
        self._fill()
        self._button.setMenu(self._menu)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._button)
        layout.addWidget(self._state, 1)

    def _fill(self) -> None:
        projects = self._desk.projects
        self._add(
            "New",
            "Begins anew, with nothing open.",
            projects.new,
            "Ctrl+Alt+Shift+N",
        )
        self._add(
            "Open…",
            "Opens a project: a folder that ends in .medfm.",
            self._open,
            "Ctrl+Alt+Shift+O",
        )
        self._menu.addMenu(self._recent)
        self._menu.addMenu(self._drafts)
        self._menu.addSeparator()
        self._add(
            "Save",
            "Brings the project on the disk up to date.",
            lambda: projects.save(),
            "Ctrl+Shift+S",
        )
        self._add(
            "Save as…",
            "Saves as another project, and goes on with that.",
            lambda: projects.save_as(),
            "Ctrl+Alt+Shift+S",
        )
        self._menu.addSeparator()
        self._find = self._add(
            "Find missing images…",
            "Looks in a folder for images that are not where they were.",
            projects.find_images,
        )

        self._menu.addSeparator()
        self._add(
            "Effort as a table…",
            "Writes clicks, strokes, edits and seconds of each image, and how much of "
            "what was accepted nobody changed.",
            self._desk.effort.table,
        )
        self._add("Effort as a picture…", "Draws them.", self._desk.effort.picture)
        self._add(
            "Do all again and compare",
            "Makes every mask again from images and journal, in the background, and "
            "compares bit for bit. Nothing of the project is changed.",
            self._desk.repeating.begin,
        )
        self._menu.addSeparator()
        self._add(
            "Preferences…",
            "Device, cache, offline, and the models that a window begins with.",
            self._preferences,
            "Ctrl+Alt+Shift+P",
        )

    def _add(
        self, title: str, tip: str, act: Callable[[], object], keys: str = ""
    ) -> QAction:
        action = QAction(title, self)
        action.setToolTip(tip)
        if keys:
            action.setShortcut(QKeySequence(keys))
            action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        action.triggered.connect(lambda: act())
        self._menu.addAction(action)
        # So that the keys work while the menu is closed.
        self.addAction(action)
        return action

    def refresh(self) -> None:
        """Show the project and how safe the work is."""
        standing = self._desk.projects.standing
        mark = "⚠ " if standing.is_problem else ""
        self._state.setText(f"{mark}{standing.name}: {standing.words}")
        if self._desk.projects.folder is None:
            self._state.setText(standing.words)
        folder = self._desk.projects.folder
        self._state.setToolTip("" if folder is None else str(folder))
        self._find.setEnabled(bool(self._desk.projects.missing))

    def _list_recent(self) -> None:
        self._recent.clear()
        for path in self._desk.projects.recent:
            action = self._recent.addAction(f"{path.name}   ({path.parent})")
            if action is not None:
                action.triggered.connect(partial(self._open_this, path))
        self._recent.setEnabled(not self._recent.isEmpty())
        self._drafts.clear()
        for one in self._desk.drafts.found:
            offer(self._drafts, one.words, partial(self._desk.drafts.open, one))
        self._drafts.setEnabled(not self._drafts.isEmpty())

    def _open_this(self, path: Path, *_: object) -> None:
        self._desk.projects.open(path)

    def _open(self) -> None:
        projects = self._desk.projects
        recent = projects.recent
        start = recent[0].parent if recent else self._folder
        chosen = projects.dialogs.folder_where(
            f"Open project (a folder that ends in {SUFFIX})", start
        )
        if chosen is not None:
            projects.open(chosen)
