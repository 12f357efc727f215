"""Classes: added, renamed, recoloured, merged, deleted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from napari_medfm.core.arguments import shown
from napari_medfm.core.errors import BadInput
from napari_medfm.core.labels import IGNORE, LabelClass
from napari_medfm.core.state import Accepted, Labelling
from napari_medfm.verbs.gesture import Deed
from napari_medfm.verbs.labelling import class_of
from napari_medfm.verbs.workspace import Workspace

# Okabe and Ito's palette, which colour-blind people can tell apart.
PALETTE = (
    "#e69f00",
    "#56b4e9",
    "#009e73",
    "#f0e442",
    "#0072b2",
    "#d55e00",
    "#cc79a7",
    "#999999",
)
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_MAX_CLASSES = 65535
_MAX_NAME = 200


def add_class(ws: Workspace, name: str, colour: str | None = None) -> Deed[LabelClass]:
    """Add a class; values are 1, 2, ... in the order added, 0 is "background".

    Raises
    ------
    BadInput
        If the name is taken or empty, or the colour is not #rrggbb.
    """
    new = with_class(ws.labelling, name, colour)

    def do() -> LabelClass:
        ws.change(new)
        return new.classes[-1]

    return Deed(do)


def rename_class(ws: Workspace, name: str, new_name: str) -> Deed[None]:
    """Call a class something else; labels and heads keep knowing it.

    Raises
    ------
    BadInput
        If there is no such class, it is the background, or the new name is taken.
    """
    old = _own(ws.labelling, name)
    new = replace(old, name=_free_name(ws.labelling, new_name))
    return Deed(lambda: ws.change(_with(ws.labelling, new)))


def recolour_class(ws: Workspace, name: str, colour: str) -> Deed[None]:
    """Show a class in another colour, #rrggbb.

    Raises
    ------
    BadInput
        If there is no such class, it is the background, or this is no colour.
    """
    new = replace(_own(ws.labelling, name), colour=_colour(colour))
    return Deed(lambda: ws.change(_with(ws.labelling, new)))


def merge_classes(ws: Workspace, name: str, into: str) -> Deed[None]:
    """Make all labels of one class labels of another; the first is no more.

    Heads that knew the class are let go, since they would still tell it apart: fit
    again.

    Raises
    ------
    BadInput
        If there is no such class, it is the background, or both are the same.
    """
    old, other = _own(ws.labelling, name), class_of(ws.labelling, into)
    if other == old:
        raise BadInput(f"{name!r} cannot be merged into {into!r}: name another class")
    return Deed(lambda: ws.change(_moved(ws.labelling, old, other.value)))


def delete_class(ws: Workspace, name: str) -> Deed[None]:
    """Delete a class with all labels of it; what was accepted becomes background.

    Heads that knew the class are let go: fit again.

    Raises
    ------
    BadInput
        If there is no such class, or it is the background.
    """
    old = _own(ws.labelling, name)
    return Deed(lambda: ws.change(_moved(ws.labelling, old, None)))


def with_class(labelling: Labelling, name: str, colour: str | None) -> Labelling:
    """Add a class with the next free value.

    Raises
    ------
    BadInput
        If the name is empty or taken, or the colour is not of the form #rrggbb.
    """
    name = _free_name(labelling, name)
    value = max(c.value for c in labelling.classes) + 1
    if value > _MAX_CLASSES:
        raise BadInput(f"More than {_MAX_CLASSES} classes do not fit into a label map")
    chosen = PALETTE[(value - 1) % len(PALETTE)] if colour is None else _colour(colour)
    return labelling.but(classes=(*labelling.classes, LabelClass(name, value, chosen)))


def _free_name(labelling: Labelling, wanted: Any) -> str:
    name = wanted.strip() if isinstance(wanted, str) else ""
    if not name:
        raise BadInput(f"A class needs a name, got {shown(wanted)}")
    if len(name) > _MAX_NAME or not name.isprintable():
        raise BadInput(f"A class's name is one line of up to {_MAX_NAME} characters")
    if any(c.name == name for c in (*labelling.classes, IGNORE)):
        raise BadInput(f"There already is a class {name!r}: choose another name")
    return name


def _colour(colour: Any) -> str:
    if isinstance(colour, str) and _COLOUR.fullmatch(colour):
        return colour
    raise BadInput(f"A colour is written #rrggbb, got {shown(colour)}")


def _own(labelling: Labelling, name: str) -> LabelClass:
    """Return a class that may be changed."""
    found = class_of(labelling, name)
    if found.value < 1:
        raise BadInput(f"{name!r} is always there and stays as it is")
    return found


def _with(labelling: Labelling, new: LabelClass) -> Labelling:
    """Put a class in the place of the one of its value, in heads too."""
    heads = {level: _knowing(head, new) for level, head in labelling.heads.items()}
    classes = tuple(new if c.value == new.value else c for c in labelling.classes)
    return labelling.but(
        classes=classes, head=_knowing(labelling.head, new), heads=heads
    )


def _knowing(head: Any, new: LabelClass) -> Any:
    if head is None or new.value not in head.values:
        return head
    classes = tuple(new if c.value == new.value else c for c in head.classes)
    return head.with_classes(classes)


def _moved(labelling: Labelling, old: LabelClass, value: int | None) -> Labelling:
    """Give what a class has to another value, or to nobody."""
    kept = [
        a for a in labelling.annotations if a.value != old.value or value is not None
    ]
    annotations = tuple(
        replace(a, value=value) if a.value == old.value and value is not None else a
        for a in kept
    )
    heads = {k: v for k, v in labelling.heads.items() if old.value not in v.values}
    forgotten = labelling.head is not None and old.value in labelling.head.values
    return labelling.but(
        classes=tuple(c for c in labelling.classes if c != old),
        annotations=annotations,
        accepted=tuple(_painted(a, old.value, value or 0) for a in labelling.accepted),
        thresholds=_without(labelling.thresholds, old.value),
        head=None if forgotten else labelling.head,
        heads=heads,
    )


def _painted(item: Accepted, old: int, new: int) -> Accepted:
    where = item.labels == old
    if not where.any():
        return item
    return replace(
        item, labels=np.where(where, item.labels.dtype.type(new), item.labels)
    )


def _without(
    thresholds: Mapping[tuple[str, int], float], value: int
) -> dict[tuple[str, int], float]:
    return {key: bias for key, bias in thresholds.items() if key[1] != value}
