"""What a change did to the labelling, as JSON values, and doing it again.

A journal holds what came of each call, not only the call, so that opening a project
needs neither images nor models.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from napari_medfm.core.errors import BadFile, BadInput
from napari_medfm.core.image import Image
from napari_medfm.core.labels import LabelClass
from napari_medfm.core.state import Labelling
from napari_medfm.project.parts import OnImages, Reader, Writer

_PAIRED = ("prompts", "masks", "thresholds", "objects")
_MALFORMED = (
    *(KeyError, TypeError, ValueError, IndexError, OverflowError, AttributeError),
)
_LISTED = ("annotations", "accepted")
_COLOUR = re.compile("#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class Outward:
    """Brings what does not fit into a line to its place, and returns its name there.

    Parameters
    ----------
    image
        From an image to its reference, as JSON values.
    head
        From a head to its digest.
    """

    image: Callable[[Image], dict[str, Any]]
    head: Callable[[Any], str]


@dataclass(frozen=True)
class Inward:
    """The way back of `Outward`.

    Parameters
    ----------
    image
        From name and reference to the image.
    head
        From a digest to the head.
    """

    image: Callable[[str, Any], Image]
    head: Callable[[str], Any]


def difference(old: Labelling, new: Labelling, outward: Outward) -> dict[str, Any]:
    """Return what leads from one labelling to another, as JSON values.

    Values that both hold are told by identity: they are frozen.
    """
    form: dict[str, Any] = {}
    if old is new:
        return form
    images = _pairs(old.images, new.images, lambda _, image: outward.image(image))
    if images:
        form["images"] = images
    if old.classes != new.classes:
        form["classes"] = [[c.name, c.value, c.colour] for c in new.classes]
    if old.next_id != new.next_id:
        form["next_id"] = new.next_id
    writer = Writer({**old.images, **new.images})
    for name in _LISTED:
        change = _items(getattr(old, name), getattr(new, name), writer.item(name))
        if change:
            form[name] = change
    for name in _PAIRED:
        change = _pairs(getattr(old, name), getattr(new, name), writer.pair(name))
        if change:
            form[name] = change
    return form | _heads(old, new, outward)


def _heads(old: Labelling, new: Labelling, outward: Outward) -> dict[str, Any]:
    form: dict[str, Any] = {}
    if old.head is not new.head:
        form["head"] = None if new.head is None else outward.head(new.head)
    if old.heads is not new.heads:
        form["heads"] = {k: outward.head(head) for k, head in new.heads.items()}
    return form


def applied(old: Labelling, form: Any, inward: Inward, reader: Reader) -> Labelling:
    """Return the labelling that a difference leads to.

    Raises
    ------
    BadFile
        If the difference is not one that `difference` makes of ``old``.
    """
    if not isinstance(form, dict):
        raise BadFile("an effect is not an object")
    if not form:
        return old
    try:
        return _applied(old, form, inward, reader)
    except BadInput as error:
        raise BadFile(str(error)) from error
    except _MALFORMED as error:
        raise BadFile(f"an effect is malformed ({error!r})") from error


def _applied(
    old: Labelling, form: Mapping[str, Any], inward: Inward, reader: Reader
) -> Labelling:
    known = {"images", "classes", "next_id", "head", "heads", *_LISTED, *_PAIRED}
    if set(form) - known:
        raise BadFile(f"an effect speaks of {sorted(set(form) - known)[0][:40]!r}")
    changes: dict[str, Any] = {}
    if "images" in form:
        changes["images"] = _images(old, form["images"], inward)
    if "classes" in form:
        changes["classes"] = _classes(form["classes"])
    if "next_id" in form:
        changes["next_id"] = reader.whole(form["next_id"])
    if "head" in form:
        head = form["head"]
        changes["head"] = None if head is None else inward.head(head)
    if "heads" in form:
        changes["heads"] = {_level(k): inward.head(d) for k, d in form["heads"].items()}
    images = {**old.images, **changes.get("images", {})}
    decoder = reader.on(images, changes.get("classes", old.classes))
    for name in (*_LISTED, *_PAIRED):
        if name in form:
            read = _listed if name in _LISTED else _paired
            changes[name] = read(getattr(old, name), form[name], decoder, name)
    return old.but(**changes)


def _images(old: Labelling, form: Any, inward: Inward) -> dict[str, Image]:
    images = dict(old.images)
    for key in form["drop"]:
        del images[_name(key)]
    for key, item in form["set"]:
        images[_name(key)] = inward.image(_name(key), item)
    return images


def _listed(items: Any, form: Any, decoder: OnImages, name: str) -> tuple[Any, ...]:
    dropped = {decoder.reader.whole(n) for n in form["drop"]}
    if dropped and max(dropped) >= len(items):
        raise BadFile("an effect drops what is not there")
    kept = [item for n, item in enumerate(items) if n not in dropped]
    return (*kept, *map(decoder.item(name), form["add"]))


def _paired(pairs: Any, form: Any, decoder: OnImages, name: str) -> dict[Any, Any]:
    found, read = dict(pairs), decoder.pair(name)
    for key in form["drop"]:
        del found[decoder.key(key)]
    for key, item in form["set"]:
        found[decoder.key(key)] = read(decoder.key(key), item)
    return found


def _items(old: Any, new: Any, form_of: Callable[[Any], Any]) -> dict[str, Any] | None:
    if old is new:
        return None
    staying = {id(item) for item in new}
    kept = [item for item in old if id(item) in staying]
    if any(a is not b for a, b in zip(kept, new, strict=False)) or len(kept) > len(new):
        kept, staying = [], set()
    dropped = [n for n, item in enumerate(old) if id(item) not in staying]
    added = [form_of(item) for item in new[len(kept) :]]
    return {"drop": dropped, "add": added} if dropped or added else None


def _pairs(
    old: Mapping[Any, Any], new: Mapping[Any, Any], form_of: Callable[[Any, Any], Any]
) -> dict[str, Any] | None:
    if old is new:
        return None
    dropped = [_key(key) for key in old if key not in new]
    nothing = object()
    added = [
        [_key(key), form_of(key, value)]
        for key, value in new.items()
        if old.get(key, nothing) is not value
    ]
    return {"drop": dropped, "set": added} if dropped or added else None


def _key(key: Any) -> Any:
    return list(key) if isinstance(key, tuple) else key


def _name(key: Any) -> str:
    if not isinstance(key, str):
        raise BadFile("the name of an image is no text")
    return key


def _level(key: Any) -> str:
    if key not in ("object", "image"):
        raise BadFile("a head is of no level")
    return str(key)


def _classes(form: Any) -> tuple[LabelClass, ...]:
    classes = tuple(LabelClass(name, value, colour) for name, value, colour in form)
    for c in classes:
        numbered = type(c.value) is int and 0 <= c.value <= 65535
        if type(c.name) is not str or not numbered or not _COLOUR.fullmatch(c.colour):
            raise BadFile("a class is described wrongly")
    values, names = {c.value for c in classes}, {c.name for c in classes}
    if len(values) < len(classes) or len(names) < len(classes) or 0 not in values:
        raise BadFile("the classes do not fit together")
    return classes
