"""What a session tells those who listen: one `Change` for every call it took in."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal, Protocol

import numpy as np

from napari_medfm.core.calls import Call
from napari_medfm.core.results import Mask, Prediction
from napari_medfm.core.state import Labelling

Move = Literal["step", "amend", "back", "forth", "forget"]


@dataclass(frozen=True, eq=False)
class Change:
    """A call that was committed, and what it changed.

    Parameters
    ----------
    call
        As it now stands at the end of ``session.history``.
    before, after
        What the user had made until then, and has made now; the same object where the
        call only answered.
    models
        Whether the encoder or the segmenter was changed.
    move
        What it is to undo: a step, no step, a step back or forth, or the end of all
        that undo could bring back.
    answer
        SHA-256 of the array that was answered, so that the same call can be compared.
    lag
        How many changes came between the call's snapshot and its commit.
    """

    call: Call
    before: Labelling
    after: Labelling
    models: bool = False
    move: Move = "amend"
    answer: str | None = None
    lag: int = 0

    @cached_property
    def parts(self) -> frozenset[str]:
        """Names of the fields of `Labelling` that differ, and "models".

        Empty for calls that only answer, such as `embed` and `predict`.
        """
        found = {"models"} if self.models else set()
        if self.before is not self.after:
            found |= {
                field.name
                for field in fields(Labelling)
                if getattr(self.before, field.name)
                is not getattr(self.after, field.name)
            }
        return frozenset(found)


def answer_digest(answer: Any) -> str | None:
    """Return the SHA-256 of the array in an answer: a mask, a prediction, maps.

    None if there is none in it.
    """
    if isinstance(answer, Mask):
        answer = answer.data
    if isinstance(answer, Prediction):
        answer = answer.labels
    maps = answer if isinstance(answer, Mapping) else {"": answer}
    if not maps or not all(isinstance(part, np.ndarray) for part in maps.values()):
        return None
    digest = hashlib.sha256()
    for name, part in maps.items():
        digest.update(f"{name}{part.dtype.str}{part.shape}".encode())
        digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()


class Keeper(Protocol):
    """Writes down every change as it is made: the journal of a project."""

    def keep(self, change: Change) -> None:
        """Write a change down before anybody hears of it. Never raises."""
