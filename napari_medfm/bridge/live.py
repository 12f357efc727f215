"""The head that follows the user: trained and shown again after every mark."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.bridge import looks
from napari_medfm.bridge.asking import Ask
from napari_medfm.core.geometry import Box
from napari_medfm.core.jobs import Progress, Steps, Work
from napari_medfm.core.lazy import LazyArray
from napari_medfm.core.results import Prediction
from napari_medfm.core.state import Labelling
from napari_medfm.verbs.accepting import keeping_by_hand
from napari_medfm.verbs.labelling import by_hand, label_map

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk

_IDLE = 1.0
_REST = 0.15
_BAND = 1024
_FOLLOWS = "The prediction follows your marks"
_TAKEN_BACK = 3
"""Predictions of a plane that are kept: undo and redo show theirs at once."""


class Live:
    """Trains at once, shows the plane on screen, and improves when there is a rest."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._fit: Ask[Any] = Ask(desk, "live", self._lesson)
        self._auto: Ask[Any] = Ask(desk, "auto", self._lesson)
        self._plane: Ask[Prediction] = Ask(
            desk, "predict", lambda: (*self._maker(), desk.scene), _TAKEN_BACK
        )
        self._all: Ask[Prediction] = Ask(desk, "predict all", self._maker)
        self._taking: Ask[bool] = Ask(desk, "accept all", self._maker)
        self._fitted: list[tuple[Any, Any]] = []
        self._quick: Any = None
        self._accepted_here = False
        self.automatic = True
        self.keep_by_hand = True

    def _lesson(self) -> object:
        session = self._desk.session
        return session.annotations, session.head, session.workspace.encoder

    def _maker(self) -> tuple[Any, ...]:
        """What decides about a prediction of the image in hand."""
        desk = self._desk
        state, source = desk.session.labelling, desk.source
        own = [(k, v) for k, v in state.thresholds.items() if k[0] == desk.image]
        uid = None if source is None else source.uid
        return uid, state.head, desk.session.workspace.encoder, tuple(sorted(own))

    @property
    def prediction(self) -> Prediction | None:
        """What the head says of the plane on screen, or of all; only the newest."""
        return self._all.answer or self._plane.answer

    @property
    def whole(self) -> bool:
        """Whether the prediction holds every plane."""
        found = self.prediction
        return found is not None and found.planes is None and found.region is None

    @property
    def verdict(self) -> str:
        """How good the head is, in words."""
        head = self._desk.session.head
        if head is None:
            return ""
        if head is self._quick and self.automatic:
            return "Quick answer; a better one follows when you pause"
        return verdict_of(head)

    @property
    def missing(self) -> str | None:
        """What is still needed before a head can be trained; None if nothing is."""
        desk = self._desk
        counts = desk.marking.counts
        if len(desk.classes) < 2:
            return "Add a class, for example “lesion” or “nucleus”"
        labelled = [c for c in desk.classes if counts[c.value]]
        if len(labelled) >= 2:
            return None
        if not labelled:
            return f"Click a few places that are {desk.chosen_class.name}"
        other = next(c for c in desk.classes if not counts[c.value])
        if any(not c.value for c in labelled):
            other = next(c for c in desk.classes if c.value)
        elif not counts[0]:
            other = desk.classes[0]
        return f"Now choose {other.name} and click a few places of it"

    def labels_changed(self) -> None:
        """Train anew on what is marked now."""
        desk = self._desk
        self.set_visible(True)
        self._auto.drop()
        missing = self.missing
        if missing is not None:
            self.clear()
            desk.say(missing)
            return
        self._fit.begin(
            lambda: desk.session.fit.work("ridge"),
            self._trained,
            late=self._again,
        )

    def _again(self) -> None:
        """A head came too late: marks, model or head had changed meanwhile."""
        if not self._fit.pending and not self._is_own(self._desk.session.labelling):
            self.labels_changed()

    def returned(self, before: Labelling) -> None:
        """Undo or redo was used: show its head, or train if it has none of its own."""
        now = self._desk.session.labelling
        if now.head is None and self.missing is not None:
            self.clear()
        elif self._is_own(now):
            self.request()
            if now.head is self._quick and not self._desk.timeline.can_redo:
                self._improve_soon()
        elif now.annotations is not before.annotations and now.annotations:
            self.labels_changed()
        elif now.head is not None:
            self.request()
        else:
            self.clear()

    def _is_own(self, state: Labelling) -> bool:
        return any(
            annotations is state.annotations and head is state.head
            for annotations, head in self._fitted
        )

    def _remember(self, head: Any) -> None:
        self._fitted.append((self._desk.session.annotations, head))
        del self._fitted[:-500]

    def _trained(self, model: Any) -> None:
        desk = self._desk
        if desk.session.head is not model:
            self._again()
            return
        self._remember(model)
        self._quick = model
        self.request()
        self._improve_soon()

    def _improve_soon(self) -> None:
        if self.automatic:
            self._desk.runner.later(_IDLE, "auto", self.improve)

    def improve(self) -> None:
        """Weigh the recipes on the user's own labels and keep the best."""
        desk = self._desk
        if self.missing is not None or self._fit.pending:
            return
        self._auto.begin(lambda: desk.session.fit.work("auto"), self._improved)

    def _improved(self, model: Any) -> None:
        if self._desk.session.head is not model:
            return
        self._remember(model)
        self.request()
        self._desk.changed.emit()

    def use_head(self, head: Any) -> bool:
        """Use a head made before."""
        desk = self._desk
        self._fit.drop()
        self._auto.drop()
        if not desk.act(lambda: desk.session.use_head(head)):
            return False
        self.set_visible(True)
        self.request()
        return True

    def encoder_changed(self) -> None:
        """Another encoder is in use: learn anew what the old one had learned."""
        self.clear()
        if self.missing is None:
            self.labels_changed()

    def plane_moved(self) -> None:
        """Another plane or image is on screen."""
        if self._desk.session.head is None:
            return
        if self._accepted_here:
            self.set_visible(True)
        self.render()
        if self.prediction is None:
            self._desk.runner.later(_REST, "predict plane", self.request)

    def request(self) -> None:
        """Predict the plane on screen."""
        desk, here = self._desk, self._desk.here
        if here is None or desk.session.head is None:
            return
        self.render()
        image, plane = here
        large = desk.view.large
        if large is None and self._plane.answer is not None:
            desk.runner.cancel("predict")
            self._predicted(_FOLLOWS)
            return
        part = None if large is None else desk.view.squares(large)
        words = _FOLLOWS
        seen = None if large is None else desk.view.box(large)
        if part is not None and seen is not None and not _holds(part, seen):
            words += ". It covers the middle of the screen: zoom in, or move on"
        self._plane.begin(
            lambda: desk.session.predict.work(
                image,
                planes=None if plane is None else [plane],
                region=None if part is None else list(part),
            ),
            lambda _: self._predicted(words),
            late=self._request_missing,
        )

    def view_moved(self) -> None:
        """Another part of a slide is on screen: predict that, if nothing has all."""
        desk, found = self._desk, self._plane.answer
        large = desk.view.large
        if large is None or desk.session.head is None or self.whole:
            return
        if self.prediction is None and not self._plane.pending:
            return
        if found is None or found.region != desk.view.squares(large):
            self.request()

    def _request_missing(self) -> None:
        if self.prediction is None and not self._plane.pending:
            self.request()

    def predict_all(self) -> None:
        """Predict every plane of the image in hand."""
        desk, image = self._desk, self._desk.image
        if image is None:
            return
        if desk.session.head is None:
            desk.say(self.missing or "Mark a few places first")
            return
        self.set_visible(True)
        self._all.begin(
            lambda: desk.session.predict.work(image),
            lambda _: self._predicted(
                f"{self._everything} predicted. Accept takes it into the labels"
            ),
            late=lambda: desk.say(
                "Something changed while it was predicted: predict it again"
            ),
        )

    @property
    def _everything(self) -> str:
        large = self._desk.view.large is not None
        return "The whole slide is" if large else "The whole volume is"

    def _predicted(self, words: str) -> None:
        self.render()
        self._desk.say(words)
        self._desk.changed.emit()

    def clear(self) -> None:
        """Show no prediction."""
        for ask in (self._fit, self._auto, self._plane, self._all):
            ask.drop()
        self.render()
        self._desk.changed.emit()

    def set_visible(self, visible: bool) -> None:
        """Show or hide the prediction; it stays what it is."""
        self._accepted_here = False
        layer = self._desk.mirror.layer(self._desk.image or "", "prediction")
        if layer is not None:
            layer.visible = visible
            self._desk.labels.outline(visible)

    def render(self) -> None:
        """Show the prediction of the plane on screen, or none."""
        desk, here, found = self._desk, self._desk.here, self.prediction
        if here is None:
            return
        if found is None:
            desk.mirror.hide(here[0], "prediction")
            desk.labels.outline(False)
            return
        labels: NDArray[Any] = found.labels
        if here[1] is not None:
            labels = labels[here[1]]
        desk.show(
            "prediction",
            labels,
            here[1],
            found.region,
            colormap=looks.class_colours(desk.classes),
            opacity=0.5,
            editable=False,
        )
        layer = desk.mirror.layer(here[0], "prediction")
        desk.labels.outline(layer is not None and layer.visible)

    def threshold(self, class_name: str) -> float:
        """Return from which probability on a class counts on the image in hand."""
        desk = self._desk
        value = next(c.value for c in desk.classes if c.name == class_name)
        bias = desk.session.labelling.thresholds.get((desk.image or "", value), 0.0)
        return 1 / (1 + math.exp(bias))

    def set_threshold(self, class_name: str, threshold: float) -> None:
        """Choose it, and show what follows."""
        desk, image = self._desk, self._desk.image
        if image is None or abs(self.threshold(class_name) - threshold) < 1e-6:
            return
        changed = desk.act(
            lambda: desk.session.set_threshold(image, class_name, threshold)
        )
        if changed:
            self.request()

    @property
    def pending(self) -> bool:
        """Whether a newer head or prediction is under way."""
        return self._fit.pending or (self.prediction is None and self._plane.pending)

    def accept(self) -> bool:
        """Take the prediction into the labels: the plane on screen, or all of them."""
        desk, here, found = self._desk, self._desk.here, self.prediction
        if self.pending:
            desk.say("The prediction is being renewed: accept it in a moment")
            return False
        if here is None or found is None:
            desk.say(self.missing or "There is no prediction yet")
            return False
        if not self.whole and not desk.hand.ready():
            return False
        plane = None if self.whole else here[1]
        labels: Any = found.labels
        if isinstance(labels, LazyArray):
            return self._take(here[0], found)
        words = self._at_odds(found, plane)
        done = desk.act(
            lambda: desk.session.accept(
                here[0], found, plane=plane, keep_by_hand=self.keep_by_hand
            )
        )
        if done:
            planes = "all planes" if plane is None else "this plane"
            where = "" if here[1] is None else f" on {planes}"
            if found.region is not None:
                where = " where it was predicted"
            self._taken(f"{where}{words}")
        return done

    def _taken(self, where: str) -> None:
        self.set_visible(False)
        self._accepted_here = True
        self._desk.say(f"Accepted into the labels{where}. Undo with Ctrl+Z")

    def _take(self, image: str, found: Prediction) -> bool:
        """Read the prediction of a whole slide behind, then take it into the labels."""
        desk, source, keep = self._desk, self._desk.source, self.keep_by_hand
        state = desk.session.labelling

        def steps() -> Steps[Prediction]:
            rows, cols = found.labels.shape
            labels = np.zeros((rows, cols), found.labels.dtype)
            for first in range(0, rows, _BAND):
                yield Progress(first, rows, "reading the prediction")
                labels[first : first + _BAND] = found.labels[first : first + _BAND]
            held = replace(found, labels=labels)
            if not keep or source is None:
                return held
            return keeping_by_hand(held, state, source)

        def commit(held: Prediction) -> bool:
            desk.session.accept(image, held, keep_by_hand=keep)
            return True

        def done(_: bool) -> None:
            desk.timeline.branch()
            desk.render()
            self._taken("")

        return self._taking.begin(
            lambda: Work(f"Accepting {image}", steps, commit), done
        )

    @property
    def against_hand(self) -> bool:
        """Whether anything was accepted by hand that a prediction could replace."""
        desk = self._desk
        return any(
            item.image == desk.image and item.origin != "prediction"
            for item in desk.session.labelling.accepted
        )

    def _at_odds(self, found: Prediction, plane: int | None) -> str:
        """Say what becomes of what was accepted by hand and is predicted otherwise."""
        desk, source = self._desk, self._desk.source
        if source is None or not self.against_hand:
            return ""
        state = desk.session.labelling
        box = found.region
        said, labels = by_hand(state, source, box), label_map(state, source, box)
        odds = said & (labels != found.labels)
        if not (odds if plane is None else odds[plane]).any():
            return ""
        if self.keep_by_hand:
            return "; what you had accepted or corrected by hand stayed as it was"
        return "; it replaced what you had accepted by hand"


def _holds(outer: Box, inner: Box) -> bool:
    """Whether a box lies in another."""
    return (
        outer.row0 <= inner.row0
        and outer.col0 <= inner.col0
        and inner.row1 <= outer.row1
        and inner.col1 <= outer.col1
    )


def verdict_of(model: Any) -> str:
    """Say which recipe a head uses and how it did on labels it had not seen."""
    names = {
        "pool": "details and meaning combined",
        "ridge": "linear",
        "logistic": "logistic",
        "forest": "decision trees",
        "prototype": "nearest class mean",
        "knn": "nearest neighbours",
        "mlp": "small network",
    }
    recipe = names.get(model.recipe, model.recipe)
    validation = model.card.get("validation") or {}
    losses = validation.get("losses") or {}
    if model.recipe not in losses:
        return f"Recipe: {recipe}. Mark a few more places to have it tested"
    right = float(np.exp(-losses[model.recipe]))
    word = "very good" if right > 0.9 else "good" if right > 0.75 else "still unsure"
    return (
        f"Recipe: {recipe}. Tested on marks it had not seen: {word} "
        f"({right:.0%} for the right class)"
    )
