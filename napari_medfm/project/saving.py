"""Save a session as a project, or bring its project's folder up to date."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from napari_medfm.core.arguments import path_of
from napari_medfm.core.changes import Change
from napari_medfm.core.errors import BadInput, MedfmError, WriteFailed
from napari_medfm.core.image import Image
from napari_medfm.core.jobs import Progress, Steps, Work
from napari_medfm.core.state import Labelling
from napari_medfm.engine.atomic import atomic_bytes
from napari_medfm.engine.provenance import version
from napari_medfm.engine.rawzarr import chunks_of
from napari_medfm.engine.underway import folder_underway
from napari_medfm.project.draft import Draft
from napari_medfm.project.journal import Journal, Lines, new_journal
from napari_medfm.project.keeping import (
    DONE,
    Project,
    bound_to,
    entry_of,
    header_of,
)
from napari_medfm.project.layout import (
    FACTS,
    HEADS,
    JOURNAL,
    LABELS,
    SCHEMA,
    SUFFIX,
    head_path,
    labels_path,
)
from napari_medfm.project.lock import Lock
from napari_medfm.project.pixels import keep_pixels
from napari_medfm.project.shelf import Shelf
from napari_medfm.verbs.labelling import label_map
from napari_medfm.verbs.models import model_facts
from napari_medfm.verbs.workspace import Workspace


@dataclass(frozen=True)
class Saved:
    """What was saved.

    Parameters
    ----------
    path
        The project's folder.
    images, actions
        How many it holds.
    kept
        Bytes of each image that is kept inside, because it came without a file.
    """

    path: Path
    images: int
    actions: int
    kept: Mapping[str, int]

    def __str__(self) -> str:
        images = "1 image" if self.images == 1 else f"{self.images} images"
        actions = "1 action" if self.actions == 1 else f"{self.actions} actions"
        text = f"Saved {self.path}: {images}, {actions}"
        if not self.kept:
            return text
        size = sum(self.kept.values()) / 1e6
        names = ", ".join(self.kept)
        return f"{text}; kept inside, having no file: {names} ({size:.1f} MB)"


@dataclass(frozen=True)
class _Snapshot:
    """What is saved: taken in the session's thread, written in any."""

    record: tuple[Change, ...]
    state: Labelling
    reachable: tuple[Labelling, ...]
    first_models: tuple[str, str]
    models: Mapping[str, Any]


def save(ws: Workspace, path: str | Path | None = None) -> Work[Saved]:
    """Save everything as a project, a folder that ends in .medfm.

    From then on every change is written into its journal as it is made, and survives
    whatever happens to the program; saving again brings the label maps in it up to
    date, for other programs to read.

    Parameters
    ----------
    path
        Where to; the session's own project if None. A new path leaves the old project
        as it is.

    Returns
    -------
    Saved
        Print it to see what was written, and how large the images kept inside are.

    Raises
    ------
    BadInput
        If there is no project yet and no path, or something else is there.
    WriteFailed
        If it cannot be written; the session is as it was.
    """
    bound = bound_to(ws)
    project = None if bound is None or bound.is_draft else bound
    target = _target(project, path)
    snapshot = _Snapshot(
        tuple(ws.record),
        ws.labelling,
        (ws.labelling, *ws.past, *ws.future),
        ws.first_models,
        {"encoder": _model(ws.encoder), "segmenter": _model(ws.segmenter)},
    )
    title = f"Saving {target.name}"
    if project is not None and _same(project.folder, target) and target.is_dir():
        journal = project.journal
        if journal is None:
            raise BadInput(
                f"{target} was opened for reading: save as another project, "
                'save("OTHER.medfm")'
            )
        project.flush()
        count, chain = journal.count, journal.chain
        return Work(
            title,
            lambda: _update(project.shelf, snapshot, target, (count, chain)),
            lambda _: _updated(ws, project, snapshot),
        )
    if target.exists():
        raise BadInput(f"{target} exists: choose another name, or remove it first")
    old = None if bound is None else bound.shelf
    return Work(
        title,
        lambda: _new(target, snapshot, old),
        lambda made: _bound(ws, bound, snapshot, made),
    )


def _target(project: Project | None, path: str | Path | None) -> Path:
    if path is not None:
        target = path_of(path, "path").expanduser()
        if target.suffix != SUFFIX:
            raise BadInput(
                f"A project is a folder that ends in {SUFFIX}: {target.name}{SUFFIX}?"
            )
        return target.absolute()
    if project is None:
        raise BadInput('Say where to save: save("NAME.medfm")')
    return project.folder


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def _model(model: Any) -> dict[str, Any]:
    loaded = model.loaded
    return {"name": model.name} if loaded is None else model_facts(loaded)


Made = tuple[Shelf, Lines]


def _new(target: Path, snapshot: _Snapshot, old: Shelf | None) -> Steps[Made]:
    """Write a whole project beside ``target``, and move it there."""
    with _failing(target), _temporary(target) as folder:
        shelf = Shelf(folder, target.parent)
        if old is not None:
            for state in snapshot.reachable:
                shelf.take_from(old, state.images)
            for change in snapshot.record:
                shelf.take_from(old, change.after.images)
        entries: list[Any] = [header_of(snapshot.first_models)]
        for done, change in enumerate(snapshot.record):
            yield Progress(done, len(snapshot.record), "writing the journal")
            entries.append(entry_of(change, shelf))
        lines = new_journal(folder / JOURNAL, entries)
        mark = len(entries), lines.chain
        yield from _update(shelf, snapshot, target, mark)
        if target.exists():
            raise OSError(f"{target} was made by another program meanwhile")
        folder.rename(target)
        shelf.folder = target
    return shelf, lines


def _update(
    shelf: Shelf, snapshot: _Snapshot, target: Path, mark: tuple[int, str]
) -> Steps[None]:
    """Write the label maps, then the facts that name them."""
    with _failing(target):
        state, folder = snapshot.state, shelf.folder
        labelled = {item.image for item in state.accepted}
        maps: dict[str, Any] = {}
        for done, (name, image) in enumerate(state.images.items()):
            yield Progress(done, len(state.images), f"writing the labels of {name}")
            if name in labelled:
                maps[name] = yield from _label_map(folder, state, image)
        facts = {
            "kind": "napari-medfm project",
            "schema": SCHEMA,
            "program": version(),
            "saved": datetime.now(UTC).isoformat(timespec="seconds"),
            "entries": mark[0],
            "chain": mark[1],
            "models": dict(snapshot.models),
            "classes": [[c.name, c.value, c.colour] for c in state.classes],
            "images": {n: shelf.reference(i).form() for n, i in state.images.items()},
            "labels": maps,
            "head": None if state.head is None else shelf.head(state.head),
        }
        text = json.dumps(facts, indent=1, ensure_ascii=True, allow_nan=False)
        atomic_bytes(folder / FACTS, text.encode() + b"\n")


def _label_map(folder: Path, state: Labelling, image: Image) -> Steps[dict[str, Any]]:
    labels = label_map(state, image)
    digest = yield from keep_pixels(labels, lambda d: labels_path(folder, d))
    return {
        "sha256": digest,
        "shape": list(labels.shape),
        "dtype": labels.dtype.name,
        "chunks": list(chunks_of(labels.shape, labels.dtype.name)),
    }


def _clear_up(ws: Workspace, project: Project) -> None:
    """Remove label maps of earlier saves, and heads that nothing brings back."""
    shelf = project.shelf
    facts = json.loads((shelf.folder / FACTS).read_text("utf-8"))
    given = [c.after for c in ws.record if c.call.verb == "use_head"]
    states = (ws.labelling, *ws.past, *ws.future, *given)
    held = [head for s in states for head in (s.head, *s.heads.values())]
    heads = {shelf.head(head) for head in held if head is not None}
    keep = {head_path(shelf.folder, digest).name for digest in heads}
    if facts["head"] is not None:
        keep.add(head_path(shelf.folder, facts["head"]).name)
    for labels in facts["labels"].values():
        keep.add(labels_path(shelf.folder, labels["sha256"]).name)
    for part in (LABELS, HEADS):
        folder = shelf.folder / part
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.name in keep:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _bound(
    ws: Workspace, old: Project | None, snapshot: _Snapshot, made: Made
) -> Saved:
    """Bind the session to what was written, and write down what came meanwhile."""
    shelf, lines = made
    project = Project(shelf, missing=None if old is None else old.missing)
    with _failing(shelf.folder):
        lock = Lock(shelf.folder)
        project.bind(Journal(shelf.folder / JOURNAL, lines), lock)
    ws.keeper = project
    for change in _since(ws, snapshot):
        project.keep(change)
    if isinstance(old, Draft):
        old.discard()
    elif old is not None:
        old.close()
    return _saved(project)


def _updated(ws: Workspace, project: Project, snapshot: _Snapshot) -> Saved:
    with _failing(project.folder):
        _clear_up(ws, project)
    project.since_save = sum(c.move in DONE for c in _since(ws, snapshot))
    return _saved(project)


def _since(ws: Workspace, snapshot: _Snapshot) -> list[Change]:
    """Return what was done while it was being saved."""
    known = {id(change) for change in snapshot.record}
    return [change for change in ws.record if id(change) not in known]


def _saved(project: Project) -> Saved:
    journal = project.journal
    count = 0 if journal is None else journal.count - 1
    images = json.loads((project.folder / FACTS).read_text("utf-8"))["images"]
    return Saved(project.folder, len(images), count, dict(project.shelf.kept))


@contextmanager
def _temporary(target: Path) -> Iterator[Path]:
    target.parent.mkdir(parents=True, exist_ok=True)
    with folder_underway(target.parent) as folder:
        folder.chmod(0o755)
        yield folder


@contextmanager
def _failing(target: Path) -> Iterator[None]:
    """Turn what the disk says into one line with a way out."""
    try:
        yield
    except MedfmError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise WriteFailed(
            f"Could not save {target}: {reason}. Nothing is lost, the session is as it "
            "was: free some space, or save elsewhere"
        ) from error
