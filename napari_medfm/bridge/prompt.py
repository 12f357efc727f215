"""Prompts on the desk: a box or clicks, the mask in hand, its alternatives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.bridge import looks
from napari_medfm.bridge.asking import Ask
from napari_medfm.bridge.marks import show_clicks
from napari_medfm.bridge.preview import Preview
from napari_medfm.core.labels import Prompt
from napari_medfm.core.results import Mask

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk

Here = tuple[str, int | None]
Corners = tuple[float, float, float, float]


@dataclass(frozen=True)
class Draft:
    """What was drawn for one object on one plane; (row, col) positions."""

    box: Corners | None = None
    at: tuple[tuple[float, float], ...] = ()
    against: tuple[tuple[float, float], ...] = ()

    @classmethod
    def of(cls, prompt: Prompt | None) -> Draft:
        """Take up what the session remembers."""
        if prompt is None:
            return cls()
        return cls(
            None if prompt.box is None else tuple(map(float, prompt.box)),  # type: ignore[arg-type]
            tuple((float(r), float(c)) for r, c in prompt.positives),
            tuple((float(r), float(c)) for r, c in prompt.negatives),
        )


def _prompt_of(provenance: dict[str, Any]) -> tuple[Any, Any]:
    """Return what tells one answer from another, whichever alternative was taken."""
    source = provenance.get("started_from", provenance)
    return source.get("model"), source.get("prompt")


class Prompting:
    """Keeps what is being drawn; prompts and masks themselves live in the session."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._draft: tuple[Here, Draft] | None = None
        self._start: Here | None = None
        self._dismissed: list[Mask] = []
        self._turn: tuple[Mask, int] | None = None
        self.preview = Preview(desk)
        self._outline: Ask[Mask] = Ask(desk, "segment", self._drawn)
        self._through: Ask[Mask] = Ask(desk, "propagate", self._followed)

    def _drawn(self) -> object:
        return self._draft, self._desk.session.workspace.segmenter

    def _followed(self) -> object:
        mask = None if self._start is None else self._in_hand(self._start)
        return self._start, self._draft, mask, None if mask is None else self._turn

    # What is in hand

    @property
    def session_mask(self) -> Mask | None:
        """The session's mask in hand on the plane on screen, unless put aside."""
        here = self._desk.here
        return None if here is None else self._in_hand(here)

    def _in_hand(self, here: Here) -> Mask | None:
        if here[0] not in self._desk.session.images:
            return None
        mask = self._desk.session.mask(*here)
        if mask is None or any(mask is old for old in self._dismissed):
            return None
        return None if self._is_accepted(mask) else mask

    def _is_accepted(self, mask: Mask) -> bool:
        return any(
            item.origin == "mask"
            and item.image == mask.image
            and item.plane in (mask.plane, None)
            and _prompt_of(item.provenance) == _prompt_of(mask.provenance)
            for item in self._desk.session.labelling.accepted
        )

    @property
    def pending(self) -> bool:
        """Whether what is drawn on the plane on screen has no answer yet."""
        return self._draft is not None and self._draft[0] == self._desk.here

    @property
    def mask(self) -> Mask | None:
        """The mask in hand, as the alternative chosen; none while a new one is made."""
        if self.pending:
            return None
        through = self._through.answer
        if through is not None and through.image == self._desk.image:
            return through
        mask = self.session_mask
        if mask is None or not self.turn:
            return mask
        return replace(
            mask,
            data=mask.alternatives[self.turn - 1],
            provenance={**mask.provenance, "alternative": self.turn},
        )

    @property
    def turn(self) -> int:
        """Which alternative is shown; 0 is the model's first choice."""
        mask = self.session_mask
        if mask is None or self._turn is None or self._turn[0] is not mask:
            return 0
        return self._turn[1] if mask.has_alternatives else 0

    @property
    def draft(self) -> Draft:
        """What is drawn on the plane on screen."""
        here = self._desk.here
        if here is None:
            return Draft()
        if self._draft is not None and self._draft[0] == here:
            return self._draft[1]
        if self.session_mask is None:
            return Draft()
        key = (here[0], here[1] or 0)
        return Draft.of(self._desk.session.labelling.prompts.get(key))

    # Gestures

    def box(self, box: Corners) -> None:
        """Ask for the object in a box; a new box starts a new object."""
        self._ask(Draft(box=box))

    def click(self, position: tuple[float, ...], negative: bool) -> None:
        """Ask with one more click on (or beside) the object."""
        draft, place = self.draft, (position[-2], position[-1])
        if negative:
            draft = replace(draft, against=(*draft.against, place))
        else:
            draft = replace(draft, at=(*draft.at, place))
        self._ask(draft)

    def show_box(self, box: Corners) -> None:
        """Show a rectangle while it is dragged."""
        self._show_box(box)

    def _ask(self, draft: Draft) -> None:
        desk, here = self._desk, self._desk.here
        if here is None:
            return
        self._draft, self._start = (here, draft), None
        self.render()
        if draft.box is None and not draft.at:
            desk.say("Now click on the object itself")
            return
        image, plane = here
        large = desk.view.large
        far = large is not None and draft.box is None
        seen = list(desk.view.box(large)) if far and large is not None else None
        points = [*draft.at, *draft.against]
        earlier = self._corrected_by(draft)
        signs = [1] * len(draft.at) + [0] * len(draft.against)

        def done(mask: Mask) -> None:
            self._settle(here, draft)
            desk.timeline.branch()
            desk.render()
            desk.say(self.verdict(mask))

        def failed(error: BaseException) -> None:
            self._settle(here, draft)
            desk.render()
            desk.complain(error)

        def late() -> None:
            # Another model was chosen meanwhile: the same is asked of that one.
            if self._draft == (here, draft) and desk.here == here:
                self._ask(draft)
            else:
                self._settle(here, draft)

        started = self._outline.begin(
            lambda: desk.session.segment.work(
                image,
                box=draft.box,
                points=points or None,
                point_labels=signs or None,
                mask=earlier,
                plane=plane,
                region=seen,
            ),
            done,
            failed=failed,
            late=late,
        )
        if not started:
            self._settle(here, draft)
            self.render()

    def _corrected_by(self, draft: Draft) -> Mask | NDArray[np.bool_] | None:
        """The outline that further clicks correct; a box is asked for anew."""
        mask = self.session_mask
        if mask is None or draft.box is not None:
            return None
        shown = mask.alternatives[self.turn - 1] if self.turn else mask.data
        if not shown.any():
            return None
        return shown if mask.region is None else replace(mask, data=shown)

    def _settle(self, here: Here, draft: Draft) -> None:
        if self._draft == (here, draft):
            self._draft = None

    @staticmethod
    def verdict(mask: Mask) -> str:
        """Say how sure the model is, in words, or what is odd about its answer."""
        if not mask.data.any():
            return "Nothing was found there: drag a box closely around the object"
        if mask.note:
            return mask.note
        sure = (
            "looks certain"
            if mask.score >= 0.85
            else "is fairly sure"
            if mask.score >= 0.65
            else "is unsure: add a click, or draw the box more closely"
        )
        subject = "The outline" if sure.startswith("looks") else "The model"
        return f"{subject} {sure}"

    def next_alternative(self) -> None:
        """Show the model's next answer to the same prompt."""
        mask = self.session_mask
        if mask is None or not mask.has_alternatives:
            self._desk.say("There is no other answer to this prompt")
            return
        turn = (self.turn + 1) % (len(mask.alternatives) + 1)
        self._turn = (mask, turn)
        self._desk.say(f"Answer {turn + 1} of {len(mask.alternatives) + 1}")
        self.render()
        self._desk.changed.emit()

    def next_object(self) -> None:
        """Put the mask in hand aside and begin with another object."""
        mask = self.session_mask
        if mask is not None:
            self._dismissed.append(mask)
        self._begin_anew()
        self.render()
        self._desk.changed.emit()

    def _begin_anew(self) -> None:
        self._draft = self._start = None
        self._outline.drop()
        self._through.drop()

    def returned(self) -> None:
        """Undo or redo was used: what the session holds is in hand again."""
        self._dismissed.clear()
        self._begin_anew()

    def accept(self, class_name: str | None = None) -> bool:
        """Take the mask in hand into the labels; the tool stays armed."""
        desk, mask = self._desk, self.mask
        if mask is None or desk.image is None:
            desk.say(
                "The outline is being made: accept it in a moment"
                if self.pending
                else "There is no mask yet: drag a box over an object, or click it"
            )
            return False
        if mask.data.ndim == 2 and not desk.hand.ready():
            return False
        name, image = class_name or desk.object_class().name, desk.image
        aside = self.session_mask
        done = desk.act(
            lambda: desk.session.accept(
                image, mask, name, plane=mask.plane, origin="mask"
            )
        )
        if done:
            if aside is not None:
                self._dismissed.append(aside)
            self._begin_anew()
            self.render()
            desk.say(f"Labelled as {name}. The tool is ready for the next object")
            desk.changed.emit()
        return done

    def through_volume(self) -> None:
        """Carry the mask in hand through the planes of a volume."""
        desk, mask, here = self._desk, self.mask, self._desk.here
        if mask is None or here is None or here[1] is None or mask.data.ndim == 3:
            desk.say("Outline the object on one plane of a volume first")
            return
        image, plane = here[0], here[1]
        self._start = here

        def done(found: Mask) -> None:
            planes = np.flatnonzero(found.data.any((1, 2)))
            self.render()
            desk.say(
                f"Followed through planes {planes[0] + 1} to {planes[-1] + 1}. "
                "Look through them; Enter accepts"
                if len(planes)
                else "The object could not be followed"
            )
            desk.changed.emit()

        self._through.begin(
            lambda: desk.session.propagate.work(image, mask, plane), done
        )

    # Layers

    def render(self) -> None:
        """Bring the layers in step with prompts and mask."""
        desk, here = self._desk, self._desk.here
        if here is None:
            return
        draft = self.draft
        lift = [] if here[1] is None else [here[1]]
        show_clicks(
            desk,
            "clicks",
            [(*lift, *place) for place in draft.at],
            [(*lift, *place) for place in draft.against],
        )
        self._show_box(draft.box)
        self._show_mask(here)

    def _show_mask(self, here: Here) -> None:
        desk, mask = self._desk, self.mask
        data: NDArray[np.bool_] | None = None if mask is None else mask.data
        if data is None or not data.any():
            desk.mirror.hide(here[0], "mask")
            return
        if data.ndim == 3 and here[1] is not None:
            data = data[here[1]]
        desk.show(
            "mask",
            data.astype(np.uint8),
            here[1],
            None if mask is None else mask.region,
            colormap=looks.single(looks.MASK),
            opacity=0.45,
            editable=False,
        )

    def _show_box(self, box: Corners | None) -> None:
        desk, here, source = self._desk, self._desk.here, self._desk.source
        if here is None or source is None:
            return
        if box is None:
            desk.mirror.hide(here[0], "box")
            return
        row0, col0, row1, col1 = (edge - 0.5 for edge in box)
        corners = np.array([(row0, col0), (row0, col1), (row1, col1), (row1, col0)])
        if here[1] is not None:
            corners = np.column_stack([np.full(4, float(here[1])), corners])
        desk.show(
            "box",
            [(corners, "rectangle")],
            None,
            edge_color=looks.MASK,
            face_color="transparent",
            edge_width=desk.view.extent(source) / 250,
            opacity=1.0,
        )
