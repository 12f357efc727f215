"""A session's record as a Python script."""

from __future__ import annotations

from collections.abc import Sequence

from napari_medfm.core.calls import Call, Given


def script_of(history: Sequence[Call], models: tuple[str, str]) -> str:
    """Print calls as a program.

    Images that came as arrays are taken from a dictionary ``images`` that the reader
    fills in; all else is written out.
    """
    lines = ["from napari_medfm import Session, load_head, runs", ""]
    arrays = [
        call.args[0]
        for call in history
        if call.verb == "add_image" and isinstance(call.args[0], Given)
    ]
    if arrays:
        names = ", ".join(repr(str(a.code)[8:-2]) for a in arrays)
        lines += [f"images = {{}}  # put your arrays here: {names}", ""]
    encoder, segmenter = models
    lines.append(f"s = Session(encoder={encoder!r}, segmenter={segmenter!r})")
    lines += [call.as_python() for call in history]
    return "\n".join(lines) + "\n"
