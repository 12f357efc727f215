"""Open a project: from its journal, whatever happened to the program that wrote it."""

from __future__ import annotations

import re
import shutil
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medfm.core.calls import Call
from napari_medfm.core.errors import BadFile, BadInput, MedfmError, MissingWeights
from napari_medfm.core.state import Accepted
from napari_medfm.project.draft import Draft, is_among_drafts
from napari_medfm.project.facts import Facts, read_facts
from napari_medfm.project.folding import Folded, fold
from napari_medfm.project.gallery import Gallery
from napari_medfm.project.journal import Journal, Lines, new_journal, read_journal
from napari_medfm.project.keeping import DONE, Project, ProjectWarning, bound_to
from napari_medfm.project.layout import JOURNAL, SCHEMA, labels_path
from napari_medfm.project.lock import Lock
from napari_medfm.project.migrations import migrated
from napari_medfm.project.pixels import kept_pixels
from napari_medfm.project.shelf import Shelf
from napari_medfm.verbs.labelling import label_map, with_accepted
from napari_medfm.verbs.models import Model

if TYPE_CHECKING:
    from napari_medfm.session import Session

_GIVEN = re.compile(r"images\['(.*)'\]")


def load_project(
    path: str | Path,
    *,
    images: str | Path | None = None,
    read_only: bool = False,
    take_over: bool = False,
    salvage: bool = False,
    as_saved: bool = False,
    **options: Any,
) -> Session:
    """Open a project as a session: images, labels, head, history, undo to full depth.

    Neither models nor the network are needed. What was found on the way (actions
    recovered after a crash, images that moved or are missing) is in
    ``session.project.notes``, and given as `ProjectWarning`.

    Parameters
    ----------
    path
        The project's folder.
    images
        A folder in which to look for image files that are no longer where they were.
    read_only
        Write nothing; needs no lock.
    take_over
        Open it even if a program on another computer seems to have it open.
    salvage
        Open what a damaged journal still says, with the label maps of the last save.
        The damaged file is kept beside it.
    as_saved
        Leave out what was done after the last save. The journal that has it is kept
        beside, as ``journal.ahead.jsonl``.
    options
        As for `Session`: cache_dir, device, offline; encoder and segmenter only as
        loaded models, for names that no catalogue has.

    Raises
    ------
    BadFile
        If it is no project, or damaged; nothing in it is ever run.
    InUse
        If another program has it open.
    """
    mode = Mode(read_only, take_over, salvage, as_saved)
    session = opened(Path(path), images, mode, options)
    bound = bound_to(session.workspace)
    for note in bound.notes if bound is not None else ():
        warnings.warn(note, ProjectWarning, stacklevel=2)
    return session


@dataclass(frozen=True)
class Mode:
    """How a project is opened; as the arguments of `load_project`."""

    read_only: bool = False
    take_over: bool = False
    salvage: bool = False
    as_saved: bool = False


def opened(
    path: Path, images: str | Path | None, mode: Mode, options: dict[str, Any]
) -> Session:
    """Open a project as `load_project` does, without a warning for each note."""
    folder = path.expanduser().absolute()
    if not folder.is_dir():
        raise BadFile(
            f"There is no project {folder}: it is a folder that ends in .medfm"
        )
    notes: list[str] = []
    lock = None if mode.read_only else _lock(folder, mode.take_over, notes)
    try:
        where = None if images is None else Path(images).expanduser()
        session, project, read = _opened(folder, where, mode, notes, options)
        if lock is not None:
            project.bind(_journal(folder, read), lock)
            project.flush()
            if mode.salvage and not project.is_draft:
                session.save()
    except BaseException:
        if lock is not None:
            lock.release()
        raise
    project.notes = tuple(notes)
    return session


def _lock(folder: Path, take_over: bool, notes: list[str]) -> Lock | None:
    if not (folder / JOURNAL).is_file():
        raise BadFile(f"{folder} is not a project: it has no {JOURNAL}")
    try:
        return Lock(folder, take_over)
    except OSError as error:
        notes.append(
            f"{folder} cannot be written ({error.strerror or error}): it is open for "
            "reading, and what you change is kept when you save it elsewhere"
        )
        return None


def _opened(
    folder: Path,
    images: Path | None,
    mode: Mode,
    notes: list[str],
    options: dict[str, Any],
) -> tuple[Session, Project, _Read]:
    kind = Draft if is_among_drafts(folder) else Project
    facts = Facts() if kind.is_draft else read_facts(folder, notes)
    read = _read(folder, facts, mode, notes)
    shelf = Shelf(folder, folder.parent, kind.largest_copy)
    gallery = Gallery(shelf, facts.images, images)
    session = _session(read.entries[0], options)
    workspace = session.workspace
    try:
        folded = fold(workspace, read.entries[1:], gallery, shelf)
    except BadFile as error:
        raise BadFile(f"{folder / JOURNAL}: {error}") from error
    notes += folded.notes
    _use_models(session, folded, options)
    project = kind(shelf, missing=gallery.missing(workspace.images))
    notes += [f"{name}: {text}" for name, text in project.missing.items()]
    notes += gallery.moved
    project.since_save = read.since
    workspace.keeper = project
    if mode.salvage:
        _take_saved_labels(session, facts, folder, notes)
    return session, project, read


class _Read:
    """A journal as read: its entries in today's form, and what the file holds."""

    def __init__(self, entries: list[Any], lines: Lines, rewrite: str | None) -> None:
        self.entries, self.lines, self.rewrite = entries, lines, rewrite
        self.since = 0


def _read(folder: Path, facts: Facts, mode: Mode, notes: list[str]) -> _Read:
    path, salvage = folder / JOURNAL, mode.salvage
    lines = read_journal(path, salvage=salvage)
    try:
        entries = migrated(list(lines.entries))
    except BadFile as error:
        raise BadFile(f"{path}: {error}") from error
    schema = lines.entries[0]["schema"]
    count = len(entries) - 1
    rewrite = None
    if schema < SCHEMA:
        rewrite = f"schema{schema}"
        notes.append(
            f"The project was written by an older program (schema {schema}); its "
            f"journal is kept as journal.{rewrite}.jsonl"
        )
    if mode.as_saved:
        entries = _as_saved(path, entries, facts, notes)
        rewrite = rewrite or ("ahead" if len(entries) <= count else None)
    elif facts.entries is not None:
        _compare(path, entries, facts.entries, salvage, notes)
    if lines.torn and not salvage:
        notes.append("The last action was never finished: it is left out")
    if lines.torn and salvage:
        rewrite = "damaged"
        notes.append(
            f"The journal is damaged after {count} actions; it is kept as "
            "journal.damaged.jsonl"
        )
    read = _Read(entries, lines, rewrite)
    read.since = done_since(entries, facts.entries or len(entries))
    return read


def _compare(
    path: Path, entries: list[Any], saved: int, salvage: bool, notes: list[str]
) -> None:
    """Compare a journal with what the last save says of it."""
    if saved > len(entries):
        if not salvage:
            raise BadFile(
                f"{path} ends before the last save: {saved - len(entries)} actions are "
                "missing. The rest can be opened, with the label maps of that save: "
                "open it in the window, which asks, or with salvage=True"
            )
        return
    number = _since(entries, saved)
    if number:
        what = "1 action" if number == 1 else f"{number} actions"
        notes.append(f"{what} after the last save came from the journal")


def _as_saved(
    path: Path, entries: list[Any], facts: Facts, notes: list[str]
) -> list[Any]:
    """Return the entries up to the last save."""
    saved = facts.entries
    if saved is None or saved > len(entries):
        raise BadFile(
            f"{path}: where the last save ended cannot be told; open the project with "
            "all that the journal says"
        )
    if saved < len(entries):
        notes.append(
            "What was done after the last save is left out; a copy of the journal "
            "keeps it"
        )
    return entries[:saved]


def done_since(entries: list[Any], saved: int) -> int:
    """Count what the user did after a save of so many entries, the header included."""
    later = [entry for entry in entries[saved:] if isinstance(entry, dict)]
    moves = [entry.get("move") for entry in later]
    return sum(isinstance(move, str) and move in DONE for move in moves)


def _since(entries: list[Any], saved: int) -> int:
    """Count what was done after a save; saving itself is nothing done."""
    verbs = [
        entry.get("call", {}).get("verb")
        for entry in entries[saved:]
        if isinstance(entry, dict) and isinstance(entry.get("call"), dict)
    ]
    return sum(verb != "save" for verb in verbs)


def _journal(folder: Path, read: _Read) -> Journal:
    """Open the journal for writing; one in an older form is written anew."""
    path = folder / JOURNAL
    if read.rewrite is None:
        return Journal(path, read.lines)
    backup = _free(folder, read.rewrite)
    fresh = folder / f"{JOURNAL}.new"
    fresh.unlink(missing_ok=True)
    shutil.copy2(path, backup)
    lines = new_journal(fresh, read.entries)
    fresh.replace(path)
    return Journal(path, lines)


def _free(folder: Path, word: str) -> Path:
    path, number = folder / f"journal.{word}.jsonl", 2
    while path.exists():
        path, number = folder / f"journal.{word}-{number}.jsonl", number + 1
    return path


def _session(header: Mapping[str, Any], options: dict[str, Any]) -> Session:
    """Make the session; a model that nobody knows here is named, and not loaded."""
    from napari_medfm.session import Session

    kept = {k: v for k, v in options.items() if k not in ("encoder", "segmenter")}
    session = Session(**kept)
    names = header.get("encoder"), header.get("segmenter")
    if not all(isinstance(name, str) and len(name) <= 200 for name in names):
        raise BadFile("its first line names no models")
    session.workspace.first_models = (str(names[0]), str(names[1]))
    return session


def _use_models(session: Session, folded: Folded, options: dict[str, Any]) -> None:
    workspace = session.workspace
    encoder, segmenter = folded.models or workspace.first_models
    workspace.use_encoder(
        _model(session.encoder_model, encoder, options.get("encoder"))
    )
    workspace.use_segmenter(
        _model(session.segmenter_model, segmenter, options.get("segmenter"))
    )
    for call in workspace.history:
        if call.verb == "add_image" and call.args:
            found = _GIVEN.fullmatch(repr(call.args[0]))
            if found:
                workspace.given.add(found[1])


def _model(known: Any, name: str, given: Any) -> Any:
    if given is not None and not isinstance(given, str) and given.spec.name == name:
        return known(given)
    try:
        return known(name)
    except BadInput as error:
        reason = str(error)

        def load() -> Any:
            raise MissingWeights(f"The project uses the model {name!r}: {reason}")

        return Model(name, load)


def _take_saved_labels(
    session: Session, facts: Facts, folder: Path, notes: list[str]
) -> None:
    """Take the label maps of the last save where the journal's are others."""
    workspace = session.workspace
    for name, (digest, shape, dtype) in facts.labels.items():
        image = workspace.images.get(name)
        if image is None or tuple(shape) != image.shape:
            notes.append(f"The labels of {name!r} could not be salvaged: no such image")
            continue
        try:
            path = labels_path(folder, digest)
            labels = kept_pixels(folder, path, digest, shape, dtype)[...]
        except MedfmError as error:
            notes.append(f"The labels of {name!r} could not be salvaged: {error}")
            continue
        known = {c.value for c in workspace.labelling.classes}
        same = bool((label_map(workspace.labelling, image) == labels).all())
        if same or not set(_values(labels)) <= known | {0}:
            continue
        item = Accepted(name, None, labels, False, "imported", {"made_by": "salvage"})
        after = with_accepted(workspace.labelling, item)
        call = Call.of("accept", (name, labels), {"origin": "imported"})
        workspace.commit(partial(workspace.change, after), call)
        notes.append(f"The labels of {name!r} are those of the last save")


def _values(labels: Any) -> Iterable[int]:
    import numpy as np

    found: list[int] = np.unique(labels).tolist()
    return found
