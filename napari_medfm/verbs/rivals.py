"""Compare encoders on the labels of a session."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.arguments import choice_of, list_of
from napari_medfm.core.errors import BadInput
from napari_medfm.core.jobs import Steps, Work
from napari_medfm.core.labels import LabelClass, Level
from napari_medfm.core.specs import Encoder, EncoderSpec
from napari_medfm.engine.pool import row_losses
from napari_medfm.engine.sidebyside import (
    Comparison,
    Contender,
    behind,
    likely,
    voices_of,
)
from napari_medfm.engine.validate import balanced_accuracy, dice
from napari_medfm.verbs import samples
from napari_medfm.verbs.fitting import check_recipe
from napari_medfm.verbs.imagelevel import image_samples, read_samples
from napari_medfm.verbs.models import Model
from napari_medfm.verbs.objects import object_labels, read_objects
from napari_medfm.verbs.planes import FeatureCache, PlaneReader
from napari_medfm.verbs.recipes import (
    LEVELLED,
    NOTHING_HELD_OUT,
    PARTS,
    held_out,
    honest_logits,
)
from napari_medfm.verbs.samples import Sample
from napari_medfm.verbs.snapshot import Labels
from napari_medfm.verbs.training import labelled_classes
from napari_medfm.verbs.workspace import Workspace


def compare(
    ws: Workspace,
    encoders: Sequence[str | Encoder],
    head: str = "logistic",
    level: Level = "pixel",
) -> Work[Comparison]:
    """Compare encoders on your own labels: the same recipe, the same labels held out.

    The session keeps its own encoder. What an encoder reads is kept on disk, so that
    the next comparison, or a change to it, need not read again.

    Parameters
    ----------
    encoders
        Two or more: names, whose weights must be here, or loaded models.
    head
        What to train on each, as for `fit`, but not "auto": "logistic" and "ridge" see
        nothing but the encoder's tokens, which is what is to be compared.
    level
        As for `fit`.

    Returns
    -------
    Comparison
        The best by log-loss first, with what these labels can and cannot tell.

    Raises
    ------
    BadInput
        If fewer than two encoders or classes are there, or nothing can be held out.
    MissingWeights
        If an encoder is not on this machine.
    """
    check_recipe(head, level)
    if head == "auto":
        recipes = PARTS if level == "pixel" else samples.RECIPES[level]
        choice_of(head, "head", tuple(recipes))
    asked = list_of(encoders, "encoders")
    rivals = [ws.find_encoder(encoder) for encoder in asked]
    names = [model.name for model in rivals]
    if len(set(names)) != len(names) or len(names) < 2:
        raise BadInput(
            f"compare needs two different encoders at least, got {', '.join(names)}"
        )
    test = _pixels(ws, head) if level == "pixel" else _samples(ws, head, level)
    store = ws.planes.store

    def steps() -> Steps[Comparison]:
        found = []
        for model in rivals:
            watched = _Watched(model)
            reader = PlaneReader(watched, store, FeatureCache())
            begun = time.perf_counter()
            tested = yield from test(reader)
            seconds = time.perf_counter() - begun - watched.seconds
            found.append((model.get().spec, tested, watched.seconds, seconds))
        return _compared(head, found)

    title = f"Comparing {' and '.join(names)}"
    return Work(title, steps, lambda comparison: comparison)


class _Watched(Model[Encoder]):
    """A model that knows how long it was held."""

    def __init__(self, model: Model[Encoder]) -> None:
        super().__init__(model.name, model.get)
        self._inner, self.seconds = model, 0.0

    @contextmanager
    def use(self) -> Iterator[Encoder]:
        """Hold the model, and count the time."""
        with self._inner.use() as encoder:
            begun = time.perf_counter()
            try:
                yield encoder
            finally:
                self.seconds += time.perf_counter() - begun


@dataclass(frozen=True, eq=False)
class _Tested:
    """Logits of held-out rows, each of a label; all encoders have the same rows."""

    classes: tuple[str, ...]
    how: str
    folds: int
    logits: NDArray[np.float32]
    index: NDArray[np.intp]
    weights: NDArray[np.float64]
    label: NDArray[np.intp]
    groups: tuple[str, ...]

    @property
    def losses(self) -> NDArray[np.float64]:
        """Each label's share of the mean log-loss."""
        rows = row_losses(self.logits, self.index) * self.weights
        shares = np.bincount(self.label, rows / self.weights.sum())
        return shares.astype(np.float64)

    @property
    def right(self) -> NDArray[np.float64]:
        """Share of each label's rows that was found right."""
        right = (self.logits.argmax(1) == self.index).astype(float)
        share = np.bincount(self.label, right) / np.bincount(self.label)
        return share.astype(np.float64)


def _pixels(ws: Workspace, head: str) -> partial[Steps[_Tested]]:
    labels = Labels.of(ws)
    labels.require_two_classes()
    return partial(_pixels_tested, labels, head)


def _pixels_tested(labels: Labels, head: str, reader: PlaneReader) -> Steps[_Tested]:
    examples, rest = yield from replace(labels, reader=reader).examples()
    ordered = sorted(examples, key=lambda e: (e.annotation, e.plane))
    known = labelled_classes(ordered, labels.classes)
    values = [c.value for c in known]
    level = head in LEVELLED
    found = yield from held_out(ordered, PARTS[head], values, rest if level else ())
    if found is None:
        raise BadInput(NOTHING_HELD_OUT)
    numbers, label = np.unique(found.example, return_inverse=True)
    return _Tested(
        _names(known),
        found.folds.how,
        found.folds.count,
        honest_logits(PARTS[head], found, level),
        found.index,
        found.weights,
        label.astype(np.intp),
        tuple(ordered[number].group for number in numbers),
    )


def _samples(ws: Workspace, head: str, level: Level) -> partial[Steps[_Tested]]:
    labelled = [a for a in ws.labelling.annotations if a.level == level]
    known = samples.known_classes(labelled, ws.labelling.classes, level)
    if level == "object":
        reading = partial(read_objects, object_labels(ws))
    else:
        reading = partial(read_samples, image_samples(ws)[0])
    return partial(_samples_tested, reading, _names(known), head)


def _samples_tested(
    reading: partial[Steps[list[Sample]]],
    classes: tuple[str, ...],
    head: str,
    reader: PlaneReader,
) -> Steps[_Tested]:
    read = yield from reading(reader)
    found = yield from samples.held_out(read, [head])
    if found is None:
        raise BadInput(NOTHING_HELD_OUT)
    return _Tested(
        classes,
        found.how,
        found.folds,
        found.logits[head],
        found.index,
        found.weights,
        np.arange(len(found.index)),
        tuple(read[number].group for number in found.tested),
    )


def _names(classes: Sequence[LabelClass]) -> tuple[str, ...]:
    return tuple(c.name for c in classes)


def _compared(
    head: str, found: Sequence[tuple[EncoderSpec, _Tested, float, float]]
) -> Comparison:
    ordered = sorted(found, key=lambda one: float(one[1].losses.sum()))
    first = ordered[0][1]
    voices = voices_of(first.groups)
    columns = np.zeros(len(first.groups), np.intp)
    columns[first.label] = first.index
    contenders = []
    for spec, tested, read, train in ordered:
        taken = tested.logits.argmax(1)
        contenders.append(
            Contender(
                encoder=spec.name,
                title=spec.title,
                licence=spec.licence,
                commercial=spec.commercial,
                dice={
                    name: dice(tested.index, taken, k)
                    for k, name in enumerate(tested.classes)
                },
                balanced_accuracy=balanced_accuracy(tested.index, taken),
                likely=likely(tested.right, columns, voices),
                log_loss=float(tested.losses.sum()),
                behind=(0.0, 0.0)
                if tested is first
                else behind(tested.losses, first.losses, voices),
                read_seconds=read,
                train_seconds=train,
            )
        )
    return Comparison(
        recipe=head,
        how=first.how,
        folds=first.folds,
        labels=len(first.groups),
        voices=len(np.unique(voices)),
        groups=len(set(first.groups)),
        contenders=tuple(contenders),
    )
