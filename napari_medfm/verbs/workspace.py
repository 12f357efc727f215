"""What a session owns: images, models, caches, the labelling and its past."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from psygnal import Signal

from napari_medfm.core.arguments import shown
from napari_medfm.core.calls import Call
from napari_medfm.core.changes import Change, Keeper, Move, answer_digest
from napari_medfm.core.errors import BadInput
from napari_medfm.core.image import Image
from napari_medfm.core.labels import Annotation, LabelClass
from napari_medfm.core.specs import Encoder, Segmenter
from napari_medfm.core.state import Labelling
from napari_medfm.engine.crops import CropCache
from napari_medfm.engine.store import EmbeddingStore
from napari_medfm.engine.validate import Report
from napari_medfm.verbs.memory import UndoMemory
from napari_medfm.verbs.models import Model
from napari_medfm.verbs.planes import FeatureCache, IndexCache, PlaneReader

T = TypeVar("T")
UNDO_BYTES = 256 * 2**20
BACKGROUND = LabelClass("background", 0, "#000000")
_MOVES: dict[str, Move] = {"undo": "back", "redo": "forth", "forget_past": "forget"}


class Workspace:
    """The mutable heart of one session; only verbs and the session touch it.

    Everything that changes goes through `commit`, which emits ``changed`` once a call,
    in the thread that commits. Listeners that change the session are told of the next
    change after all have heard of this one.

    Parameters
    ----------
    encoder, segmenter
        Models by name, loaded on first use.
    embeddings
        Where they are kept; None keeps them in memory only.
    find_encoder
        Returns a further encoder, whose weights are here, by its name.
    undo_bytes
        What undo may hold before the other answers of old prompts go.

    Attributes
    ----------
    given
        What scripts call the arrays that were passed in; each another.
    tested
        The newest report of each level, and the annotations that it is about.
    similar
        How the last similarity map of each image (by its uid) was made.
    record
        All changes since the session began, or since `forget_past`.
    taken
        How many changes there were since the session began.
    keeper
        Writes each change down; None where there is no project.
    memory
        What masks, prompts and labels hold, those of the past included.
    """

    changed = Signal(Change, reemission="queued")

    def __init__(
        self,
        encoder: Model[Encoder],
        segmenter: Model[Segmenter],
        embeddings: Path | None,
        find_encoder: Callable[[str | Encoder], Model[Encoder]],
        undo_bytes: int = UNDO_BYTES,
    ) -> None:
        self.encoder = encoder
        self.segmenter = segmenter
        self.find_encoder = find_encoder
        self.first_models = (encoder.name, segmenter.name)
        self.crops = CropCache()
        self.planes = PlaneReader(encoder, EmbeddingStore(embeddings), FeatureCache())
        self.indices = IndexCache()
        self.history: list[Call] = []
        self.given: set[str] = set()
        self.similar: dict[int, dict[str, Any]] = {}
        self.tested: dict[str, tuple[tuple[Annotation, ...], Report]] = {}
        self.record: list[Change] = []
        self.taken = 0
        self.keeper: Keeper | None = None
        self.memory = UndoMemory(undo_bytes)
        self.labelling = Labelling(classes=(BACKGROUND,))
        self._past: list[Labelling] = []
        self._future: list[Labelling] = []

    def commit(
        self, change: Callable[[], T], call: Call, asked: int | None = None
    ) -> T:
        """Make a change, write the call down, and tell whoever listens.

        Parameters
        ----------
        asked
            What `taken` was when the call's snapshot was taken; now if None.
        """
        before, models = self.labelling, (self.encoder, self.segmenter)
        depth, lag = self.depth, 0 if asked is None else self.taken - asked
        value = change()
        call = replace(call, result=getattr(value, "as_code", None))
        changed = models != (self.encoder, self.segmenter)
        move = _MOVES.get(call.verb) or ("step" if self.depth > depth else "amend")
        now, answer = self.labelling, answer_digest(value)
        self.take(Change(call, before, now, changed, move, answer, lag))
        self.changed.emit(self.record[-1])
        return value

    def take(self, change: Change) -> None:
        """Add a change to the record, in memory and where it is kept."""
        self.history.append(change.call)
        self.taken += 1
        if change.move == "forget":
            change = replace(change, before=Labelling(classes=(BACKGROUND,)))
            self.record.clear()
        self.record.append(change)
        if self.keeper is not None:
            self.keeper.keep(change)

    @property
    def images(self) -> Mapping[str, Image]:
        """The images by name."""
        return self.labelling.images

    def admit(self, image: Image) -> None:
        """Add an image; that is no step to undo.

        Earlier and later labellings get it too, but for those that have another image
        of that name.
        """
        self.labelling = _with_image(self.labelling, image)
        self._past = [_with_image(state, image) for state in self._past]
        self._future = [_with_image(state, image) for state in self._future]

    def image(self, name: str) -> Image:
        """Return an image by name.

        Raises
        ------
        BadInput
            If there is none of that name.
        """
        try:
            return self.images[name]
        except (KeyError, TypeError):
            known = ", ".join(map(repr, self.images)) or "none yet; use add_image"
            raise BadInput(f"No image {shown(name)} in this session: {known}") from None

    def holds(self, image: Image) -> bool:
        """Whether this very image is still here."""
        return getattr(self.images.get(image.name), "uid", None) == image.uid

    def use_encoder(self, encoder: Model[Encoder]) -> None:
        """Read planes through another encoder from now on."""
        self.encoder = encoder
        self.planes = PlaneReader(encoder, self.planes.store, FeatureCache())

    def keep_embeddings_in(self, folder: Path) -> None:
        """Keep embeddings in another folder from now on."""
        self.planes = PlaneReader(self.encoder, EmbeddingStore(folder), FeatureCache())

    def use_segmenter(self, segmenter: Model[Segmenter]) -> None:
        """Answer prompts with another segmenter from now on."""
        self.segmenter = segmenter

    def change(self, labelling: Labelling) -> None:
        """Take a new labelling; `undo` returns to the one before."""
        self._past.append(self.labelling)
        if self._future:
            self.memory.forget(self._future, self.labelling)
            self._future.clear()
        self.memory.step(self.labelling, labelling)
        self.labelling = labelling

    def amend(self, labelling: Labelling) -> None:
        """Take what follows from the labelling, such as a head: no step to undo."""
        self.labelling = labelling

    def forget_past(self) -> None:
        """Let go of all that undo and redo could bring back."""
        self._past.clear()
        self._future.clear()
        self.memory.count([self.labelling])

    def restore(
        self,
        labelling: Labelling,
        past: Iterable[Labelling],
        future: Iterable[Labelling],
    ) -> None:
        """Stand where another session stood, its past and future included."""
        self.labelling = labelling
        self._past, self._future = list(past), list(future)
        self.memory.count([*self._past, *self._future, labelling])

    def undo(self) -> bool:
        """Return to the labelling before the last change; False if there is none."""
        if not self._past:
            return False
        self._future.append(self.labelling)
        self.labelling = self._past.pop()
        return True

    def redo(self) -> bool:
        """Take back the last undo; False if there is none."""
        if not self._future:
            return False
        self._past.append(self.labelling)
        self.labelling = self._future.pop()
        return True

    @property
    def past(self) -> tuple[Labelling, ...]:
        """What `undo` would return to, the next one last."""
        return tuple(self._past)

    @property
    def future(self) -> tuple[Labelling, ...]:
        """What `redo` would return to, the next one last."""
        return tuple(self._future)

    @property
    def depth(self) -> int:
        """How many changes `undo` could take back one after another."""
        return len(self._past)

    @property
    def can_undo(self) -> bool:
        """Whether there is something to undo."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether there is something to redo."""
        return bool(self._future)


def _with_image(labelling: Labelling, image: Image) -> Labelling:
    if image.name in labelling.images:
        return labelling
    return labelling.but(images={**labelling.images, image.name: image})
