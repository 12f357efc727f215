"""docs/tutorials/ophthalmologist.md: optic disc and vessels."""

from __future__ import annotations

from napari_medfm.sample_data import load
from tours.hand import Hand

SAMPLE = "ophthalmology"
ONLY_TOLD: set[str] = {"Keep what I accepted by hand"}


def steps(hand: Hand) -> None:
    """Outline the disc, teach vessels by clicks, and put both together."""
    hints = load(SAMPLE).hints
    hand.open("Models")
    hand.press("Prepare the image")
    hand.open("Label")
    hand.add_class("optic disc")
    hand.add_class("vessel")
    hand.choose_class("optic disc")
    hand.open("Prompt")
    hand.press("Box")
    hand.drag(hints.box[:2], hints.box[2:])
    hand.picture("disc")
    hand.press("Accept")
    hand.open("Label")
    hand.press("Click examples")
    for name in ("vessel", "optic disc", "background"):
        hand.choose_class(name)
        for place in hints.points[name]:
            hand.look_at(*place, times=3)
            hand.click(*place)
    hand.look_at_all()
    hand.choose_class("vessel")
    hand.slide("How sure it must be", 0.5)
    hand.glance("vessels")
    hand.press("Accept prediction")
    hand.open("Export")
    hand.glance("vessels-export")
    hand.save("Export masks", "eye.tif")
    hand.save("Measurements", "eye.csv")
