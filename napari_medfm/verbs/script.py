"""A session's record as a Python script."""

from __future__ import annotations

from collections.abc import Sequence

from napari_medfm.core.calls import Call, Given

_REPEATED = {"fit", "predict"}
_USES_HEAD = {
    *("predict", "suggest", "export_head", "export_masks", "export_table"),
    *("rank_images", "export_predictions"),
}


def script_of(history: Sequence[Call], models: tuple[str, str]) -> str:
    """Print calls as a program.

    Images that came as arrays are taken from a dictionary ``images`` that the reader
    fills in; all else is written out. Trainings and predictions that nothing later
    depends on are left out: while labelling there is one of each a click.
    """
    lines = ["from napari_medfm import Session, load_head, runs, values", ""]
    arrays = [
        call.args[0].code
        for call in history
        if call.verb == "add_image" and call.args and isinstance(call.args[0], Given)
    ]
    if arrays:
        lines += ["images = {}  # put your arrays here: " + ", ".join(arrays), ""]
    encoder, segmenter = models
    lines.append(f"s = Session(encoder={encoder!r}, segmenter={segmenter!r})")
    for call in _needed(history):
        kept = f"{call.result} = " if call.result else ""
        lines.append(kept + call.as_python())
    return "\n".join(lines) + "\n"


def _needed(history: Sequence[Call]) -> list[Call]:
    """Drop a `fit` or `predict` that the next of its kind makes worthless."""
    kept: list[Call] = []
    superseded: set[tuple[str, str]] = set()
    named: set[str] = set()
    for call in reversed(history):
        kind = call.verb, _level(call)
        if kind in superseded and call.result not in named:
            continue
        kept.append(call)
        given = (*call.args, *call.kwargs.values())
        named |= {value.code for value in given if isinstance(value, Given)}
        if call.verb in _REPEATED:
            superseded.add(kind)
        if call.verb in _USES_HEAD and "head" not in call.kwargs:
            superseded = {other for other in superseded if other[0] != "fit"}
        if call.verb in ("undo", "redo"):
            superseded.clear()
    return kept[::-1]


def _level(call: Call) -> str:
    place = {"fit": 1, "predict": 4}.get(call.verb, 0)
    given = call.args[place] if len(call.args) > place else call.kwargs.get("level")
    return str(given or "pixel")
