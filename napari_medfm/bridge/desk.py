"""The desk: one viewer, one session, and what the user is doing with them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from napari.layers import Image as ImageLayer
from napari.layers import Layer
from psygnal import Signal

from napari_medfm.bridge.batch import Batch
from napari_medfm.bridge.binding import Binding
from napari_medfm.bridge.browsing import Browsing
from napari_medfm.bridge.drafts import Drafts
from napari_medfm.bridge.edits import Edits
from napari_medfm.bridge.effort import EffortOut
from napari_medfm.bridge.export import Exporting
from napari_medfm.bridge.facts import problem_with
from napari_medfm.bridge.gestures import Gestures
from napari_medfm.bridge.images import Images
from napari_medfm.bridge.importing import Importing
from napari_medfm.bridge.keys import Keys
from napari_medfm.bridge.labels import LabelsView
from napari_medfm.bridge.live import Live
from napari_medfm.bridge.many import Many
from napari_medfm.bridge.marking import Marking
from napari_medfm.bridge.mirror import Mirror, Role
from napari_medfm.bridge.objects import Objects
from napari_medfm.bridge.opening import Opening
from napari_medfm.bridge.placing import Placing
from napari_medfm.bridge.preferring import Preferring
from napari_medfm.bridge.projects import Projects
from napari_medfm.bridge.prompt import Prompting
from napari_medfm.bridge.repeating import Repeating
from napari_medfm.bridge.review import Review
from napari_medfm.bridge.running import Runner
from napari_medfm.bridge.saving import Saving
from napari_medfm.bridge.similar import Similar
from napari_medfm.bridge.timeline import Timeline
from napari_medfm.bridge.tools import MARKING, ToolBelt
from napari_medfm.bridge.viewing import Viewing, shown
from napari_medfm.core.changes import Change
from napari_medfm.core.errors import MedfmError
from napari_medfm.core.geometry import Box
from napari_medfm.core.image import Image
from napari_medfm.core.labels import LabelClass
from napari_medfm.session import Session

_LOG = logging.getLogger("napari_medfm")


class Desk:
    """Brings gestures to the session and the session to the layers.

    It lives in the viewer's thread. Long work goes to the runner; nothing here waits.

    Parameters
    ----------
    viewer
        A viewer or viewer model.
    session
        The session it shows.
    runner
        Runs the work.

    Signals
    -------
    replaced
        Another desk took this one's place on the viewer, with another session.
    """

    changed = Signal()
    said = Signal(str, bool)
    replaced = Signal(object)

    def __init__(self, viewer: Any, session: Session, runner: Runner) -> None:
        self.viewer, self.session, self.runner = viewer, session, runner
        self._uid: int | None = None
        self.chosen = 1
        self.message, self.is_problem = "", False
        self._rendered: tuple[Any, ...] = ()
        self._images: Mapping[str, Image] | None = None
        self._encoder = session.workspace.encoder
        self.binding = Binding(viewer, session)
        self.view = Viewing(self)
        self.placing = Placing(self)
        self.opening = Opening(self)
        self.mirror = Mirror(viewer, self._layer_made)
        self.timeline = Timeline(session)
        self.hand = Gestures(self)
        self.tools = ToolBelt(viewer, self.hand, self._armed)
        self.similar = Similar(self)
        self.prompt, self.many = Prompting(self), Many(self)
        self.marking, self.live = Marking(self), Live(self)
        self.review = Review(self)
        self.objects, self.images = Objects(self), Images(self)
        self.exporting, self.importing = Exporting(self), Importing(self)
        self.browsing = Browsing(self)
        self.labels, self.edits = LabelsView(self), Edits(self)
        self.saving = Saving(self)
        self.projects, self.drafts = Projects(self), Drafts(self)
        self.batch = Batch(self)
        self.effort, self.repeating = EffortOut(self), Repeating(self)
        self.preferring, self.keys = Preferring(self), Keys(self)
        self.view.on_moved = self._view_moved
        self.binding.on_bound = self.placing.watch
        self.binding.on_removed = self._image_removed
        self.binding.on_new_pixels = self._new_pixels
        for event, heard in self._heard_of_viewer():
            event.connect(heard)
        session.changed.connect(self._heard)
        self._show_images()
        self._follow_active()
        self._layers_changed()

    def close(self) -> None:
        """Let go of the viewer; session and layers stay."""
        self.session.changed.disconnect(self._heard)
        self.runner.cancel()
        self.drafts.close()
        self.tools.close()
        self.keys.close()
        self.view.close()
        self.mirror.close()
        self.binding.close()
        for event, heard in self._heard_of_viewer():
            event.disconnect(heard)

    def _heard_of_viewer(self) -> list[tuple[Any, Callable[[], None]]]:
        """The viewer's events, and what hears of them."""
        layers = self.viewer.layers
        return [
            (layers.selection.events.active, self._follow_active),
            (layers.events.inserted, self._layers_changed),
            (layers.events.removed, self._layers_changed),
            (self.viewer.dims.events.point, self._plane_moved),
        ]

    def _armed(self) -> None:
        """A tool was taken up or put down: show what it is about."""
        if self.tools.armed is not None:
            if self.tools.armed == "similar":
                self.similar.taken_up()
            else:
                self.similar.set_visible(False)
            if self.tools.armed in MARKING:
                self.live.set_visible(True)
            elif self.tools.armed in {"box", "points", "objects", "found"}:
                self.live.set_visible(False)
                self.prompt.preview.expected()
        self.changed.emit()

    # Words

    def say(self, message: str) -> None:
        """Show what happened, or what to do next."""
        self._tell(message, False)

    def complain(self, error: BaseException | str) -> None:
        """Show what went wrong in one line; the log keeps the rest."""
        if isinstance(error, (MedfmError, str)):
            self._tell(str(error), True)
            return
        _LOG.error("Unexpected error", exc_info=error)
        if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
            text = "Not enough memory for this: close other images or programs"
        else:
            text = f"Something unexpected went wrong ({type(error).__name__}: {error})"
        self._tell(text.splitlines()[0][:300], True)

    def _tell(self, message: str, is_problem: bool) -> None:
        self.message, self.is_problem = message, is_problem
        self.said.emit(message, is_problem)

    # Images

    def choices(self) -> list[Layer]:
        """Return the Image layers that can be labelled, in the viewer's order."""
        return [
            layer
            for layer in self.viewer.layers
            if isinstance(layer, ImageLayer) and self.mirror.role_of(layer) is None
        ]

    def choose_layer(self, layer: Layer) -> None:
        """Work on the image of a layer from now on; says why where it cannot be."""
        self.opening.choose(layer)

    def work_on(self, name: str) -> None:
        """Bring an image of the session to hand."""
        uid = self.session.images[name].uid
        if uid != self._uid:
            self._uid = uid
            self.render()
            self.live.plane_moved()

    @property
    def image(self) -> str | None:
        """Name of the image in hand; None without one, or where it left the session."""
        found = None if self._uid is None else self.binding.image_of(self._uid)
        return None if found is None else found.name

    @property
    def here(self) -> tuple[str, int | None] | None:
        """The image in hand and its plane on screen (None for a picture)."""
        if self.image is None:
            return None
        return self.image, self.binding.plane(self.image)

    @property
    def scene(self) -> tuple[int, int | None] | None:
        """As `here`, with the image's own number: another of its name is another."""
        here, source = self.here, self.source
        return None if here is None or source is None else (source.uid, here[1])

    @property
    def source(self) -> Image | None:
        """The image in hand."""
        return None if self.image is None else self.binding.image(self.image)

    def show(
        self,
        role: Role,
        data: Any,
        plane: int | None,
        region: Box | None = None,
        **style: Any,
    ) -> None:
        """Show data on the image in hand; not where its layer was removed.

        Parameters
        ----------
        region
            Part of the plane that data is of.
        """
        image, source = self.image, self.source
        anchor = None if image is None else self.binding.layer(image)
        if image is None or source is None or anchor is None:
            return
        if role not in _MARKS:
            data = shown(data[None] if plane is not None and data.ndim == 2 else data)
            if region is None and isinstance(data, list):
                region = Box(0, 0, *source.plane_shape)
        self.mirror.show(image, anchor, role, data, where=(plane, region), style=style)

    def _follow_active(self) -> None:
        active = self.viewer.layers.selection.active
        if isinstance(active, ImageLayer) and self.mirror.role_of(active) is None:
            self.choose_layer(active)

    def _layers_changed(self) -> None:
        if self.image is None and self.choices():
            usable = [x for x in self.choices() if problem_with(x) is None]
            if usable:
                self.choose_layer(usable[0])
        self.changed.emit()

    def _image_removed(self, image: Image) -> None:
        self.mirror.forget(image.name)
        if image.uid == self._uid:
            self._put_down()
            self.say(f"{image.name!r} was removed from the viewer; its labels are kept")

    def _new_pixels(self, image: Image) -> None:
        layer = self.binding.layer(image.name)
        if layer is None:
            self.mirror.forget(image.name)
            self.say(f"The pixels of {image.name!r} changed: it counts as a new image")
        if image.uid == self._uid:
            self._put_down()
            self._follow_active()

    def _put_down(self) -> None:
        """Have no image in hand."""
        self._uid = None
        self.tools.disarm()

    def _plane_moved(self) -> None:
        source = self.source
        if source is None or source.ndim != 3:
            return
        self.similar.plane_moved()
        self.prompt.render()
        self.many.render()
        self.marking.plane_moved()
        self.live.plane_moved()
        self.prompt.preview.expected()
        self.changed.emit()

    def _view_moved(self) -> None:
        """Another part of a large image is on screen."""
        self.similar.view_moved()
        self.live.view_moved()

    def _layer_made(self, image: str, role: Role, layer: Layer) -> None:
        self.saving.watch(image, role, layer)
        if role == "labels":
            self.edits.watch(image, layer)

    # Classes

    @property
    def classes(self) -> tuple[LabelClass, ...]:
        """The classes, background first."""
        return self.session.classes

    @property
    def chosen_class(self) -> LabelClass:
        """The class that marks go to."""
        known = {c.value: c for c in self.classes}
        return known.get(self.chosen, self.classes[-1])

    def choose_class(self, value: int) -> None:
        """Give the next marks to a class."""
        if value in {c.value for c in self.classes}:
            self.chosen = value
            self.changed.emit()

    def add_class(self, name: str, colour: str | None = None) -> LabelClass | None:
        """Add a class and choose it; says why where it cannot be."""
        made: list[LabelClass] = []
        if not self.act(lambda: made.append(self.session.add_class(name, colour))):
            return None
        self.choose_class(made[0].value)
        return made[0]

    def object_class(self) -> LabelClass:
        """Return the class for an object: the chosen one, or a first one made now."""
        chosen = self.chosen_class
        if chosen.value:
            return chosen
        real = [c for c in self.classes if c.value]
        if real:
            return real[0]
        made = self.session.add_class("object")
        self.choose_class(made.value)
        return made

    # Doing

    def settle(self) -> None:
        """Take up what the user did in the layers themselves and is not read yet."""
        self.edits.flush()
        self.placing.settle()

    def act(self, change: Any) -> bool:
        """Change the session at once and show it; False (and why) if it refused."""
        self.settle()
        try:
            change()
        except (MedfmError, ValueError) as problem:
            self.complain(problem)
            return False
        self.timeline.branch()
        self.render()
        return True

    def accept(self) -> None:
        """Accept what is in hand: a mask, else similar places, else the prediction."""
        if self.many.found is not None and self.tools.armed in {"found", None}:
            self.many.accept()
        elif self.prompt.mask is not None and self.tools.armed != "similar":
            self.prompt.accept()
        elif self.similar.map is not None and self.tools.armed in {"similar", None}:
            self.similar.accept()
        else:
            self.live.accept()

    def undo(self) -> None:
        """Take the last change back."""
        self._step(self.timeline.undo, "Nothing left to undo", "Undone")

    def redo(self) -> None:
        """Do the last change again."""
        self._step(self.timeline.redo, "Nothing to do again", "Done again")

    def _step(self, step: Any, nothing: str, done: str) -> None:
        self.settle()
        for key in ("segment", "propagate", "live", "auto"):
            self.runner.cancel(key)
        before = self.session.labelling
        if not step():
            self.say(nothing)
            return
        self.say(done)
        self.prompt.returned()
        self.render()
        if self.session.labelling is not before:
            self.live.returned(before)

    def _heard(self, _: Change) -> None:
        """The session changed, here or elsewhere, in whatever thread."""
        self.runner.soon("catch up", self.catch_up)

    def catch_up(self) -> None:
        """Show what others did with the session meanwhile, from a console say."""
        if self._state() == self._rendered:
            return
        self.settle()
        self.render()
        self.live.plane_moved()

    def _state(self) -> tuple[Any, ...]:
        workspace = self.session.workspace
        return self.session.labelling, workspace.encoder, workspace.segmenter

    def render(self) -> None:
        """Bring the layers in step with the session."""
        self._show_images()
        self._rendered = self._state()
        if self.image is not None:
            self.labels.render()
            self.marking.render()
            self.prompt.render()
            self.many.render()
            self.similar.render()
        encoder = self.session.workspace.encoder
        if encoder is not self._encoder:
            self._encoder = encoder
            self.live.encoder_changed()
            self.similar.again()
        self.changed.emit()

    def _show_images(self) -> None:
        """Bring the image layers in step: images come and go, and are moved."""
        images = self.session.labelling.images
        self.placing.render()
        if images is self._images:
            return
        before, self._images = self._images or {}, images
        for name, image in before.items():
            if name not in images or images[name].uid != image.uid:
                self.mirror.forget(name)
        self._show_layers()
        self._select_an_image()
        if self._uid is not None and self.image is None:
            self._put_down()
            self._follow_active()

    def _show_layers(self) -> None:
        with self.mirror.same_selection():
            more = self.binding.show_images()
        if more:
            self.runner.later(_BREATH, "layers", self._show_layers)

    def _select_an_image(self) -> None:
        """Select a first layer, so that napari's controls are there to be used."""
        selection = self.viewer.layers.selection
        layers = [self.binding.layer(name) for name in self.session.images]
        if selection.active is None:
            selection.active = next((x for x in layers if x is not None), None)


_BREATH = 0.02
_MARKS = {"examples", "queries", "clicks", "box"}
