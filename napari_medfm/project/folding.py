"""From the entries of a journal to the state that they lead to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from napari_medfm.core.changes import Change, Move
from napari_medfm.core.errors import BadFile, MedfmError
from napari_medfm.core.forms import call_of
from napari_medfm.core.state import Labelling
from napari_medfm.project.effects import Inward, applied
from napari_medfm.project.gallery import Gallery
from napari_medfm.project.keeping import BEGINNING
from napari_medfm.project.layout import head_path, no_links
from napari_medfm.project.parts import Reader
from napari_medfm.project.shelf import HeadMark, Shelf
from napari_medfm.readers._guard import memory_bytes
from napari_medfm.verbs.headfile import read_head
from napari_medfm.verbs.workspace import Workspace

_MOVES: tuple[Move, ...] = ("step", "amend", "back", "forth", "forget")


@dataclass(frozen=True)
class Folded:
    """What was noticed on the way.

    Parameters
    ----------
    models
        Names of encoder and segmenter at the end; None if they never changed.
    notes
        Sentences for the user.
    """

    models: tuple[str, str] | None
    notes: tuple[str, ...]


def fold(
    ws: Workspace, entries: Sequence[Any], gallery: Gallery, shelf: Shelf
) -> Folded:
    """Bring a fresh workspace to where a journal's entries lead.

    Raises
    ------
    BadFile
        If an entry is malformed, or does not follow from those before.
    """
    inward = Inward(gallery.image, _mark)
    reader = Reader(memory_bytes() // 2)
    models = ws.first_models
    for number, entry in enumerate(entries, 2):
        try:
            change = _change(ws, entry, inward, reader)
        except BadFile as error:
            raise BadFile(f"line {number}: {error}") from error
        ws.take(change)
        models = _models(models, change)
    notes = _with_heads(ws, shelf)
    return Folded(models if models != ws.first_models else None, tuple(notes))


def _mark(digest: str) -> HeadMark:
    if not isinstance(digest, str):
        raise BadFile("a head has no digest")
    return HeadMark(digest)


def _change(ws: Workspace, entry: Any, inward: Inward, reader: Reader) -> Change:
    if not isinstance(entry, dict) or entry.get("move") not in _MOVES:
        raise BadFile("it is no entry")
    call, move, answer = call_of(entry.get("call")), entry["move"], entry.get("answer")
    lag = reader.whole(entry.get("lag", 0))
    if not isinstance(answer, (str, type(None))):
        raise BadFile("it is no entry")
    before = ws.labelling
    if move in ("back", "forth"):
        if not (ws.undo() if move == "back" else ws.redo()):
            raise BadFile("it undoes what was never done")
        return Change(call, before, ws.labelling, move=move, answer=answer, lag=lag)
    base = BEGINNING if move == "forget" else before
    after = applied(base, entry.get("effect"), inward, reader)
    if move == "step":
        ws.change(after)
    elif move == "forget":
        ws.forget_past()
        ws.amend(after)
    else:
        for name, image in after.images.items():
            if before.images.get(name) is not image:
                ws.admit(image)
        ws.amend(after)
    return Change(call, base, after, move=move, answer=answer, lag=lag)


def _models(models: tuple[str, str], change: Change) -> tuple[str, str]:
    verbs = ("use_encoder", "use_segmenter")
    call = change.call
    if call.verb not in verbs or not call.args or not isinstance(call.args[0], str):
        return models
    name = str(call.args[0])
    return (name, models[1]) if call.verb == verbs[0] else (models[0], name)


def _with_heads(ws: Workspace, shelf: Shelf) -> Iterable[str]:
    """Put heads in the place of their marks, wherever undo and redo can lead."""
    heads: dict[str, Any] = {}
    states: dict[int, Labelling] = {}
    notes: list[str] = []

    def head_of(digest: str) -> Any:
        if digest not in heads:
            try:
                heads[digest] = _read(shelf, digest)
            except MedfmError as error:
                heads[digest] = None
                notes.append(f"A head is gone, train it again: {error}")
        return heads[digest]

    def unmarked(head: Any) -> Any:
        return head_of(head.digest) if isinstance(head, HeadMark) else head

    def whole(state: Labelling) -> Labelling:
        marked = [state.head, *state.heads.values()]
        if not any(isinstance(head, HeadMark) for head in marked):
            return state
        if id(state) not in states:
            levels = {level: unmarked(head) for level, head in state.heads.items()}
            states[id(state)] = state.but(
                head=unmarked(state.head),
                heads={k: head for k, head in levels.items() if head is not None},
            )
        return states[id(state)]

    for change in ws.record:
        if change.call.verb == "use_head":
            whole(change.after)
    ws.restore(whole(ws.labelling), map(whole, ws.past), map(whole, ws.future))
    ws.record = [
        replace(
            change,
            before=states.get(id(change.before), change.before),
            after=states.get(id(change.after), change.after),
        )
        for change in ws.record
    ]
    return notes


def _read(shelf: Shelf, digest: str) -> Any:
    path = head_path(shelf.folder, digest)
    no_links(shelf.folder, path)
    head = read_head(path)
    if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        raise BadFile(f"{path} does not hold what was written")
    shelf.knows_head(head, digest)
    return head
