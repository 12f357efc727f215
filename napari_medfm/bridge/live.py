"""The head that follows the user: trained and shown again after every mark."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.bridge import looks
from napari_medfm.core.results import Prediction
from napari_medfm.core.state import Labelling

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk

_IDLE = 1.0
_REST = 0.15


class Live:
    """Trains at once, shows the plane on screen, and improves when there is a rest."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._prediction: Prediction | None = None
        self._planes: tuple[int, ...] | None = None
        self._made_by: Any = None
        self._fitted: list[tuple[Any, Any]] = []
        self.verdict = ""
        self.automatic = True

    @property
    def prediction(self) -> Prediction | None:
        """What the head says of the image in hand, if it says the newest."""
        found = self._prediction
        if found is None or found.image != self._desk.image:
            return None
        return found

    @property
    def whole(self) -> bool:
        """Whether the prediction holds every plane."""
        return self.prediction is not None and self._planes is None

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
        desk.runner.cancel("auto")
        missing = self.missing
        if missing is not None:
            self.clear()
            desk.say(missing)
            return
        desk.run(
            lambda: desk.session.fit.work("ridge"), "live", self._trained, desk.complain
        )

    def returned(self, before: Labelling) -> None:
        """Undo or redo was used: show its head, or train if it has none of its own."""
        now = self._desk.session.labelling
        if now.head is None and self.missing is not None:
            self.clear()
        elif self._is_own(now):
            self.request()
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
            self.labels_changed()
            return
        self._remember(model)
        self.verdict = "Quick answer; a better one follows when you pause"
        self.request()
        if self.automatic:
            desk.runner.later(_IDLE, "auto", self.improve)

    def improve(self) -> None:
        """Weigh the recipes on the user's own labels and keep the best."""
        desk = self._desk
        if self.missing is not None or desk.runner.busy("live"):
            return
        desk.run(
            lambda: desk.session.fit.work("auto"), "auto", self._improved, desk.complain
        )

    def _improved(self, model: Any) -> None:
        if self._desk.session.head is not model:
            return
        self._remember(model)
        self.verdict = verdict_of(model)
        self.request()
        self._desk.changed.emit()

    def use_head(self, head: Any) -> bool:
        """Use a head made before."""
        desk = self._desk
        desk.runner.cancel("live")
        desk.runner.cancel("auto")
        if not desk.act(lambda: desk.session.use_head(head)):
            return False
        self.verdict = verdict_of(desk.session.head)
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
        if self._holds_plane():
            self.render()
        else:
            self._desk.runner.later(_REST, "predict plane", self.request)

    def _holds_plane(self) -> bool:
        here = self._desk.here
        if self.prediction is None or here is None:
            return False
        if self._made_by != self._maker():
            return False
        return here[1] is None or self._planes is None or here[1] in self._planes

    def _maker(self) -> tuple[Any, Any]:
        state = self._desk.session.labelling
        image = self._desk.image
        own = {k: v for k, v in state.thresholds.items() if k[0] == image}
        return id(state.head), tuple(sorted(own.items()))

    def request(self) -> None:
        """Predict the plane on screen."""
        desk, here = self._desk, self._desk.here
        if here is None or desk.session.head is None:
            return
        planes = None if here[1] is None else [here[1]]
        self._predict(here[0], planes, "predict")

    def predict_all(self) -> None:
        """Predict every plane of the image in hand."""
        desk = self._desk
        if desk.image is None:
            return
        if desk.session.head is None:
            desk.say(self.missing or "Mark a few places first")
            return
        self._predict(desk.image, None, "predict all")

    def _predict(self, image: str, planes: list[int] | None, key: str) -> None:
        desk, maker = self._desk, self._maker()

        def done(found: Prediction) -> None:
            if desk.image != image:
                return
            self._prediction, self._made_by = found, maker
            self._planes = None if planes is None else tuple(planes)
            if desk.binding.image(image).ndim == 2:
                self._planes = None
            self.render()
            desk.say(
                "All planes are predicted. Accept takes them into the labels"
                if key == "predict all"
                else "The prediction follows your marks"
            )
            desk.changed.emit()

        desk.run(
            lambda: desk.session.predict.work(image, planes=planes),
            key,
            done,
            desk.complain,
        )

    def clear(self) -> None:
        """Show no prediction."""
        for key in ("live", "auto", "predict"):
            self._desk.runner.cancel(key)
        self._prediction, self.verdict = None, ""
        if self._desk.image is not None:
            self._desk.mirror.hide(self._desk.image, "prediction")
        self._desk.changed.emit()

    def set_visible(self, visible: bool) -> None:
        """Show or hide the prediction; it stays what it is."""
        layer = self._desk.mirror.layer(self._desk.image or "", "prediction")
        if layer is not None:
            layer.visible = visible
            self._desk.labels.outline(visible)

    def render(self) -> None:
        """Show the prediction of the plane on screen."""
        desk, here, found = self._desk, self._desk.here, self.prediction
        if here is None or found is None:
            return
        labels: NDArray[Any] = found.labels
        if here[1] is not None:
            labels = labels[here[1]]
        desk.show(
            "prediction",
            labels,
            here[1],
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

    def accept(self) -> bool:
        """Take the prediction into the labels: the plane on screen, or all of them."""
        desk, here, found = self._desk, self._desk.here, self.prediction
        if here is None or found is None:
            desk.say(self.missing or "There is no prediction yet")
            return False
        if not self._holds_plane():
            desk.say("The prediction is being renewed: accept it in a moment")
            return False
        plane = None if self._planes is None else here[1]
        done = desk.act(lambda: desk.session.accept(here[0], found, plane=plane))
        if done:
            self.set_visible(False)
            planes = "all planes" if plane is None else "this plane"
            where = "" if here[1] is None else f" on {planes}"
            desk.say(f"Accepted into the labels{where}. Undo with Ctrl+Z")
        return done


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
