"""Own labels that disagree with what looks like them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.arguments import whole_of
from napari_medfm.core.errors import BadInput
from napari_medfm.core.jobs import Progress, Steps, Work
from napari_medfm.core.labels import LabelClass
from napari_medfm.verbs.examples import Example, certain
from napari_medfm.verbs.snapshot import Labels
from napari_medfm.verbs.workspace import Workspace

_NEIGHBOURS = 7
_LEAST = 0.6
_ROWS = 32


@dataclass(frozen=True)
class Doubt:
    """A label that may be wrong.

    Parameters
    ----------
    annotation
        Its id, for `Session.remove`.
    image, plane, position
        Where it lies; (row, col) on the plane.
    class_name, looks_like
        The class given, and that of most labels that look like it.
    share
        How many of its nearest labels, other than its own, disagree, in [0, 1].
    reason
        One sentence for the user.
    """

    annotation: int
    image: str
    plane: int
    position: tuple[int, int]
    class_name: str
    looks_like: str
    share: float
    reason: str


def doubtful(ws: Workspace, n: int = 10) -> Work[list[Doubt]]:
    """List own labels that disagree with their neighbours in token space, worst first.

    Each labelled place is compared with the seven most similar places of other
    annotations, on whatever image, every class weighing the same; it is listed if
    three in five disagree.

    Parameters
    ----------
    n
        How many at most.

    Raises
    ------
    BadInput
        If fewer than two classes are annotated.
    """
    count = whole_of(n, "n", 1, 1000)
    labels = Labels.of(ws)
    labels.require_two_classes()

    def steps() -> Steps[list[Doubt]]:
        examples, _ = yield from labels.examples()
        yield Progress(0, 1, "comparing labels")
        return doubts_of(certain(examples), labels.classes)[:count]

    return Work("Looking for doubtful labels", steps, lambda found: found)


def doubts_of(
    examples: Sequence[Example], classes: Sequence[LabelClass]
) -> list[Doubt]:
    """Compare labelled places; see `doubtful`.

    Raises
    ------
    BadInput
        If there are labels of one annotation only.
    """
    rows = np.concatenate([_rows(e) for e in examples])
    owner = np.concatenate([[k] * len(_rows(e)) for k, e in enumerate(examples)])
    values = np.array([e.value for e in examples])[owner]
    gesture = _gestures(examples)[owner]
    if len(np.unique(gesture)) < 2:
        raise BadInput("One label cannot disagree with itself: label a second place")
    against = _against(rows, values, gesture)
    names = {c.value: c.name for c in classes}
    found = []
    for k, example in enumerate(examples):
        own = np.flatnonzero(owner == k)
        agree = [against[i].get(example.value, 0.0) for i in own]
        share = 1 - float(np.mean(agree))
        if share >= _LEAST:
            found.append(_doubt(example, share, [against[i] for i in own], names))
    return sorted(found, key=lambda doubt: -doubt.share)


def _rows(example: Example) -> NDArray[np.float32]:
    rows = example.rows("tokens")
    return rows[:: max(1, len(rows) // _ROWS)]


def _gestures(examples: Sequence[Example]) -> NDArray[np.intp]:
    """Number what was marked in one gesture: a click, or all of a region."""
    keys = [
        (e.annotation, k if e.gesture == "points" else -1)
        for k, e in enumerate(examples)
    ]
    numbers = {key: n for n, key in enumerate(dict.fromkeys(keys))}
    return np.array([numbers[key] for key in keys])


def _against(
    rows: NDArray[np.float32], values: NDArray[np.int64], gesture: NDArray[np.intp]
) -> list[dict[int, float]]:
    """Return for each row the share of each class among its neighbours."""
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    weight = {v: 1 / float((values == v).sum()) for v in np.unique(values).tolist()}
    found = []
    for k, row in enumerate(unit):
        cosine = unit @ row
        cosine[gesture == gesture[k]] = -np.inf
        near = np.argsort(-cosine, kind="stable")[:_NEIGHBOURS]
        near = near[np.isfinite(cosine[near])]
        votes: dict[int, float] = {}
        for i in near:
            value = int(values[i])
            votes[value] = votes.get(value, 0.0) + weight[value]
        total = sum(votes.values())
        found.append({value: vote / total for value, vote in votes.items()})
    return found


def _doubt(
    example: Example,
    share: float,
    against: Sequence[dict[int, float]],
    names: dict[int, str],
) -> Doubt:
    votes: dict[int, float] = {}
    for part in against:
        for value, vote in part.items():
            votes[value] = votes.get(value, 0.0) + vote
    votes.pop(example.value, None)
    other = names[max(votes, key=votes.__getitem__)]
    row, col = np.rint(example.pixels.mean(0)).astype(int).tolist()
    name = names[example.value]
    return Doubt(
        annotation=example.annotation,
        image=example.image,
        plane=example.plane,
        position=(row, col),
        class_name=name,
        looks_like=other,
        share=share,
        reason=f"Labelled {name}, but looks like what is labelled {other}",
    )
