"""What the canvas's controls show, as plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_medfm.bridge.guide import next_step
from napari_medfm.bridge.looks import colour_of
from napari_medfm.notebook._view import box_of, marks_of

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk
    from napari_medfm.bridge.lanes import Lanes


def state_of(desk: Desk, runner: Lanes) -> dict[str, Any]:
    """Return everything but the pixels: plain values that JSON can hold."""
    source, here = desk.source, desk.here
    counts = desk.marking.counts
    return {
        "images": list(desk.session.images),
        "image": desk.image,
        "uid": None if source is None else source.uid,
        "shape": None if source is None else list(source.plane_shape),
        "aspect": _aspect(source),
        "planes": 1 if source is None else source.n_planes,
        "plane": 0 if here is None or here[1] is None else here[1],
        "tool": desk.tools.armed,
        "negative": desk.tools.negative,
        "radius": desk.marking.radius,
        "classes": [
            {
                "value": c.value,
                "name": c.name,
                "colour": colour_of(c),
                "count": counts.get(c.value, 0),
            }
            for c in desk.classes
        ],
        "chosen": desk.chosen_class.value,
        "marks": marks_of(desk),
        "box": box_of(desk),
        "can": _can(desk),
        "threshold": _threshold(desk),
        "similar threshold": _similar_threshold(desk),
        "message": desk.message,
        "problem": desk.is_problem,
        "next": next_step(desk)[1],
        "verdict": desk.live.verdict,
        "busy": _busy(runner),
    }


def _aspect(source: Any) -> float:
    """Return the height of a pixel over its width."""
    if source is None:
        return 1.0
    rows, cols = source.spacing[-2:]
    return float(rows / cols) if cols else 1.0


def _can(desk: Desk) -> dict[str, bool]:
    mask = desk.prompt.mask
    volume = desk.source is not None and desk.source.ndim == 3
    return {
        "undo": desk.timeline.can_undo,
        "redo": desk.timeline.can_redo,
        "accept mask": mask is not None and bool(mask.data.any()),
        "other answer": mask is not None and mask.has_alternatives,
        "through volume": volume and mask is not None and mask.data.ndim == 2,
        "accept similar": desk.similar.map is not None,
        "accept prediction": desk.live.prediction is not None,
        "predict all": volume
        and desk.live.prediction is not None
        and not desk.live.whole,
    }


def _threshold(desk: Desk) -> float | None:
    if desk.live.prediction is None or not desk.chosen_class.value:
        return None
    return desk.live.threshold(desk.chosen_class.name)


def _similar_threshold(desk: Desk) -> float | None:
    """Return where the threshold lies between the least and the most alike."""
    chosen = desk.similar.threshold
    if chosen is None:
        return None
    low, high = desk.similar.limits
    return (chosen - low) / (high - low)


def _busy(runner: Lanes) -> dict[str, Any] | None:
    current = runner.current
    if current is None:
        return None
    title, progress = current
    return {
        "title": title,
        "message": progress.message,
        "done": progress.done,
        "total": progress.total,
    }
