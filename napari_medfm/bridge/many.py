"""Many objects at once: found on the plane on screen, looked through, and kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_medfm import segmenters
from napari_medfm.bridge import looks
from napari_medfm.bridge.asking import Ask
from napari_medfm.commands.say import counted
from napari_medfm.core.geometry import Box
from napari_medfm.core.jobs import Work
from napari_medfm.core.results import Mask
from napari_medfm.verbs.models import model_facts

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk

Labels = NDArray[np.int32]


@dataclass(frozen=True)
class Way:
    """One way to find many objects.

    Parameters
    ----------
    title
        What is found, in words.
    plan
        Plans the work for an image, a plane and the words written.
    class_name
        The class they are of; None if the user says.
    needs_words
        Whether the user says in words what is meant.
    """

    title: str
    plan: Callable[[str, int | None, str], Work[Labels]]
    class_name: str | None = None
    needs_words: bool = False


class Many:
    """Asks for many objects, lets the user drop some, and takes the rest."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ask: Ask[Labels] = Ask(desk, "many", self._question)
        self._way: Way | None = None
        self._said = ""
        self._dropped: tuple[Labels | None, frozenset[int]] = (None, frozenset())

    def _question(self) -> object:
        return self._desk.scene, self._desk.session.workspace.segmenter

    # Ways

    @property
    def ways(self) -> list[Way]:
        """The ways that are open here and now."""
        desk = self._desk
        session, mask = desk.session, self._outline
        found = []
        if mask is not None:
            found.append(
                Way(
                    "all like the outline in hand",
                    lambda image, plane, _: session.segment_like.work(
                        image, plane=plane, mask=mask
                    ),
                )
            )
        if self._knows_words:
            found.append(Way("all that words name", self._named, needs_words=True))
        head = session.labelling.head
        known = () if head is None else head.values
        found += [
            Way(
                f"all {one.name}, as predicted",
                lambda image, plane, _, name=one.name: session.segment_class.work(  # type: ignore[misc]
                    image, name, plane
                ),
                one.name,
            )
            for one in desk.classes
            if one.value and one.value in known
        ]
        found.append(
            Way(
                "all that stand out",
                lambda image, plane, _: session.segment_all.work(image, plane),
            )
        )
        return found

    def _named(self, image: str, plane: int | None, words: str) -> Work[Labels]:
        mask = self._outline
        around = None if mask is None else Box.around(mask.data)
        like = [] if around is None else [around]
        return self._desk.session.segment_named.work(
            image, words, like=like, plane=plane
        )

    @property
    def _outline(self) -> Mask | None:
        """The outline in hand, if it is one of this plane."""
        mask = self._desk.prompt.mask
        flat = mask is not None and mask.data.ndim == 2 and mask.region is None
        return mask if flat and mask is not None and mask.data.any() else None

    @property
    def _knows_words(self) -> bool:
        model = self._desk.session.workspace.segmenter
        known = {spec.name: spec for spec in segmenters.specs()}
        # One that is not in the catalogue was given as it is: nothing is loaded here.
        spec = known[model.name] if model.name in known else model.get().spec
        return "text" in spec.prompts

    # Finding

    def find(self, way: Way, words: str = "") -> None:
        """Look for objects on the plane on screen."""
        desk, here = self._desk, self._desk.here
        if here is None or not desk.hand.ready():
            return
        if way.needs_words and not words.strip() and self._outline is None:
            desk.say("Write what to find, such as: cell nucleus")
            return
        image, plane = here

        def done(found: Labels) -> None:
            self._way, self._said = way, words
            count = int(found.max(initial=0))
            if count:
                desk.tools.arm("found")
            self.render()
            desk.say(
                f"{_objects(count)} found. Click what is wrong; Enter takes the rest"
                if count
                else "Nothing was found in this way"
            )
            desk.changed.emit()

        self._ask.begin(lambda: way.plan(image, plane, words.strip()), done)

    @property
    def pending(self) -> bool:
        """Whether they are being looked for."""
        return self._ask.pending

    @property
    def found(self) -> Labels | None:
        """What was found on the plane on screen, 1 to n; None if nothing was."""
        found = self._ask.answer
        return found if found is not None and found.any() else None

    @property
    def dropped(self) -> frozenset[int]:
        """The numbers of objects that the user does not want."""
        of, numbers = self._dropped
        return numbers if of is self.found else frozenset()

    @property
    def count(self) -> int:
        """How many are kept."""
        found = self.found
        return 0 if found is None else int(found.max()) - len(self.dropped)

    def click(self, position: tuple[float, ...]) -> None:
        """Drop the object at a place, or keep it again."""
        found = self.found
        if found is None:
            self._desk.say("Look for objects first")
            return
        row, col = (int(np.floor(v + 0.5)) for v in position[-2:])
        number = int(found[row, col])
        if not number:
            self._desk.say("There is no object at this place")
            return
        before, after = self.dropped, self.dropped ^ {number}
        self._desk.timeline.push(
            lambda: self._drop(found, before), lambda: self._drop(found, after)
        )
        self._drop(found, after)

    def _drop(self, found: Labels, numbers: frozenset[int]) -> None:
        self._dropped = found, numbers
        self.render()
        self._desk.say(f"{_objects(self.count)} kept. A click brings one back")
        self._desk.changed.emit()

    @property
    def kept(self) -> Labels | None:
        """The objects kept, under their numbers."""
        found = self.found
        if found is None:
            return None
        return np.where(np.isin(found, list(self.dropped)), 0, found).astype(np.int32)

    # Taking

    def accept(self) -> bool:
        """Take the objects kept into the labels."""
        desk, kept, here, way = self._desk, self.kept, self._desk.here, self._way
        if kept is None or here is None or way is None or not kept.any():
            desk.say("There are no objects to take: look for some first")
            return False
        name = way.class_name or desk.object_class().name
        count, made = (
            self.count,
            {
                "model": model_facts(desk.session.workspace.segmenter.get()),
                "found": way.title,
                "words": self._said,
                "dropped": len(self.dropped),
            },
        )
        done = desk.act(
            lambda: desk.session.accept(
                here[0], kept > 0, name, plane=here[1], origin="mask", provenance=made
            )
        )
        if done:
            self.put_aside()
            desk.say(f"{_objects(count)} labelled as {name}. Undo with Ctrl+Z")
        return done

    def classify(self) -> None:
        """Take the objects kept as those of step 6, where each gets a class."""
        desk, kept, here = self._desk, self.kept, self._desk.here
        if kept is None or here is None:
            desk.say("There are no objects to take: look for some first")
            return
        _, numbers = np.unique(kept, return_inverse=True)
        numbered = numbers.reshape(kept.shape).astype(np.int32)
        if desk.objects.use(numbered + (0 if (kept == 0).any() else 1), here[1]):
            self.put_aside()

    def put_aside(self) -> None:
        """Forget what was found."""
        self._ask.drop()
        self._way = None
        if self._desk.tools.armed == "found":
            self._desk.tools.disarm()
        self.render()
        self._desk.changed.emit()

    # Layer

    def render(self) -> None:
        """Show what is kept of the plane on screen."""
        desk, here, kept = self._desk, self._desk.here, self.kept
        if here is None:
            return
        if kept is None:
            desk.mirror.hide(here[0], "found")
            return
        desk.show(
            "found",
            kept,
            here[1],
            colormap=looks.outlines(looks.PREVIEW),
            contour=2,
            opacity=1.0,
            editable=False,
        )


def _objects(count: int) -> str:
    return counted(range(count), "object")
