"""What labelling cost: gestures and seconds per image, from the record of calls."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from napari_medfm.core.calls import Call
from napari_medfm.core.changes import Change
from napari_medfm.core.errors import BadInput
from napari_medfm.core.image import Image
from napari_medfm.core.state import Labelling
from napari_medfm.engine.atomic import atomic_bytes
from napari_medfm.verbs.labelling import label_map

IDLE = 60.0
_PROGRAM = {
    *("fit", "predict", "embed", "suggest", "report", "save", "use_encoder"),
    *("use_segmenter", "export_masks", "export_head", "export_table", "forget_past"),
    *("export_dataset", "export_predictions", "doubtful", "rank_images", "compare"),
}
_HUMAN = ("edited", "imported")
_INK, _GREY = "#1c2026", "#6e747c"


@dataclass(frozen=True)
class Effort:
    """What was done for one image.

    Parameters
    ----------
    clicks
        Points placed: examples, points of prompts and of similarity, and objects and
        images given to a class.
    strokes
        Regions painted or outlined: examples, lassos and scribbles.
    boxes
        Boxes drawn, around objects or as examples.
    accepted
        Masks, predictions and similar places taken into the labels.
    edits
        Times that the labels were painted over by hand.
    undone
        Steps taken back.
    seconds
        Time between gestures; a gap longer than a minute counts as a minute.
    unchanged
        Share of the pixels of accepted labels that nobody edited: those equal in what
        was accepted and in the final labels, by those labelled in either. None where
        nothing was accepted.
    """

    image: str
    clicks: int = 0
    strokes: int = 0
    boxes: int = 0
    accepted: int = 0
    edits: int = 0
    undone: int = 0
    seconds: float = 0.0
    unchanged: float | None = None


def ledger(record: Sequence[Change], state: Labelling) -> tuple[Effort, ...]:
    """Return the effort for each image that is there, in order.

    Parameters
    ----------
    record
        All changes, in the order in which they took effect.
    state
        What they led to.
    """
    counts = {name: dict.fromkeys(_COUNTED, 0) for name in state.images}
    seconds = dict.fromkeys(state.images, 0.0)
    prompts: dict[Any, list[Any]] = {}
    last_time: float | None = None
    last_image: str | None = None
    for change in sorted(record, key=lambda c: c.call.at):
        call = change.call
        if call.verb in _PROGRAM:
            continue
        image = image_of(call, change) or last_image
        if image in counts:
            for name, number in _gesture(call, prompts).items():
                counts[image][name] += number
            if last_time is not None:
                seconds[image] += min(max(call.at - last_time, 0.0), IDLE)
        last_time, last_image = call.at, image
    return tuple(
        Effort(
            image=name,
            **counts[name],
            seconds=round(seconds[name], 1),
            unchanged=_unchanged(state, image),
        )
        for name, image in state.images.items()
    )


_COUNTED = ("clicks", "strokes", "boxes", "accepted", "edits", "undone")


def image_of(call: Call, change: Change) -> str | None:
    """Return the image that a gesture is about, by name; None if it does not say."""
    if call.verb == "add_image":
        return next(
            (n for n in change.after.images if n not in change.before.images), None
        )
    if call.verb == "remove":
        kept = {a.id for a in change.after.annotations}
        gone = [a.image for a in change.before.annotations if a.id not in kept]
        return gone[0] if gone else None
    name = call.kwargs.get("image", call.args[0] if call.args else None)
    return name if isinstance(name, str) and name in change.before.images else None


def _gesture(call: Call, before: dict[Any, Any]) -> dict[str, int]:
    """Return what one call adds to the counts.

    Parameters
    ----------
    before
        Prompts that each place had already; a prompt is repeated with each correction.
    """
    told = _named(call)
    if call.verb == "annotate":
        if told.get("points") is not None:
            return {"clicks": len(_points(told["points"]))}
        return {"strokes" if told.get("box") is None else "boxes": 1}
    if call.verb in ("annotate_image", "annotate_object"):
        return {"clicks": 1}
    if call.verb in _ASKING:
        key = (call.verb, str(told.get("image")), str(told.get("plane")))
        old, before[key] = before.get(key, {}), told
        return {
            "clicks": sum(_more(told, old, name) for name in _POINTS),
            "boxes": _is_new(told, old, "box"),
            "strokes": sum(_is_new(told, old, name) for name in _LINES),
        }
    if call.verb == "accept":
        return {"edits" if told.get("origin") in _HUMAN else "accepted": 1}
    return {"undone": 1} if call.verb == "undo" else {}


_ASKING = ("segment", "similarity", "segment_like")
_POINTS, _LINES = ("points", "at", "against"), ("polygon", "scribble")


def _more(told: dict[str, Any], old: dict[str, Any], name: str) -> int:
    known = _points(old.get(name))
    return sum(point not in known for point in _points(told.get(name)))


def _is_new(told: dict[str, Any], old: dict[str, Any], name: str) -> int:
    return int(told.get(name) is not None and told[name] != old.get(name))


_ORDER = {
    "annotate": ("image", "class_name", "points", "mask", "plane"),
    "segment": ("image", "box", "points", "point_labels", "mask", "plane"),
    "similarity": ("image", "at", "against"),
    "segment_like": ("image", "at", "against", "plane"),
    "accept": ("image", "what", "class_name", "plane", "origin"),
}


def _named(call: Call) -> dict[str, Any]:
    return {
        **dict(zip(_ORDER.get(call.verb, ()), call.args, strict=False)),
        **call.kwargs,
    }


def _points(points: Any) -> list[Any]:
    """Return the points of a recorded call; a single one as a list of it."""
    if not isinstance(points, (list, tuple)) or not points:
        return []
    several = all(isinstance(point, (list, tuple)) for point in points)
    return list(points) if several else [points]


def _unchanged(state: Labelling, image: Image) -> float | None:
    """Compare what was accepted, without edits, with the labels as they are."""
    offered = tuple(a for a in state.accepted if a.origin not in _HUMAN)
    if not any(a.image == image.name for a in offered):
        return None
    before, now = label_map(state.but(accepted=offered), image), label_map(state, image)
    either = (before != 0) | (now != 0)
    return round(float((before == now)[either].mean()), 4) if either.any() else 1.0


def write_ledger(path: Path, efforts: Sequence[Effort]) -> None:
    """Write a table or a picture, as the suffix says.

    Raises
    ------
    BadInput
        If the suffix is neither .csv nor .png.
    WriteFailed
        If the folder cannot be written.
    """
    write = {".csv": write_csv, ".png": write_plot}.get(path.suffix.lower())
    if write is None:
        raise BadInput(f"A ledger is a .csv or a .png file, not {path.name!r}")
    write(path, efforts)


def write_csv(path: Path, efforts: Sequence[Effort]) -> None:
    """Write a row for each image.

    Raises
    ------
    WriteFailed
        If the folder cannot be written.
    """
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [field.name for field in fields(Effort)])
    writer.writeheader()
    writer.writerows(asdict(effort) for effort in efforts)
    atomic_bytes(path, text.getvalue().encode())


def write_plot(path: Path, efforts: Sequence[Effort]) -> None:
    """Draw seconds, gestures and what was accepted unchanged, a row for each image.

    Raises
    ------
    WriteFailed
        If the folder cannot be written.
    """
    from PIL import Image as Pictures
    from PIL import ImageDraw, ImageFont

    row, left, width = 34, 240, 250
    page = Pictures.new(
        "RGB", (left + 3 * width + 40, 70 + row * len(efforts)), "white"
    )
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(14)
    for line, effort in enumerate(efforts):
        draw.text((16, 54 + line * row), _short(effort.image), fill=_INK, font=font)
    columns: list[tuple[str, list[float | None], str, bool]] = [
        ("seconds", [e.seconds for e in efforts], "#0072b2", False),
        ("gestures", [float(_gestures(e)) for e in efforts], "#e69f00", False),
        ("accepted unchanged", [e.unchanged for e in efforts], "#009e73", True),
    ]
    for number, (title, values, colour, is_share) in enumerate(columns):
        x = left + number * width
        draw.text((x, 20), title, fill=_INK, font=font)
        top = 1.0 if is_share else max((v for v in values if v), default=1.0)
        for line, value in enumerate(values):
            y = 54 + line * row
            if value is None:
                draw.text((x, y), "nothing accepted", fill=_GREY, font=font)
                continue
            end = x + int((width - 80) * value / top)
            draw.rectangle((x, y, max(end, x + 1), y + 18), fill=colour)
            text = f"{value:.0%}" if is_share else f"{value:g}"
            draw.text((end + 6, y), text, fill=_INK, font=font)
    content = io.BytesIO()
    page.save(content, "PNG")
    atomic_bytes(path, content.getvalue())


def _gestures(effort: Effort) -> int:
    return effort.clicks + effort.strokes + effort.boxes + effort.edits


def _short(name: str) -> str:
    return name if len(name) <= 28 else f"{name[:27]}…"
