"""Classes and single marks on the desk: changed, looked at, taken from labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels

from napari_medfm.bridge.foreign import from_layers
from napari_medfm.bridge.looking import look_at, stop_pointing
from napari_medfm.core.labels import Annotation
from napari_medfm.verbs.labelling import accepted_on

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk

_MOST_NEW = 32


@dataclass(frozen=True)
class Mark:
    """One annotation of places, as a list shows it."""

    annotation: int
    image: str
    plane: int | None
    position: tuple[float, float]
    words: str


class ClassEditing:
    """Renames, recolours, merges and deletes classes; removes single marks.

    Each is one step that undo takes back.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def _name(self, value: int) -> str:
        return next((c.name for c in self._desk.classes if c.value == value), "")

    def rename(self, value: int, name: str) -> bool:
        """Call a class something else."""
        session, old = self._desk.session, self._name(value)
        if name.strip() == old:
            return False
        done = self._desk.act(lambda: session.rename_class(old, name))
        return done and self._seen_anew(f"{old} is called {name.strip()} now")

    def recolour(self, value: int, colour: str) -> bool:
        """Show a class in another colour, #rrggbb."""
        session, name = self._desk.session, self._name(value)
        done = self._desk.act(lambda: session.recolour_class(name, colour))
        return done and self._seen_anew(f"{name} has another colour now")

    def merge(self, value: int, into: int) -> bool:
        """Make all labels of one class labels of another."""
        session, old, other = self._desk.session, self._name(value), self._name(into)
        done = self._desk.act(lambda: session.merge_classes(old, other))
        if done:
            self._desk.choose_class(into)
            self._taught(f"{old} is part of {other} now. Undo with Ctrl+Z")
        return done

    def delete(self, value: int) -> bool:
        """Delete a class with all labels of it."""
        session, name = self._desk.session, self._name(value)
        done = self._desk.act(lambda: session.delete_class(name))
        if done:
            self._taught(f"{name} is gone with its labels. Undo with Ctrl+Z")
        return done

    def _seen_anew(self, words: str) -> bool:
        """The head's classes look otherwise: predict again, and say what was done."""
        self._desk.live.request()
        self._desk.say(words)
        return True

    def _taught(self, words: str) -> None:
        """Labels changed: learn anew, and say what was done."""
        self._desk.live.labels_changed()
        self._desk.say(words)

    # Marks

    def marks(self, value: int) -> tuple[Mark, ...]:
        """Return every mark of a class, the newest first."""
        own = [
            a
            for a in self._desk.session.annotations
            if a.level == "pixel" and a.value == value and len(a.pixels)
        ]
        return tuple(_mark(a) for a in reversed(own))

    def show(self, mark: Mark) -> None:
        """Move the view to a mark."""
        look_at(self._desk, mark.image, mark.plane, mark.position)

    def remove(self, mark: Mark) -> bool:
        """Take one mark away."""
        session = self._desk.session
        done = self._desk.act(lambda: session.remove(mark.annotation))
        if done:
            stop_pointing(self._desk)
            self._taught("The mark was removed. Undo with Ctrl+Z")
        return done

    # Labels that are there already

    @property
    def sources(self) -> list[tuple[str, Callable[[], None]]]:
        """Labels that can be learned from: (words, what takes them)."""
        desk, source = self._desk, self._desk.source
        if source is None:
            return []
        found: list[tuple[str, Callable[[], None]]] = []
        having = accepted_on(desk.session.labelling)
        if source.name in having:
            here = partial(self._from_accepted, [source.name])
            found.append(("the accepted labels of this image", here))
        if len(having) > 1:
            all_of_them = partial(self._from_accepted, sorted(having))
            words = f"the accepted labels of all {len(having)} images that have some"
            found.append((words, all_of_them))
        found += from_layers(desk, source, self._from)
        return found

    def _from_accepted(self, images: list[str]) -> None:
        session = self._desk.session
        if self._desk.act(lambda: session.annotate_accepted(images)):
            self._taught("The accepted labels are marks now. Undo with Ctrl+Z")

    def _from(self, layer: Labels) -> None:
        """Learn from a Labels layer; values that are no class yet become one.

        The values of a layer with just one are marks of the class chosen.
        """
        desk, image, data = self._desk, self._desk.image or "", np.asarray(layer.data)
        values = [int(v) for v in np.unique(data) if v]
        names: dict[int, str] = {c.value: c.name for c in desk.classes}
        new = [value for value in values if value not in names]
        if not values:
            desk.say(f"Layer {layer.name!r} is empty")
            return
        if len(new) > _MOST_NEW:
            desk.say(
                f"Layer {layer.name!r} has {len(values)} values: it numbers objects. "
                "Classify them in step 6"
            )
            return
        if len(values) == 1:
            wanted = {values[0]: desk.object_class().name}
        else:
            for value in new:
                made = desk.add_class(f"class {value}")
                names[value] = "" if made is None else made.name
            wanted = {value: names[value] for value in values}
        session: Any = desk.session
        if desk.act(lambda: session.annotate_labels(image, data, wanted)):
            self._taught(f"Learning from {layer.name!r}. Undo with Ctrl+Z")


def _mark(annotation: Annotation) -> Mark:
    pixels = annotation.pixels
    plane = None if pixels.shape[1] == 2 else int(pixels[len(pixels) // 2, 0])
    here = pixels if plane is None else pixels[pixels[:, 0] == plane]
    middle = here[:, -2:].mean(0)
    nearest = here[np.square(here[:, -2:] - middle).sum(1).argmin(), -2:]
    row, col = (float(v) for v in nearest)
    many = annotation.kind == "mask" or len(pixels) > 1
    what = f"{len(pixels):,} pixels" if many else "click"
    where = "" if plane is None else f", plane {plane + 1}"
    sure = "" if annotation.weight == 1 else "probably: "
    words = f"{sure}{what} at {row:.0f}, {col:.0f}{where}"
    return Mark(annotation.id, annotation.image, plane, (row, col), words)
