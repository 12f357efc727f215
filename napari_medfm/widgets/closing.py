"""Nothing is lost when the window is closed."""

from __future__ import annotations

import weakref

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QMainWindow, QWidget
from typing_extensions import override

from napari_medfm.bridge.finding import desk_of


class Closing(QObject):
    """Asks about unsaved work before the window of a widget is closed by the user.

    A program that closes its viewer itself is not asked.

    Parameters
    ----------
    widget
        In the window, sooner or later.
    viewer
        Whose desk has the work.
    """

    def __init__(self, widget: QWidget, viewer: object) -> None:
        super().__init__(widget)
        self._viewer = viewer
        # Weakly: who keeps the dock must not keep the whole window.
        self._held: weakref.ref[QMainWindow] | None = None
        self._is_asking = self._is_agreed = False

    @property
    def _window(self) -> QMainWindow | None:
        return None if self._held is None else self._held()

    def watch(self, widget: QWidget) -> None:
        """Find the window that the widget is in now."""
        parent = widget.parentWidget()
        while parent is not None and not isinstance(parent, QMainWindow):
            parent = parent.parentWidget()
        before = self._window
        if parent is before or parent is None:
            return
        if before is not None:
            before.removeEventFilter(self)
        self._held = weakref.ref(parent)
        parent.installEventFilter(self)

    @override
    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Hold the window open while something is to be decided."""
        if event is None or event.type() != QEvent.Type.Close:
            return False
        if watched is not self._window or self._is_agreed or not self._is_by_user():
            return False
        desk = desk_of(self._viewer)
        self._is_asking = True
        goes = desk is None or desk.projects.let_go(self._agree)
        self._is_asking = False
        if not goes:
            event.ignore()
        return not goes

    def _is_by_user(self) -> bool:
        """Whether the canvas is still there: a program that closes takes it first."""
        window = self._window
        middle = None if window is None else window.centralWidget()
        if middle is None:
            return False
        direct = Qt.FindChildOption.FindDirectChildrenOnly
        return any(
            part.isVisible() for part in middle.findChildren(QWidget, "", direct)
        )

    def _agree(self) -> None:
        """Close, where something was to be done first."""
        window = self._window
        if self._is_asking or window is None:
            return
        self._is_agreed = True
        window.close()
        self._is_agreed = False
