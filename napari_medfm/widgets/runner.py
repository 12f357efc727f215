"""The window's event loop as the owner of a session: where work crosses threads."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, Qt, QTimer, Signal

from napari_medfm.bridge.lanes import Lanes


class QtLoop(QObject):
    """Qt's event loop of the thread it is made in."""

    _posted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        queued = Qt.ConnectionType.QueuedConnection
        self._posted.connect(self._call, queued)  # type: ignore[call-arg]

    def post(self, act: Callable[[], None]) -> None:
        """Have ``act`` called by the loop; from any thread."""
        self._posted.emit(act)

    def _call(self, act: Callable[[], None]) -> None:
        act()

    def after(self, seconds: float, act: Callable[[], None]) -> Callable[[], None]:
        """Call ``act`` later; what is returned forgets it."""
        timer = QTimer(self)
        timer.setSingleShot(True)

        def ended() -> None:
            timer.deleteLater()
            act()

        timer.timeout.connect(ended)
        timer.start(round(1000 * seconds))

        def forget() -> None:
            timer.stop()
            timer.deleteLater()

        return forget


class QtRunner(Lanes):
    """Runs work in worker threads and commits it in the window's thread."""

    def __init__(self) -> None:
        super().__init__(QtLoop())
