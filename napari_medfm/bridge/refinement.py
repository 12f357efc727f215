"""Refining what is there: previewed first, then taken or let go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from napari.utils.colormaps import label_colormap
from numpy.typing import NDArray

from napari_medfm.bridge import looks
from napari_medfm.bridge.asking import Ask
from napari_medfm.core.results import Mask, Prediction
from napari_medfm.engine.provenance import version
from napari_medfm.verbs.planes import is_large

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk
from napari_medfm.verbs.refining import How, Refined

Subject = Literal["outline", "prediction", "labels"]
WAYS: tuple[tuple[How, str, str], ...] = (
    ("clean", "Tidy up", "Removes crumbs and fills pinholes."),
    (
        "guided",
        "Follow edges, quickly",
        "Moves the outline to edges of the picture (guided filter). A moment's work.",
    ),
    (
        "crf",
        "Follow edges, by colour",
        "Neighbours of the same colour agree (local CRF). Good where colours differ.",
    ),
    (
        "walker",
        "Decide the unsure places",
        "Unsure places join the sure ones they are best connected to (random walker).",
    ),
    (
        "snap",
        "Outline each piece anew",
        "Asks the segmenter for the outline of each piece; it is taken where it is "
        "stable and agrees with the piece.",
    ),
    (
        "split",
        "Cut touching objects apart",
        "Cuts at the necks and numbers the objects; accepted, they are the objects of "
        "step 6.",
    ),
)


@dataclass(frozen=True)
class _Wish:
    """What is refined, how, and where."""

    subject: Subject
    how: How
    scene: tuple[int, int | None] | None
    value: int


class Refinement:
    """Offers what can be refined on the plane on screen, previews, accepts."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.how: How = "clean"
        self._chosen: Subject | None = None
        self._asked: _Wish | None = None
        self._ask: Ask[Refined] = Ask(desk, "refine", self._question)
        self._drawn: object = None
        self._known: tuple[object, NDArray[np.bool_] | None] | None = None

    @property
    def subjects(self) -> dict[Subject, str]:
        """What there is to refine, in words."""
        desk, found = self._desk, dict[Subject, str]()
        if desk.prompt.mask is not None and desk.prompt.mask.data.any():
            found["outline"] = "the outline in hand"
        prediction = desk.live.prediction
        if prediction is not None and prediction.region is None:
            found["prediction"] = "the prediction"
        chosen = desk.chosen_class
        if chosen.value and self._labelled(chosen.value) is not None:
            found["labels"] = f"accepted labels of {chosen.name}"
        return found

    @property
    def subject(self) -> Subject | None:
        """What is to be refined; None if there is nothing."""
        there = self.subjects
        return self._chosen if self._chosen in there else next(iter(there), None)

    def choose(self, subject: Subject) -> None:
        """Refine this."""
        self._chosen = subject
        self._desk.changed.emit()

    def _labelled(self, value: int) -> NDArray[np.bool_] | None:
        """Return where the plane on screen is labelled so; None if nowhere."""
        desk, here, source = self._desk, self._desk.here, self._desk.source
        if here is None or source is None:
            return None
        if is_large(source):
            return None
        asked = desk.session.labelling.accepted, desk.scene, value
        if self._known is None or self._known[0] != asked:
            layer = desk.mirror.layer(here[0], "labels")
            inside = None
            if layer is not None:
                data = layer.data if here[1] is None else layer.data[here[1]]
                inside = np.asarray(data) == value
                inside = inside if inside.any() else None
            self._known = asked, inside
        return self._known[1]

    def _question(self) -> object:
        desk, wish = self._desk, self._asked
        held = {
            None: None,
            "outline": desk.prompt.mask,
            "prediction": desk.live.prediction,
            "labels": desk.session.labelling.accepted,
        }
        subject = None if wish is None else wish.subject
        return wish, desk.scene, held[subject]

    def _what(self, wish: _Wish) -> Mask | Prediction | None:
        desk, here = self._desk, self._desk.here
        if wish.subject == "outline":
            return desk.prompt.mask
        if wish.subject == "prediction":
            return desk.live.prediction
        inside = self._labelled(wish.value)
        if inside is None or here is None:
            return None
        return Mask(inside, 1.0, here[0], here[1], {"program": version()})

    def preview(self) -> None:
        """Refine, and show what came of it."""
        desk, here, subject = self._desk, self._desk.here, self.subject
        if here is None or subject is None:
            desk.say("Nothing to refine here yet: outline or predict something first")
            return
        wish = _Wish(subject, self.how, desk.scene, desk.chosen_class.value)
        what, image, how = self._what(wish), here[0], self.how
        if what is None:
            return
        self._asked = wish
        self._ask.begin(
            lambda: desk.session.refine.work(image, what, how),
            lambda _: self._shown(),
            late=lambda: desk.say("Something changed meanwhile: preview once more"),
        )

    def _shown(self) -> None:
        self.render()
        self._desk.say("The refined version is shown: accept it, or discard it")
        self._desk.changed.emit()

    @property
    def found(self) -> Refined | None:
        """The refined version of what is asked on the plane on screen."""
        return self._ask.answer

    @property
    def moved(self) -> str:
        """How much the refined version differs, in words."""
        pair = self._before_and_after()
        if pair is None or self._asked is None:
            return ""
        before, after = pair
        if self._asked.how == "split":
            return f"{len(np.unique(after[after > 0]))} objects."
        gone = int(((before > 0) & (after != before)).sum())
        new = int(((after > 0) & (after != before)).sum())
        total = max(int((before > 0).sum()), 1)
        return f"{new / total:+.1%} added, {-gone / total:+.1%} taken away."

    def _before_and_after(self) -> tuple[NDArray[Any], NDArray[Any]] | None:
        found, wish, here = self.found, self._asked, self._desk.here
        if found is None or wish is None or here is None:
            return None
        what = self._what(wish)
        if what is None:
            return None
        return _on_plane(what, here[1]), _on_plane(found, here[1])

    def discard(self) -> None:
        """Let the refined version go; all stays as it was."""
        self._asked = None
        self._ask.drop()
        self.render()
        self._desk.changed.emit()

    def accept(self) -> bool:
        """Take the refined version; undo brings back what was."""
        desk, found, wish = self._desk, self.found, self._asked
        here = desk.here
        if found is None or wish is None or here is None:
            desk.say("Preview it first")
            return False
        if not desk.act(self._taking(found, wish, here)):
            return False
        if wish.subject == "outline" and wish.how != "split":
            desk.prompt.next_object()
        if wish.subject == "prediction":
            desk.live.set_visible(False)
        self.discard()
        desk.say(
            "These are the objects now; classify them in step 6"
            if wish.how == "split"
            else "Accepted as refined. Undo with Ctrl+Z"
        )
        return True

    def _taking(
        self, found: Refined, wish: _Wish, here: tuple[str, int | None]
    ) -> Callable[[], object]:
        desk, (image, plane) = self._desk, here
        session = desk.session
        if isinstance(found, np.ndarray):
            data = found if plane is None else found[plane]
            return lambda: session.use_objects(image, data, plane=plane)
        if isinstance(found, Prediction):
            keep = desk.live.keep_by_hand
            return lambda: session.accept(image, found, plane=plane, keep_by_hand=keep)
        if wish.subject == "outline":
            name = desk.object_class().name
            return lambda: session.accept(
                image, found, name, plane=found.plane, origin="mask"
            )
        labels = session.labels(image).copy()
        part = labels if plane is None else labels[plane]
        part[part == wish.value] = 0
        part[found.data & (part == 0)] = wish.value
        return lambda: session.accept(
            image, part, plane=plane, origin="edited", provenance=found.provenance
        )

    def render(self) -> None:
        """Show the refined version of the plane on screen, or none."""
        desk, here, found = self._desk, self._desk.here, self.found
        if here is None:
            return
        if found is None:
            self._drawn = None
            desk.mirror.hide(here[0], "refined")
            return
        if self._drawn == (id(found), here):
            if desk.mirror.layer(here[0], "refined") is None:
                # Its layer was removed by hand.
                self._asked = None
            return
        self._drawn = id(found), here
        data = _on_plane(found, here[1])
        is_split = isinstance(found, np.ndarray)
        if isinstance(found, Mask):
            data = data.astype(np.uint8)
        colours = label_colormap(49, 0.4) if is_split else looks.outlines(looks.PREVIEW)
        desk.show(
            "refined",
            data,
            here[1],
            colormap=colours,
            opacity=0.7 if is_split else 1.0,
            contour=0 if is_split else 2,
            editable=False,
        )


def _on_plane(what: Refined, plane: int | None) -> NDArray[Any]:
    """Return labels, mask or objects of one plane."""
    data: Any = what if isinstance(what, np.ndarray) else None
    if isinstance(what, Mask):
        data = what.data
    elif isinstance(what, Prediction):
        data = what.labels
    return np.asarray(data if plane is None or data.ndim == 2 else data[plane])
