"""A head over many images: the engine of ``napari-medfm apply``, in the window."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medfm.bridge.asking import Ask
from napari_medfm.bridge.exchange import fresh_session
from napari_medfm.commands.applying import (
    FAILED,
    THERE,
    WRITTEN,
    Applying,
    Outcome,
    encoder_of,
    summary_in,
    targets_of,
    to_mind,
)
from napari_medfm.commands.inputs import Input, inputs_of
from napari_medfm.core.errors import BadInput, Cancelled
from napari_medfm.core.jobs import Progress, Steps, Work
from napari_medfm.verbs.headfile import read_head

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk
    from napari_medfm.session import Session
    from napari_medfm.verbs.trained import TrainedModel

WAITING = "waiting"


@dataclass(frozen=True)
class Order:
    """What is to be done.

    Parameters
    ----------
    head
        A head's file; the head in hand if None.
    out
        Folder for the masks.
    suffix
        Their format, such as "nii.gz".
    overwrite
        Write masks again that are there.
    """

    head: Path | None = None
    out: Path | None = None
    suffix: str = "nii.gz"
    overwrite: bool = False


@dataclass(frozen=True)
class Row:
    """An image of the batch, and how it stands with it."""

    path: Path
    state: str
    detail: str = ""

    @property
    def failed(self) -> bool:
        """Whether it could not be done."""
        return self.state == FAILED


@dataclass(frozen=True)
class Minded:
    """A batch that is not begun before the user has read what to mind."""

    order: Order
    inputs: tuple[Input, ...]
    sentences: tuple[str, ...]


class Batch:
    """Images to be done with one head, and what became of each."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.order = Order()
        self.inputs: tuple[Input, ...] = ()
        self._outcomes: dict[str, Outcome] = {}
        self._ask: Ask[list[Outcome]] = Ask(desk, "batch", lambda: None)
        self._look: Ask[list[Input]] = Ask(desk, "batch images", lambda: None)
        self._mind: Ask[list[str]] = Ask(desk, "batch mind", lambda: None)
        self._minded: Minded | None = None
        self._agreed: Minded | None = None

    # What is to be done

    def change(self, **wishes: Any) -> None:
        """Change the order; what was done with another one is not shown any more."""
        order = replace(self.order, **wishes)
        if order != self.order and not self.running:
            self.order = order
            self._outcomes.clear()
            self._desk.changed.emit()

    def add(self, paths: Sequence[Path]) -> None:
        """Add images; folders are looked through."""
        desk = self._desk

        def steps() -> Steps[list[Input]]:
            yield Progress(0, 1, "looking for images")
            return inputs_of(paths)

        def found(inputs: list[Input]) -> None:
            known = {item.path for item in self.inputs}
            new = [item for item in inputs if item.path not in known]
            self.inputs = (*self.inputs, *new)
            words = "1 image" if len(new) == 1 else f"{len(new)} images"
            desk.say(f"{words} added" if new else "There are no other images there")
            desk.changed.emit()

        self._look.begin(
            lambda: Work("Looking for images", steps, lambda inputs: inputs), found
        )

    def clear(self) -> None:
        """Take all images off the list; no file is touched."""
        if not self.running:
            self.inputs = ()
            self._outcomes.clear()
            self._desk.changed.emit()

    @property
    def rows(self) -> list[Row]:
        """The images, in order."""
        found = []
        for item in self.inputs:
            outcome = self._outcomes.get(str(item.path))
            if outcome is None:
                found.append(Row(item.path, WAITING))
            else:
                detail = outcome.error or f"{outcome.found} {outcome.notes}".strip()
                found.append(Row(item.path, outcome.result, detail))
        return found

    @property
    def missing(self) -> str | None:
        """What is still needed to start; None if nothing is."""
        if self.order.head is None and self._desk.session.head is None:
            return "Teach a head in step Label, or choose a head's file"
        if not self.inputs:
            return "Add the images"
        if self.order.out is None:
            return "Choose a folder for the masks"
        return None

    @property
    def held(self) -> Minded | None:
        """What waits to be begun, with what to mind; None if nothing does."""
        held = self._minded
        now = (self.order, self.inputs)
        return None if held is None or (held.order, held.inputs) != now else held

    # Doing it

    @property
    def running(self) -> bool:
        """Whether it is under way."""
        return self._ask.pending or self._mind.pending

    def start(self) -> None:
        """Do what is waiting, and what failed; finished masks stay as they are.

        Where there is something to mind, it is `held` until the user agrees, once.
        """
        desk = self._desk
        if self.missing is not None:
            desk.say(self.missing)
            return
        self._minded = None
        looked = partial(self._looked, self.order, self.inputs)
        self._mind.begin(self._looking, looked, failed=self._ended)
        desk.changed.emit()

    def _looking(self) -> Work[list[str]]:
        """Look at what to mind; no mask is made."""
        head = self._head
        pairs, out = self._pairs(self.order)

        def steps() -> Steps[list[str]]:
            yield Progress(0, len(pairs), "reading the head")
            return (yield from to_mind(_model(head), pairs, out))

        return Work("Looking at what to mind", steps, lambda said: said)

    def _looked(self, order: Order, inputs: tuple[Input, ...], said: list[str]) -> None:
        """Begin, or hold what there is to mind; look again if images came meanwhile."""
        if (order, inputs) != (self.order, self.inputs):
            self.start()
            return
        found = Minded(order, inputs, tuple(said))
        if said and found != self._agreed:
            self._minded = found
            self._desk.changed.emit()
        else:
            self._begin()

    def start_anyway(self) -> None:
        """Begin what waits."""
        held, self._minded = self.held, None
        if held is not None:
            self._agreed = held
            self._begin()

    def hold_back(self) -> None:
        """Write nothing."""
        self._minded = None
        self._desk.say("Nothing was written")
        self._desk.changed.emit()

    def _begin(self) -> None:
        # Another dict: what a run tells late that was stopped is not of this one.
        self._outcomes = {}
        order = self.order
        self._ask.begin(partial(self._work, order), self._done, failed=self._ended)
        self._desk.changed.emit()

    def stop(self) -> None:
        """Stop after the step under way; what is finished stays."""
        if self.running:
            self._desk.runner.cancel(self._mind.key)
            self._desk.runner.cancel(self._ask.key)
            self._ended(Cancelled(""))

    @property
    def _head(self) -> Any:
        return self._desk.session.head if self.order.head is None else self.order.head

    def _pairs(self, order: Order) -> tuple[list[tuple[Path, Path]], Path]:
        """Return images and masks, and the folder of these."""
        if order.out is None:
            raise BadInput("Choose a folder for the masks")
        targets = targets_of(self.inputs, order.out, order.suffix)
        pairs = zip((item.path for item in self.inputs), targets, strict=True)
        return list(pairs), order.out

    def _work(self, order: Order) -> Work[list[Outcome]]:
        session, desk, head = self._desk.session, self._desk, self._head
        pairs, out = self._pairs(order)
        outcomes = self._outcomes

        def tell(outcome: Outcome) -> None:
            outcomes[outcome.image] = outcome
            desk.runner.soon("batch row", desk.changed.emit)

        def steps() -> Steps[list[Outcome]]:
            yield Progress(0, len(pairs), "reading the head")
            run = _run(session, head, order.overwrite)
            return (yield from run.each(pairs, summary_in(out), tell))

        return Work(f"Batch of {len(pairs)} images", steps, lambda found: found)

    def _done(self, outcomes: list[Outcome]) -> None:
        out = self.order.out
        where = "" if out is None else f". Masks and a summary are in {out.name}"
        self._desk.say(f"{self.summary}{where}")
        self._desk.changed.emit()

    def _ended(self, error: BaseException) -> None:
        if isinstance(error, Cancelled):
            self._desk.say(
                f"Stopped: {self.summary}. Start goes on where it stopped; finished "
                "masks stay"
            )
        else:
            self._desk.complain(error)
        self._desk.changed.emit()

    @property
    def summary(self) -> str:
        """How many images are done, were there, failed, wait."""
        counts = Counter(row.state for row in self.rows)
        order = (WRITTEN, THERE, FAILED, WAITING)
        said = [f"{counts[state]} {state}" for state in order if counts[state]]
        return ", ".join(said) or "no images"


def _model(head: Any) -> TrainedModel:
    return read_head(head) if isinstance(head, Path) else head


def _run(session: Session, head: Any, overwrite: bool) -> Applying:
    """Make a session of its own for the batch, with the encoder that the head needs."""
    model = _model(head)
    if model.level != "pixel":
        raise BadInput(
            f"This head is of level {model.level!r}: a batch writes masks, and takes "
            "heads of pixels"
        )
    own = fresh_session(session)
    if encoder_of(model) != own.encoder:
        own.use_encoder(encoder_of(model))
    own.use_head(model)
    return Applying(own, model, {}, overwrite)
