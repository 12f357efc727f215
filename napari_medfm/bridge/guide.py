"""What to do next, in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk


def next_step(desk: Desk) -> tuple[str, str]:
    """Return the section to open and the hint to show, from what is there already."""
    if desk.image is None:
        return "Models", "Open an image: drag a file into the window"
    if not desk.similar.wish.at and not desk.classes[1:]:
        return "Similar", "Choose Find similar (S) and click something you look for"
    done = desk.session.labelling
    if not done.masks and not desk.classes[1:]:
        return "Prompt", "Choose Box (B) and drag it closely around one object"
    if desk.session.head is None:
        missing = desk.live.missing or "Mark a few places"
        return "Label", f"Teach it: {missing[0].lower()}{missing[1:]}"
    if not any(item.origin == "prediction" for item in done.accepted):
        return "Label", "Correct it where it is wrong, then accept the prediction"
    return "Export", "Export the masks, and the head to use it on other images"
