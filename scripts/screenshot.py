"""Take the pictures of the documentation from the running program.

    python scripts/screenshot.py [--out docs/images]

Needs a screen (``xvfb-run -s "-screen 0 1366x768x24"`` gives one) and the models.
It opens the sample with the dock, makes the gestures of the tutorial through the same
desk that mouse and keys use, waits for the answers, and saves the window.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from qtpy.QtCore import QTimer

from napari_medfm.app import demo
from napari_medfm.sample_data import load
from napari_medfm.widgets.dock import MedfmWidget

PATIENCE_MS = 250


def gestures(widget: Any, save: Callable[[str], None]) -> Iterator[None]:
    """Do the tutorial; each ``yield`` waits until nothing is being worked on."""
    desk, hints = widget.desk, load("pathology").hints
    desk.tools.arm("similar")
    for position in hints.positive:
        desk.similar.click(position, negative=False)
        yield
    for position in hints.negative:
        desk.similar.click(position, negative=True)
        yield
    save("similar")
    widget.open_section("Prompt")
    desk.tools.arm("box")
    desk.prompt.box(hints.box)
    yield
    save("prompt")
    desk.prompt.accept("epithelium" if desk.add_class("epithelium") else None)
    yield
    desk.add_class("stroma")
    widget.open_section("Label")
    desk.tools.arm("examples")
    # Clicks come faster than recipes are weighed: they are, once, after the last.
    desk.live.automatic = False
    for name, points in hints.points.items():
        desk.choose_class({c.name: c.value for c in desk.classes}[name])
        for position in points:
            desk.marking.click(position)
            yield
    desk.live.improve()
    yield
    save("window")
    widget.open_section("Export")
    desk.tools.disarm()
    yield
    save("export")


def take(
    sample: str,
    gestures: Callable[[Any, Callable[..., None]], Iterator[None]],
    description: str,
) -> None:
    """Open a sample, make the gestures, save what they ask for."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--size", type=int, nargs=2, default=(1366, 768))
    parser.add_argument("--theme", default="dark")
    asked = parser.parse_args()
    out: Path = asked.out
    out.mkdir(parents=True, exist_ok=True)
    viewer = demo(sample)
    viewer.theme = asked.theme
    window = viewer.window._qt_window  # noqa: SLF001  the window itself is the subject
    window.resize(*asked.size)
    widget = window.findChild(MedfmWidget)

    def save(name: str, part: Any = None) -> None:
        (part or window).grab().save(str(out / f"{name}.png"))
        print(out / f"{name}.png")

    go_through(viewer, widget, gestures(widget, save))


def go_through(
    viewer: Any,
    widget: Any,
    steps: Iterator[None],
    told: Callable[[], None] = lambda: None,
) -> None:
    """Take a step whenever nothing is being worked on; close the viewer at the end.

    Parameters
    ----------
    told
        Called before each step.
    """
    import napari

    quiet = [0]

    def turn() -> None:
        working = widget.runner.current is not None or widget.runner.resting
        quiet[0] = 0 if working else quiet[0] + 1
        if quiet[0] < 4:
            return
        quiet[0] = 0
        told()
        if next(steps, "end") == "end":
            clock.stop()
            viewer.close()

    clock = QTimer()
    clock.setInterval(PATIENCE_MS)
    clock.timeout.connect(turn)
    QTimer.singleShot(2000, clock.start)
    napari.run()


if __name__ == "__main__":
    take("pathology", gestures, __doc__.splitlines()[0])
