"""How much memory undo may hold: the other answers of old prompts go first."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from napari_medfm.core.labels import Annotation, Prompt
from napari_medfm.core.packed import nbytes_of, pack
from napari_medfm.core.results import Mask
from napari_medfm.core.state import Accepted, Labelling

_NEW = 8
Kept = Mask | Prompt | Annotation | Accepted


class UndoMemory:
    """Counts what masks, prompts and labels hold, and keeps it near a budget.

    Masks, prompts and labels always stay: undo returns to them exactly. All but the
    newest eight masks are packed. What goes when there is too much are the other
    answers of prompts, oldest first, but for those of masks in hand.

    Parameters
    ----------
    max_bytes
        The budget.

    Attributes
    ----------
    nbytes
        What is held now, but for the newest masks.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.nbytes = 0
        self._new: deque[Mask] = deque()
        self._masks: deque[Mask] = deque()

    def step(self, before: Labelling, after: Labelling) -> None:
        """Count what a step added, and make room."""
        known = {id(item) for item in _kept_by(before)}
        self._add(item for item in _kept_by(after) if id(item) not in known)
        in_hand = {id(mask) for mask in after.masks.values()}
        spared: list[Mask] = []
        while self.nbytes > self.max_bytes and self._masks:
            mask = self._masks.popleft()
            if id(mask) in in_hand:
                spared.append(mask)
            else:
                self.nbytes -= mask.drop_alternatives()
        self._masks.extendleft(reversed(spared))

    def forget(self, states: Iterable[Labelling], now: Labelling) -> None:
        """Let go of what these states alone held: redo cannot bring them back."""
        kept = {id(item) for item in _kept_by(now)}
        held = {id(item): item for state in states for item in _kept_by(state)}
        gone = {number: item for number, item in held.items() if number not in kept}
        new = {id(mask) for mask in self._new}
        self.nbytes -= sum(nbytes_of(i) for n, i in gone.items() if n not in new)
        self._new = deque(mask for mask in self._new if id(mask) not in gone)
        self._masks = deque(mask for mask in self._masks if id(mask) not in gone)

    def count(self, states: Iterable[Labelling]) -> None:
        """Count anew: these states are all that is held."""
        self.nbytes = 0
        self._new.clear()
        self._masks.clear()
        self._add({id(i): i for state in states for i in _kept_by(state)}.values())

    def _add(self, items: Iterable[Kept]) -> None:
        for item in items:
            if isinstance(item, Mask):
                self._new.append(item)
            else:
                self.nbytes += nbytes_of(item)
        while len(self._new) > _NEW:
            mask = self._new.popleft()
            pack(mask)
            self.nbytes += nbytes_of(mask)
            if mask.has_alternatives:
                self._masks.append(mask)


def _kept_by(state: Labelling) -> list[Kept]:
    return [
        *state.masks.values(),
        *state.prompts.values(),
        *state.annotations,
        *state.accepted,
    ]
