"""docs/tutorial.md: the first ten minutes."""

from __future__ import annotations

from napari_medfm.sample_data import load
from tours.hand import Hand

SAMPLE = "pathology"
ONLY_TOLD: set[str] = {
    "Batch",
    "Clicks",
    "Get it",
    "Images",
    "Objects",
    "Other answer",
    "Outlines objects",
    "Project",
    "Review",
    "Through the volume",
    "Understands the image",
}
OTHER_GLANDS = ((125, 100), (210, 395), (450, 90))


def steps(hand: Hand) -> None:
    """Find a gland, outline it, teach two classes, take it along."""
    hints = load(SAMPLE).hints
    hand.open("Models")
    hand.press("Prepare the image")
    hand.glance("models")
    hand.open("Similar")
    hand.press("Find similar")
    for place in (hints.positive[0], *OTHER_GLANDS):
        hand.click(*place)
    for place in hints.negative:
        hand.click(*place, not_this=True)
    hand.slide("How alike it must be", 0.58)
    hand.picture("similar")
    hand.open("Prompt")
    hand.press("Box")
    hand.drag(hints.box[:2], hints.box[2:])
    hand.picture("prompt")
    hand.press("Accept")
    hand.open("Label")
    hand.add_class("epithelium")
    hand.press("Click examples")
    for place in hints.points["epithelium"]:
        hand.click(*place)
    hand.choose_class("background")
    for place in (*hints.points["background"], *hints.points["stroma"]):
        hand.click(*place)
    hand.choose_class("epithelium")
    hand.slide("How sure it must be", 0.5)
    hand.picture("label")
    hand.press("Accept prediction")
    hand.open("Export")
    hand.glance("export")
    hand.save("Export masks", "glands.tif")
    hand.save("Export head", "glands.head.safetensors")
    hand.press("Copy as Python")
