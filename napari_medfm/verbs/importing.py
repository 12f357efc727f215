"""Labels made elsewhere: their classes and values, as a session takes them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.arguments import path_of, text_of
from napari_medfm.core.errors import BadInput, NamesMissing
from napari_medfm.core.labels import LabelClass
from napari_medfm.core.runs import Values
from napari_medfm.engine.provenance import version
from napari_medfm.readers.labels import ReadLabels, read_labels
from napari_medfm.verbs.workspace import Workspace

_MAX_NEW = 64


@dataclass(frozen=True, eq=False)
class Imported:
    """Labels of an image in the values of the session's classes.

    Parameters
    ----------
    new
        Name and colour of each class that the session does not have yet, in order.
    values
        Class values of the image's shape; new classes count on from the last one.
    whole
        (class name, mask) of each class from the first that lies under others on,
        lowest first; empty where none does.
    provenance
        Name, format and SHA-256 of the file.
    """

    new: tuple[tuple[str, str | None], ...]
    values: NDArray[np.unsignedinteger[Any]]
    whole: tuple[tuple[str, NDArray[np.bool_]], ...]
    provenance: dict[str, Any]


def labels_from(
    ws: Workspace, image: str, path: str | Path, class_name: str | None, anywhere: bool
) -> Imported:
    """Read a file of labels and match its classes with the session's, by name.

    Raises
    ------
    BadInput, BadFile
        As `Session.import_labels`.
    """
    source, place = ws.image(image), path_of(path, "path")
    if not isinstance(anywhere, bool):
        raise BadInput("anywhere is True or False")
    name = None if class_name is None else text_of(class_name, "class_name")
    found = read_labels(place, source, anywhere=anywhere)
    present = sorted({int(v) for v in np.unique(found.values) if v} | set(found.whole))
    if not present:
        raise BadInput(f"{place.name} holds no labels: every pixel is 0")
    wanted = _wanted(place, found, present, name, ws.labelling.classes)
    known = {c.name: c.value for c in ws.labelling.classes}
    following = max(known.values()) + 1
    new: dict[str, str | None] = {}
    for one, colour in wanted.values():
        if one not in known:
            known[one] = following + len(new)
            new[one] = colour
    table = np.zeros(
        max(present) + 1, np.uint16 if max(known.values()) > 255 else np.uint8
    )
    for value in present:
        table[value] = known[wanted[value][0]]
    lowest = min(found.whole, default=max(present) + 1)
    return Imported(
        tuple(new.items()),
        table[found.values],
        tuple(
            (wanted[value][0], found.whole.get(value, found.values == value))
            for value in present
            if value >= lowest
        ),
        _provenance(place, found),
    )


class TakesLabels(Protocol):
    """The verbs of a session that an import is written down as."""

    add_class: Callable[..., Any]
    accept: Callable[..., Any]

    @property
    def classes(self) -> tuple[LabelClass, ...]:
        """Its classes."""


def take_in(session: TakesLabels, image: str, found: Imported) -> list[str]:
    """Accept what was read; return the classes that there are labels of now."""
    for name, colour in found.new:
        session.add_class(name, colour)
    facts: dict[str, Any] = {"origin": "imported", "provenance": found.provenance}
    session.accept(image, Values.of(found.values), **facts)
    for name, mask in found.whole:
        session.accept(image, mask, name, **facts)
    present = set(np.unique(found.values).tolist())
    return [c.name for c in session.classes if c.value and c.value in present]


def _wanted(
    path: Path,
    found: ReadLabels,
    present: list[int],
    name: str | None,
    classes: tuple[LabelClass, ...],
) -> dict[int, tuple[str, str | None]]:
    """Return name and colour of the class that each value becomes."""
    if name is not None:
        return dict.fromkeys(present, (name, None))
    mine = {c.value: c.name for c in classes}
    unnamed = [v for v in present if v not in found.names and v not in mine]
    if len(unnamed) > _MAX_NEW:
        raise NamesMissing(
            f"{path.name} holds {len(unnamed)} values without names, as if each were "
            "an object: give class_name to take them all as one class"
        )
    wanted: dict[int, tuple[str, str | None]] = {}
    for value in present:
        one = found.names.get(value)
        if one is not None and one.name and one.name != mine.get(0):
            wanted[value] = (one.name, one.colour)
        else:
            wanted[value] = (mine.get(value, f"label {value}"), None)
    return wanted


def _provenance(path: Path, found: ReadLabels) -> dict[str, Any]:
    digest = None
    if path.is_file():
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {
        "program": version(),
        "file": {"name": path.name, "format": found.format, "sha256": digest},
    }
