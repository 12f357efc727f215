"""Take the pictures of reviewing, of objects and of whole images.

    python scripts/screenshot_levels.py [--out docs/images] [--size 1366 768]

As `screenshot.py`, with other gestures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from qtpy.QtWidgets import QScrollArea
from screenshot import take

from napari_medfm.sample_data import load


def gestures(widget: Any, save: Callable[[str], None]) -> Iterator[None]:
    """Teach two classes, then look back."""
    desk, hints = widget.desk, load("pathology").hints
    scroll = widget.findChild(QScrollArea)
    desk.live.automatic = False
    desk.add_class("epithelium")
    desk.add_class("stroma")
    for name, points in hints.points.items():
        desk.choose_class({c.name: c.value for c in desk.classes}[name])
        for row, col in points:
            for down, right in ((0, 0), (9, 6), (-8, 9)):
                desk.marking.click((row + down, col + right))
            yield
    desk.live.improve()
    yield
    widget.open_section("Review")
    yield
    desk.review.show_uncertainty(True)
    desk.review.suggesting.next()
    desk.review.doubting.begin()
    yield
    save("review")
    desk.review.show_uncertainty(False)
    desk.review.suggesting.stop()
    desk.review.refinement.how = "crf"
    desk.review.refinement.preview()
    yield
    bar = scroll.verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    yield
    desk.review.testing.begin()
    yield
    bar.setValue(bar.maximum())
    yield
    save("report")


if __name__ == "__main__":
    take("pathology", gestures, __doc__.splitlines()[0])
