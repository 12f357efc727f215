"""Take the picture of the contact sheet.

    python scripts/screenshot_images.py [--out docs/images] [--size 1366 768]

As `screenshot.py`, on tiles of the section.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from qtpy.QtWidgets import QScrollArea
from screenshot import take


def gestures(widget: Any, save: Callable[[str], None]) -> Iterator[None]:
    """Cut the section into tiles, label a few, and have the others classified."""
    desk = widget.desk
    whole = desk.session.images["pathology"]
    picture = whole.plane()
    side = min(picture.shape[:2]) // 4
    for number in range(12):
        row, col = side * (number // 4), side * (number % 4)
        tile = picture[row : row + side, col : col + side]
        desk.viewer.add_image(tile, name=f"tile {number + 1}", visible=False)
        yield
    desk.session.remove_image("pathology")
    desk.add_class("gland")
    desk.add_class("stroma")
    widget.open_section("Images")
    yield
    desk.images.add_layers()
    yield
    items = {item.title: item for item in desk.images.items}
    for value, numbers in ((1, (1, 2, 5)), (2, (4, 7, 10))):
        desk.images.label([items[f"tile {n}"] for n in numbers], value)
    desk.images.learn()
    yield
    desk.images.show(desk.images.sheet[0])
    desk.viewer.reset_view()
    widget.panels["Images"].refresh()
    bar = widget.findChild(QScrollArea).verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    yield
    save("images")


if __name__ == "__main__":
    take("pathology", gestures, __doc__.splitlines()[0])
