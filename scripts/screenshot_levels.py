"""Take the pictures of reviewing, of objects and of whole images.

    python scripts/screenshot_levels.py [--out docs/images] [--size 1366 768]

As `screenshot.py`, with other gestures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from qtpy.QtWidgets import QScrollArea
from screenshot import take

from napari_medfm.engine.refine import instances
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
    desk.review.refinement.discard()
    yield from objects(widget, save)


def objects(widget: Any, save: Callable[[str], None]) -> Iterator[None]:
    """Number the nuclei, label a few, and have the others classified."""
    desk = widget.desk
    image = desk.session.images["pathology"].plane()
    desk.viewer.add_labels(nuclei(image), name="nuclei", visible=False)
    desk.live.set_visible(False)
    widget.open_section("Objects")
    index = next(
        i for i, (title, _) in enumerate(desk.objects.sources) if "nuclei" in title
    )
    desk.objects.sources[index][1]()
    yield
    names = {c.name: c.value for c in desk.classes}
    desk.objects.take_up()
    for name, points in load("pathology").hints.points.items():
        if name == "background":
            continue
        desk.choose_class(names[name])
        for row in nearest(desk.objects.rows, points):
            desk.objects.label(row.number)
            yield
    desk.mirror.layer("pathology", "examples").visible = False
    bar = widget.findChild(QScrollArea).verticalScrollBar()
    bar.setValue(bar.maximum())
    desk.objects.select(desk.objects.rows[len(desk.objects.rows) // 2].number)
    yield
    save("objects")


def nuclei(image: Any) -> Any:
    """Number what takes up much haematoxylin."""
    from skimage.color import rgb2hed
    from skimage.filters import gaussian, threshold_otsu
    from skimage.morphology import remove_small_objects

    stain = gaussian(rgb2hed(image[..., :3])[..., 0], 1.5)
    mask = remove_small_objects(stain > threshold_otsu(stain), max_size=60)
    return instances(mask)


def nearest(rows: Any, points: Any) -> list[Any]:
    """Return the object nearest to each point."""
    centres = np.array([row.centre for row in rows])
    found = [np.square(centres - point).sum(1).argmin() for point in points]
    return [rows[k] for k in dict.fromkeys(found)]


if __name__ == "__main__":
    take("pathology", gestures, __doc__.splitlines()[0])
