"""A real window with real worker threads, toy models, and a heartbeat."""

from __future__ import annotations

import itertools
import threading
import time

import numpy as np
import pytest
from qtpy.QtCore import QPointF, Qt, QTimer
from toys import ToyEncoder, ToySegmenter

from napari_medfm.session import Session


def pytest_collection_modifyitems(items):
    for item in items:
        if "/gui/" in str(item.path):
            item.add_marker(pytest.mark.gui)


class Window:
    """One viewer with its dock, driven by mouse and keyboard."""

    def __init__(self, viewer, widget, qtbot):
        self.viewer, self.widget, self.qtbot = viewer, widget, qtbot
        self.desk, self.runner = widget.desk, widget.runner
        self._canvas = viewer.window._qt_viewer.canvas

    def point(self, *index):
        """Canvas position of an array index, as the eye sees it."""
        layer = self.desk.binding.layer(self.desk.image)
        world = np.asarray(layer.data_to_world(index), float)[-2:]
        camera = self.viewer.scene.camera
        size = np.array(self._canvas.size) / 2
        offset = (world - np.array(camera.center)[-2:]) * camera.zoom
        row, col = size + offset
        return QPointF(float(col), float(row)).toPoint()

    def click(self, *index, button=Qt.MouseButton.LeftButton, modifier=None):
        modifier = modifier or Qt.KeyboardModifier.NoModifier
        native, at = self._canvas.native, self.point(*index)
        self.qtbot.mouseMove(native, at)
        self.qtbot.mouseClick(native, button, modifier, at)

    def drag(self, *path):
        native = self._canvas.native
        points = [self.point(*index) for index in path]
        self.qtbot.mouseMove(native, points[0])
        self.qtbot.mousePress(native, Qt.MouseButton.LeftButton, pos=points[0])
        for before, after in itertools.pairwise(points):
            for share in (0.25, 0.5, 0.75, 1):
                at = before + (after - before) * share
                self.qtbot.wait(15)  # vispy drops moves that follow within 10 ms
                self.move(at)
        self.qtbot.mouseRelease(native, Qt.MouseButton.LeftButton, pos=points[-1])
        self.qtbot.wait(50)

    def move(self, at):
        """Move with the left button held, which `qtbot.mouseMove` cannot."""
        from qtpy.QtCore import QEvent
        from qtpy.QtGui import QMouseEvent
        from qtpy.QtWidgets import QApplication

        native = self._canvas.native
        held = Qt.MouseButton.LeftButton
        event = QMouseEvent(
            QEvent.Type.MouseMove,
            QPointF(at),
            QPointF(native.mapToGlobal(at)),
            held,
            held,
            Qt.KeyboardModifier.NoModifier,
        )
        QApplication.sendEvent(native, event)

    def key(self, key, modifier=None):
        modifier = modifier or Qt.KeyboardModifier.NoModifier
        self.qtbot.keyClick(self._canvas.native, key, modifier)

    def press(self, text):
        """Click a visible button of the dock by what is written on it."""
        from qtpy.QtWidgets import QPushButton

        found = [
            b
            for b in self.widget.findChildren(QPushButton)
            if b.isVisible() and b.text().startswith(text)
        ]
        assert found, f"no visible button {text!r}"
        assert found[0].isEnabled(), f"the button {text!r} is dead"
        self.qtbot.mouseClick(found[0], Qt.MouseButton.LeftButton)

    def open(self, section):
        self.widget.open_section(section)

    def layer(self, role):
        return self.desk.mirror.layer(self.desk.image, role)

    def until(self, true, timeout=10_000):
        self.qtbot.waitUntil(true, timeout=timeout)

    def rest(self):
        """Wait until nothing runs and no rest is due."""
        self.until(
            lambda: self.runner.current is None and not self.runner.resting,
            timeout=60_000,
        )


@pytest.fixture
def window(make_napari_viewer, qtbot):
    """Make windows; on leaving, no worker thread may be left."""
    import torch  # noqa: F401  before the first window under software GL

    from napari_medfm.widgets.dock import MedfmWidget

    made = []

    def make(data=None, encoder=None, segmenter=None, **layer):
        viewer = make_napari_viewer(show=True)
        viewer.window.resize(1366, 768)
        if data is not None:
            viewer.add_image(data, **{"name": "ct", "rgb": False, **layer})
        session = Session(
            encoder=encoder or ToyEncoder(), segmenter=segmenter or ToySegmenter()
        )
        widget = MedfmWidget(viewer, session)
        viewer.window.add_dock_widget(widget, name="MedFM", add_vertical_stretch=False)
        qtbot.wait(50)
        found = Window(viewer, widget, qtbot)
        made.append(found)
        return found

    yield make
    for one in made:
        one.runner.close(wait=10)
    assert not [t for t in threading.enumerate() if t.name.startswith("medfm ")]
    made.clear()


@pytest.fixture
def heartbeat():
    """Measure the longest time for which the event loop did not turn."""

    class Heart:
        def __init__(self):
            self.longest = 0.0
            self._last = time.perf_counter()
            self._timer = QTimer()
            self._timer.setInterval(5)
            self._timer.timeout.connect(self._beat)

        def start(self):
            self.longest, self._last = 0.0, time.perf_counter()
            self._timer.start()

        def _beat(self):
            now = time.perf_counter()
            self.longest = max(self.longest, now - self._last)
            self._last = now

        def stop(self):
            self._timer.stop()
            return self.longest

    heart = Heart()
    yield heart
    heart.stop()
