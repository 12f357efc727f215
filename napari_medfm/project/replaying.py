"""Do again what a journal says, and compare, bit for bit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_medfm.core.calls import Given
from napari_medfm.core.changes import Change, answer_digest
from napari_medfm.core.errors import BadFile, BadInput, MedfmError
from napari_medfm.core.jobs import Job, Progress, Steps, finished
from napari_medfm.core.state import Labelling
from napari_medfm.project.keeping import bound_to
from napari_medfm.project.opening import Mode, opened
from napari_medfm.session import Session
from napari_medfm.verbs.gesture import Gesture
from napari_medfm.verbs.labelling import label_map
from napari_medfm.verbs.verb import Verb

_UNSEEN = {
    *("save", "export_masks", "export_head", "export_table", "export_dataset"),
    *("export_predictions", "embed", "report", "suggest", "doubtful", "rank_images"),
    "compare",
}
_PLAIN = {"undo", "redo", "forget_past", "use_encoder", "use_segmenter"}
_VERBS = (Verb, Gesture)


@dataclass(frozen=True)
class Replayed:
    """What came of doing everything again.

    Parameters
    ----------
    calls
        How many were done again.
    masks
        How many answers and labellings were compared.
    difference
        The first that differs, in words; None if none does.
    session
        The session that did it.
    """

    calls: int
    masks: int
    difference: str | None
    session: Session


def replay_project(
    path: str | Path,
    *,
    images: str | Path | None = None,
    stop: bool = False,
    **options: Any,
) -> Replayed:
    """Make every mask of a project again, and compare bit for bit.

    Nothing is written into the project; its images and models are needed.

    Parameters
    ----------
    path
        The project's folder.
    images
        A folder in which to look for image files that are no longer where they were.
    stop
        Whether to end at the first difference.
    options
        As for `Session`: cache_dir, device, offline; encoder and segmenter only as
        loaded models, for names that no catalogue has.

    Raises
    ------
    BadFile
        If it is no project, or damaged.
    BadInput
        If an image is missing.
    """
    recorded = recorded_in(Path(path), images, options)
    encoder, segmenter = recorded.workspace.first_models
    models = {"encoder": encoder, "segmenter": segmenter, **options}
    return finished(replay(recorded, Session(**models), stop=stop))


def recorded_in(
    path: Path, images: str | Path | None, options: dict[str, Any]
) -> Session:
    """Open a project for reading, with all its images.

    Raises
    ------
    BadInput
        If an image is missing.
    """
    session = opened(path, images, Mode(read_only=True), options)
    bound = bound_to(session.workspace)
    for text in bound.missing.values() if bound is not None else ():
        raise BadInput(text)
    return session


def replay(recorded: Session, fresh: Session, *, stop: bool) -> Steps[Replayed]:
    """Do all that a session did in a fresh one of the same models, and compare.

    Masks, predictions, similarity maps, annotations, objects, label maps, thresholds
    and heads of all levels are compared as they were when each was made. Answers
    are the same bits on the same machine with the same libraries; other processors may
    round otherwise.

    Parameters
    ----------
    recorded
        A session that was opened; its images must be here.
    fresh
        A session with nothing in it.
    stop
        Whether to end at the first difference.
    """
    record = recorded.workspace.record
    again = _Again(fresh, record)
    calls = masks = 0
    first: str | None = None
    for number, change in enumerate(record):
        yield Progress(number, len(record), change.call.verb)
        try:
            again.plan(number)
            found = again.do(number, change)
        except (MedfmError, TypeError) as error:  # or other arguments than a verb has
            found = f"it cannot be done again: {error}"
        if change.call.verb in _UNSEEN:
            continue
        calls += 1
        masks += change.answer is not None or change.before is not change.after
        if found is not None:
            first = first or f"call {number + 1}, {_shown(change)}: {found}"
            if stop:
                break
    if first is None:
        first = _label_maps(recorded, fresh)
    return Replayed(calls, masks, first, fresh)


class _Again:
    """Does calls again, each from the snapshot that it was given then."""

    def __init__(self, fresh: Session, record: Sequence[Change]) -> None:
        self._session, self._record = fresh, record
        self._results: dict[str, Any] = {}
        self._waiting: dict[int, Job[Any]] = {}
        self._asked: dict[int, list[int]] = defaultdict(list)
        for number, change in enumerate(record):
            if change.lag and change.call.verb not in _UNSEEN:
                self._asked[max(0, number - change.lag)].append(number)

    def plan(self, number: int) -> None:
        """Take the snapshots of later calls that were asked for before this one."""
        for later in self._asked[number]:
            args, kwargs = self._arguments(self._record[later])
            verb = self._verb(self._record[later].call.verb)
            self._waiting[later] = Job(verb.work(*args, **kwargs))

    def do(self, number: int, change: Change) -> str | None:
        """Do one call again; return what differs."""
        call, ws = change.call, self._session.workspace
        if call.verb in _UNSEEN:
            return None
        if call.verb == "add_image":
            _admit(self._session, change)
        elif call.verb == "use_head":
            after = change.after
            given = {"head": after.head, "heads": dict(after.heads)}
            ws.change(ws.labelling.but(classes=after.classes, **given))
        else:
            value = self._value(number, change)
            if call.result is not None:
                self._results[call.result] = value
            if change.answer is not None and answer_digest(value) != change.answer:
                return "the answer is not the same"
        return next(_differences(change, ws.labelling), None)

    def _value(self, number: int, change: Change) -> Any:
        job = self._waiting.pop(number, None)
        if job is not None:
            job.drain()
            return job.result()
        args, kwargs = self._arguments(change)
        return self._verb(change.call.verb)(*args, **kwargs)

    def _verb(self, name: str) -> Any:
        """Return what does a call again; a journal may not name anything else."""
        if name not in _PLAIN and not isinstance(vars(Session).get(name), _VERBS):
            raise BadFile(f"{name[:40]!r} is nothing that a session does")
        return getattr(self._session, name)

    def _arguments(self, change: Change) -> tuple[list[Any], dict[str, Any]]:
        args = [_filled(arg, self._results) for arg in change.call.args]
        kwargs = change.call.kwargs.items()
        return args, {name: _filled(arg, self._results) for name, arg in kwargs}


def _admit(fresh: Session, change: Change) -> None:
    """Take the image that was added then: the same pixels."""
    for name, image in change.after.images.items():
        if change.before.images.get(name) is not image:
            fresh.workspace.admit(image)


def _filled(value: Any, results: Mapping[str, Any]) -> Any:
    return results.get(value.code, value) if isinstance(value, Given) else value


def _differences(change: Change, now: Labelling) -> Iterator[str]:
    """Yield in which parts of a labelling that a call made its repetition differs."""
    then, before = change.after, change.before
    if [(c.name, c.value) for c in then.classes] != [
        (c.name, c.value) for c in now.classes
    ]:
        yield "the classes are others"
    if len(then.annotations) != len(now.annotations):
        yield "the annotations are others in number"
    if len(then.accepted) != len(now.accepted):
        yield "the accepted regions are others in number"
    known = {id(item) for item in (*before.annotations, *before.accepted)}
    for mark, made in zip(then.annotations, now.annotations, strict=False):
        if id(mark) not in known and not _equal(mark.pixels, made.pixels):
            yield f"annotation {mark.id} has other pixels"
    for old, new in zip(then.accepted, now.accepted, strict=False):
        if id(old) not in known and not _equal(old.labels, new.labels):
            yield _pixels("accepted labels", old.labels, new.labels)
    yield from _masks(change, now)
    yield from _objects(change, now)
    yield from _all_heads(change, now)


def _masks(change: Change, now: Labelling) -> Iterator[str]:
    for key, mask in change.after.masks.items():
        if change.before.masks.get(key) is mask:
            continue
        made = now.masks.get(key)
        if made is None or not _equal(mask.data, made.data):
            yield _pixels("the mask", mask.data, None if made is None else made.data)


def _objects(change: Change, now: Labelling) -> Iterator[str]:
    for name, objects in change.after.objects.items():
        if change.before.objects.get(name) is objects:
            continue
        made = now.objects.get(name)
        if made is None or not _equal(objects, made):
            yield _pixels(f"the objects of {name!r}", objects, made)


def _all_heads(change: Change, now: Labelling) -> Iterator[str]:
    then, before = change.after, change.before
    if dict(then.thresholds) != dict(now.thresholds):
        yield "the thresholds are others"
    if then.head is not before.head:
        yield from _heads(then.head, now.head)
    for level, head in then.heads.items():
        if before.heads.get(level) is not head:
            yield from _heads(head, now.heads.get(level))


def _heads(old: Any, new: Any) -> Iterator[str]:
    if not hasattr(old, "tensors"):
        return
    if new is None:
        yield "there is no head"
        return
    mine, other = old.tensors(), new.tensors()
    if list(mine) != list(other) or old.classes != new.classes:
        yield "the head is of another kind"
    elif not all(_equal(mine[name], other[name]) for name in mine):
        yield "the head has other numbers"


def _label_maps(recorded: Session, fresh: Session) -> str | None:
    for name, image in recorded.images.items():
        other = fresh.images.get(name)
        if other is None:
            return f"the image {name!r} is not there in the end"
        old = label_map(recorded.labelling, image)
        new = label_map(fresh.labelling, other)
        if not _equal(old, new):
            return f"in the end, of {name!r}: {_pixels('the labels', old, new)}"
    return None


def _equal(one: Any, other: Any) -> bool:
    return one.shape == other.shape and bool((np.asarray(one) == other).all())


def _pixels(what: str, old: Any, new: Any) -> str:
    if new is None or old.shape != new.shape:
        return f"{what} is not there"
    return f"{what}: {int((old != new).sum())} of {old.size} pixels differ"


def _shown(change: Change) -> str:
    text = change.call.as_python("s")
    return text if len(text) <= 80 else f"{text[:77]}..."
