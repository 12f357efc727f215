"""An object followed through a volume by a model's memory, in the window."""

from qtpy.QtWidgets import QPushButton
from toys import ToyTracker


def test_followed_stopped_and_followed_again(window, ball):
    tracker = ToyTracker(delay=0.6)
    one = window(ball[0], segmenter=tracker, scale=(5, 1, 1))
    one.viewer.dims.set_current_step(0, 6)
    one.open("Prompt")
    one.desk.tools.arm("box")
    one.rest()
    one.drag((6, 24, 34), (6, 76, 86))
    one.until(lambda: one.desk.prompt.mask is not None)
    one.rest()
    one.press("Through the volume")
    cancels = [b for b in one.widget.findChildren(QPushButton) if b.text() == "Cancel"]
    one.until(lambda: ("on", 7) in tracker.told)
    one.until(lambda: any(cancel.isVisible() for cancel in cancels))
    assert "plane" in one.runner.current[1].message
    one.press("Cancel")
    tracker.delay = 0.0
    assert "cancelled" in one.desk.message
    one.rest()
    assert one.desk.prompt.mask.data.ndim == 2
    assert ("on", 11) not in tracker.told
    one.press("Through the volume")
    one.until(lambda: one.desk.prompt.mask.data.ndim == 3)
    found = one.desk.prompt.mask
    assert found.provenance["way"] == "memory"
    assert found.data.any((1, 2)).tolist() == ball[1].any((1, 2)).tolist()
    assert one.layer("mask").data[0].any()
    assert "planes" in one.desk.message
