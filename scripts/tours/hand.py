"""A user's hand: presses what is seen, clicks, drags, waits, takes pictures."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image as Picture
from qtpy.QtCore import QBuffer, QEvent, QPoint, QPointF, Qt, QTimer
from qtpy.QtGui import QImage, QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QDialogButtonBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QListWidget,
    QScrollArea,
    QSlider,
    QWidget,
)

Part = TypeVar("Part", bound=QWidget)
_LEFT = Qt.MouseButton.LeftButton
_BEAT_MS, _QUIET = 50, 5
_FLAT = 96


@dataclass(frozen=True)
class Look:
    """How the window looks in a picture: its size on screen, and the theme."""

    size: tuple[int, int] = (1366, 768)
    theme: str = "dark"

    def __str__(self) -> str:
        return f"{self.size[0]}x{self.size[1]}-{self.theme}"


class Hand:
    """One user at one window, who waits for an answer before pressing the next thing.

    Clicks on the image follow each other as fast as they are made.

    Parameters
    ----------
    viewer, widget
        The window and its dock.
    out
        Folder for pictures; none are taken if None.
    looks
        Each picture is taken in all of them; work is done in the first, whose pictures
        have no more than their name.

    Attributes
    ----------
    did
        What was opened, pressed and moved, by what is written on it.
    """

    def __init__(
        self,
        viewer: Any,
        widget: Any,
        out: Path | None = None,
        looks: Sequence[Look] = (Look(),),
    ) -> None:
        self.viewer, self.widget, self.desk = viewer, widget, widget.desk
        self.did: list[str] = []
        self._out, self._looks = out, looks
        self._window = viewer.window._qt_window  # noqa: SLF001  it is the subject
        self._canvas = viewer.window._qt_viewer.canvas  # noqa: SLF001
        self._holder = tempfile.TemporaryDirectory()
        self.folder = Path(self._holder.name)
        self._put_on(looks[0])
        self.look_at_all()

    # The dock

    def open(self, step: str) -> None:
        """Open a step by a click on its title."""
        self.rest()
        section = self.widget.sections[step]
        if not section.is_open:
            title = section.findChild(QAbstractButton)
            self._reach(title)
            QTest.mouseClick(title, _LEFT)
        self.did.append(step)

    def press(self, text: str) -> None:
        """Press the button, or tick the box, on which this is written."""
        self.rest()
        found = [
            one
            for one in self._seen(QAbstractButton)
            if one.text().partition("  (")[0].rstrip("…") == text
        ]
        if not found:
            raise LookupError(f"There is no button {text!r} to be seen")
        if not found[0].isEnabled():
            raise LookupError(f"The button {text!r} cannot be pressed")
        self._reach(found[0])
        at = QPoint(10, found[0].height() // 2)
        self.did.append(text)
        QTest.mouseClick(found[0], _LEFT, Qt.KeyboardModifier.NoModifier, at)

    def write(self, field: str, text: str) -> None:
        """Write into the field of that name."""
        QTest.keyClicks(self._named(QLineEdit, field), text)

    def add_class(self, name: str) -> None:
        """Write the name of a class, and add it."""
        self.write("Name of a new class", name)
        self.press("Add class")

    def choose_class(self, name: str) -> None:
        """Click on a class in the list."""
        self._reach(self._named(QListWidget, "Classes"))
        listed = self._named(QListWidget, "Classes")
        value = {c.name: c.value for c in self.desk.classes}[name]
        item = next(
            item
            for item in map(listed.item, range(listed.count()))
            if item.data(256) == value
        )
        at = listed.visualItemRect(item).center()
        QTest.mouseClick(listed.viewport(), _LEFT, Qt.KeyboardModifier.NoModifier, at)

    def choose(self, label: str, begins: str) -> None:
        """Choose what begins so from the choices beside a label."""
        self.rest()
        beside = [one for one in self._seen(QLabel) if one.text() == label][-1]
        found = beside.parentWidget().findChild(QComboBox)
        index = next(
            i for i in range(found.count()) if found.itemText(i).startswith(begins)
        )
        self._reach(found)
        found.setCurrentIndex(index)
        found.activated.emit(index)
        self.did.append(label)

    def slide(self, begins: str, share: float) -> None:
        """Move the slider whose name begins so."""
        self.rest()
        slider = next(
            one
            for one in self._seen(QSlider)
            if one.accessibleName().startswith(begins)
        )
        self._reach(slider)
        slider.setValue(round(share * slider.maximum()))
        self.did.append(begins)

    def save(self, button: str, name: str) -> Path:
        """Press a button that asks for a file, and name one in a folder of its own."""
        path = self.folder / name

        def named(box: Any) -> None:
            box.findChild(QLineEdit, "fileNameEdit").setText(str(path))
            save = box.findChild(QDialogButtonBox).buttons()[0]
            QTest.mouseClick(save, _LEFT)

        with Asked(named, QFileDialog):
            self.press(button)
        self.rest()
        return path

    def scroll(self, share: float) -> None:
        """Scroll the dock, 0 its top and 1 its end."""
        bar = self.widget.findChild(QScrollArea).verticalScrollBar()
        self.rest()
        bar.setValue(round(share * bar.maximum()))

    # The image

    def click(self, *index: float, not_this: bool = False) -> None:
        """Click on a place of the image; with Alt what is not meant."""
        held = Qt.KeyboardModifier
        native, at = self._canvas.native, self._place(index)
        QTest.mouseMove(native, at)
        QTest.mouseClick(
            native, _LEFT, held.AltModifier if not_this else held.NoModifier, at
        )
        QTest.qWait(_BEAT_MS)

    def drag(self, *path: Sequence[float]) -> None:
        """Drag from place to place."""
        native, points = self._canvas.native, [self._place(index) for index in path]
        QTest.mouseMove(native, points[0])
        QTest.mousePress(native, _LEFT, Qt.KeyboardModifier.NoModifier, points[0])
        for before, after in itertools.pairwise(points):
            for share in (0.25, 0.5, 0.75, 1):
                QTest.qWait(15)  # vispy drops moves that follow within 10 ms
                self._move(before + (after - before) * share)
        QTest.mouseRelease(native, _LEFT, Qt.KeyboardModifier.NoModifier, points[-1])

    def turn(self, plane: int) -> None:
        """Turn the slider below the image to a plane."""
        self.rest()
        self.viewer.dims.set_current_step(0, plane)

    def look_at(self, *index: float, times: float) -> None:
        """Bring a place to the middle, so many times as large as the whole image."""
        self.viewer.reset_view()
        camera = self.viewer.scene.camera
        camera.center = (*camera.center[:-2], *self._world(index))
        camera.zoom *= times
        QTest.qWait(_BEAT_MS)

    def look_at_all(self) -> None:
        """Show the whole image again."""
        self.viewer.reset_view()
        QTest.qWait(_BEAT_MS)

    # Time, and pictures

    def rest(self) -> None:
        """Wait until nothing is being worked on, and nothing is due."""
        runner, quiet = self.widget.runner, 0
        while quiet < _QUIET:
            QTest.qWait(_BEAT_MS)
            busy = runner.current is not None or runner.resting
            quiet = 0 if busy else quiet + 1

    def picture(self, name: str, part: QWidget | None = None) -> None:
        """Save what is seen, or a part of it, for a page; in all looks."""
        self.rest()
        if self._out is None:
            return
        for look in self._looks:
            self._put_on(look)
            which = "" if look == self._looks[0] else f"-{look}"
            path = self._out / f"{name}{which}.png"
            save_small((part or self._window).grab().toImage(), path)
            print(path, flush=True)
        if len(self._looks) > 1:
            self._put_on(self._looks[0])

    def glance(self, name: str) -> None:
        """Take a picture that is on no page, if all looks are wanted."""
        if len(self._looks) > 1:
            self.picture(name)

    def end(self) -> None:
        """Forget what was written."""
        self._holder.cleanup()

    def _put_on(self, look: Look) -> None:
        if self.viewer.theme != look.theme:
            self.viewer.theme = look.theme
        self._window.resize(*look.size)
        QTest.qWait(4 * _BEAT_MS)

    def _seen(self, kind: type[Part]) -> list[Part]:
        return [one for one in self.widget.findChildren(kind) if one.isVisible()]

    def _named(self, kind: type[Part], name: str) -> Part:
        return next(one for one in self._seen(kind) if one.accessibleName() == name)

    def _reach(self, part: QWidget) -> None:
        """Scroll to a part of the dock, as one must before it can be pressed."""
        self.widget.findChild(QScrollArea).ensureWidgetVisible(part, 0, 4)
        QTest.qWait(_BEAT_MS)

    def _world(self, index: Sequence[float]) -> Any:
        layer = self.desk.binding.layer(self.desk.image)
        whole = (*self.viewer.dims.current_step[: layer.ndim - len(index)], *index)
        return np.asarray(layer.data_to_world(whole), float)[-2:]

    def _place(self, index: Sequence[float]) -> QPoint:
        camera = self.viewer.scene.camera
        offset = (self._world(index) - np.array(camera.center)[-2:]) * camera.zoom
        row, col = np.array(self._canvas.size) / 2 + offset
        return QPointF(float(col), float(row)).toPoint()

    def _move(self, at: QPoint) -> None:
        """Move with the button held, which `QTest.mouseMove` cannot."""
        native = self._canvas.native
        event = QMouseEvent(
            QEvent.Type.MouseMove,
            QPointF(at),
            QPointF(native.mapToGlobal(at)),
            _LEFT,
            _LEFT,
            Qt.KeyboardModifier.NoModifier,
        )
        QApplication.sendEvent(native, event)


class Asked:
    """While inside, the next question of the program is answered.

    Parameters
    ----------
    answer
        Is given the dialog; must close it.
    kind
        What kind of dialog is meant.
    """

    def __init__(
        self, answer: Callable[[Any], None], kind: type[QWidget] = QWidget
    ) -> None:
        self._answer, self._kind = answer, kind
        self._clock = QTimer()
        self._clock.setInterval(2 * _BEAT_MS)
        self._clock.timeout.connect(self._look)

    def __enter__(self) -> Asked:
        self._clock.start()
        return self

    def _look(self) -> None:
        box = QApplication.activeModalWidget()
        if isinstance(box, self._kind):
            self._clock.stop()
            self._answer(box)

    def __exit__(self, kind: object, *_: object) -> None:
        asked_nothing = self._clock.isActive()
        self._clock.stop()
        if asked_nothing and kind is None:
            raise LookupError("The program asked nothing")


def save_small(image: QImage, path: Path) -> None:
    """Write a picture of few kilobytes, in 256 colours: what is flat keeps its own."""
    held = QBuffer()
    held.open(QBuffer.OpenModeFlag.WriteOnly)
    image.save(held, "PNG")
    whole = Picture.open(BytesIO(bytes(held.data().data()))).convert("RGB")
    pixels = np.asarray(whole).reshape(-1, 3)
    colours, counts = np.unique(pixels, axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    flat, rest = colours[order[:_FLAT]], colours[order[_FLAT:]]
    few = Picture.fromarray(rest[None]).quantize(256 - _FLAT) if len(rest) else None
    palette = Picture.new("P", (1, 1))
    palette.putpalette([*flat.ravel(), *((few and few.getpalette()) or [])])
    small = whole.quantize(palette=palette, dither=Picture.Dither.NONE)
    small.save(path, optimize=True)
