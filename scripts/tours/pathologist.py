"""docs/tutorials/pathologist.md: tissue, glands, objects."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_medfm.engine.refine import instances
from napari_medfm.sample_data import load
from tours.hand import Hand

SAMPLE = "pathology"
ONLY_TOLD: set[str] = set()


def steps(hand: Hand) -> None:
    """Teach two classes, look back, classify nuclei, and take it along."""
    hints = load(SAMPLE).hints
    hand.open("Models")
    hand.press("Prepare the image")
    hand.open("Label")
    hand.add_class("epithelium")
    hand.add_class("stroma")
    hand.press("Click examples")
    for name in ("epithelium", "stroma", "background"):
        hand.choose_class(name)
        for place in hints.points[name]:
            hand.click(*place)
    hand.choose_class("epithelium")
    hand.picture("window")
    hand.open("Review")
    hand.press("Take me there")
    hand.press("Show where it is unsure")
    hand.press("Check my labels")
    hand.picture("review")
    hand.press("Show where it is unsure")
    hand.look_at_all()
    hand.press("Test it honestly")
    hand.scroll(1)
    hand.picture("report")
    hand.open("Label")
    hand.press("Accept prediction")
    objects(hand)
    hand.open("Export")
    hand.choose("Masks as", "GeoJSON")
    hand.save("Export masks", "tissue.geojson")
    hand.save("Export head", "tissue.head.safetensors")
    hand.open("Batch")
    hand.glance("batch-empty")


def objects(hand: Hand) -> None:
    """Number the nuclei, label a few, and have the others classified."""
    desk = hand.desk
    image = desk.session.images[SAMPLE].plane()
    desk.viewer.add_labels(nuclei(image), name="nuclei", visible=False)
    hand.open("Objects")
    titles = [title for title, _ in desk.objects.sources]
    chosen = next(title for title in titles if "nuclei" in title)
    hand.choose("Where the objects come from", chosen)
    hand.press("Use these objects")
    hand.press("Click objects")
    for name in ("epithelium", "stroma"):
        hand.choose_class(name)
        for row in nearest(desk.objects.rows, load(SAMPLE).hints.points[name]):
            hand.click(*row.centre)
    hand.press("Learn and classify")
    hand.scroll(1)
    hand.picture("objects")
    hand.save("Table as CSV", "nuclei.csv")


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
