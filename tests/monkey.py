"""Random things done to a desk, and what must hold after each."""

from __future__ import annotations

import numpy as np
from held import HeldRunner
from napari.components import ViewerModel
from toys import ToyEncoder, ToyNamer, ToySegmenter

from napari_medfm.bridge.desk import Desk
from napari_medfm.core.errors import Cancelled
from napari_medfm.session import Session


class Monkey:
    """Does random things to a desk, and checks what must always hold."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.viewer = ViewerModel()
        session = Session(encoder=ToyEncoder(), segmenter=ToySegmenter())
        self.runner = HeldRunner()
        self.desk = Desk(self.viewer, session, self.runner)
        self.spare, self.log, self.late = [], [], []
        self.add_layer()
        self.add_layer()

    def act(self):
        names = [n for n in dir(self) if n.startswith("do_")]
        name = names[self.rng.integers(len(names))]
        self.log.append(name)
        getattr(self, name)()

    def any(self, items):
        return items[self.rng.integers(len(items))]

    def picture(self):
        shape = self.any([(40, 48), (4, 40, 48)])
        data = self.rng.normal(0, 0.1, shape)
        data[..., 10:25, 12:30] += 1
        return data.astype(np.float32)

    def place(self):
        layer = self.desk.binding.layer(self.desk.image or "")
        index = [self.rng.integers(0, n) for n in layer.data.shape]
        if len(index) == 3:
            index[0] = self.desk.binding.plane(self.desk.image)
        return layer.data_to_world(index)

    @property
    def ready(self):
        return self.desk.image is not None and self.desk.hand.ready()

    # What a user does

    def add_layer(self):
        self.viewer.add_image(self.picture(), name=self.any(["ct", "mr"]), rgb=False)

    def do_add_layer(self):
        if len(self.viewer.layers) < 14:
            self.add_layer()

    def do_remove_layer(self):
        if len(self.viewer.layers) > 1:
            layer = self.any(list(self.viewer.layers))
            self.spare.append(layer)
            self.viewer.layers.remove(layer)

    def do_bring_back(self):
        own = [x for x in self.spare if x in self.desk.choices() or x.name[:2] != "ct:"]
        images = [x for x in own if type(x).__name__ == "Image" and ":" not in x.name]
        if images:
            layer = self.any(images)
            if layer not in self.viewer.layers:
                self.viewer.layers.append(layer)

    def do_rename(self):
        if self.viewer.layers:
            self.any(list(self.viewer.layers)).name = f"n{self.rng.integers(99)}"

    def do_choose(self):
        if self.desk.choices():
            self.desk.choose_layer(self.any(self.desk.choices()))

    def do_select(self):
        if self.viewer.layers:
            self.viewer.layers.selection.active = self.any(list(self.viewer.layers))

    def do_scroll(self):
        if self.viewer.dims.ndim == 3:
            self.viewer.dims.set_point(0, float(self.rng.integers(-1, 6)))

    def do_rescale(self):
        layer = self.desk.binding.layer(self.desk.image or "")
        if layer is not None:
            layer.scale = np.full(layer.ndim, self.rng.choice([0.5, 1, 2]))

    def do_tool(self):
        self.desk.tools.toggle(
            self.any(["similar", "box", "points", "found", "examples"])
        )

    def do_similar(self):
        if self.ready:
            negative = bool(self.rng.random() < 0.3)
            self.desk.hand.click("similar", self.place(), negative)

    def do_threshold(self):
        low, high = self.desk.similar.limits
        self.desk.similar.set_threshold(float(self.rng.uniform(low, high)))

    def do_clear(self):
        self.desk.similar.clear()

    def do_box(self):
        if self.ready:
            self.desk.hand.box_done(self.place(), self.place())

    def do_points(self):
        if self.ready:
            negative = bool(self.rng.random() < 0.3)
            self.desk.hand.click("points", self.place(), negative)

    def do_turn(self):
        self.desk.prompt.next_alternative()

    def do_next(self):
        self.desk.prompt.next_object()

    def do_through(self):
        self.desk.prompt.through_volume()

    def do_many(self):
        self.desk.many.find(self.any(self.desk.many.ways), "bright")

    def do_drop(self):
        if self.ready:
            self.desk.hand.click("found", self.place(), negative=False)

    def do_take_many(self):
        self.any([self.desk.many.accept, self.desk.many.classify])()

    def do_class(self):
        if len(self.desk.classes) < 5:
            self.desk.add_class(f"class {len(self.desk.classes)} {len(self.log)}")
        self.desk.choose_class(int(self.rng.integers(len(self.desk.classes))))

    def do_example(self):
        if self.ready:
            self.desk.choose_class(int(self.rng.integers(len(self.desk.classes))))
            self.desk.hand.click("examples", self.place(), negative=False)

    do_example_again = do_example

    def do_stroke(self):
        if self.ready:
            path = [self.place(), self.place()]
            self.desk.hand.stroke_moves(path)
            self.desk.hand.stroke_done(path)

    def do_erase(self):
        if self.ready:
            self.desk.hand.click("erase", self.place(), negative=False)

    def do_accept(self):
        self.desk.accept()

    do_accept_again = do_accept

    def do_accept_prediction(self):
        self.desk.live.accept()

    def do_predict_all(self):
        self.desk.live.predict_all()

    def do_keep(self):
        self.desk.live.keep_by_hand = not self.desk.live.keep_by_hand

    def do_sure(self):
        name = self.desk.chosen_class.name
        if self.desk.image is not None and self.desk.chosen_class.value:
            self.desk.live.set_threshold(name, float(self.rng.uniform(0.1, 0.9)))

    def do_paint(self):
        layer = self.desk.mirror.layer(self.desk.image or "", "labels")
        if layer is not None:
            at = tuple(int(self.rng.integers(0, n)) for n in layer.data.shape)
            layer.paint(at, int(self.rng.integers(0, len(self.desk.classes))))

    def do_put(self):
        layer = self.desk.mirror.layer(self.desk.image or "", "labels")
        if layer is not None:
            layer.data = np.roll(layer.data, 1, axis=-1)

    def do_undo(self):
        self.desk.undo()

    do_undo_again = do_undo

    def do_redo(self):
        self.desk.redo()

    def do_encoder(self):
        self.desk.session.use_encoder(ToyEncoder())

    def do_segmenter(self):
        kind = self.any([ToySegmenter, ToyNamer])
        self.desk.session.use_segmenter(kind())

    def do_console(self):
        session = self.desk.session
        if session.images and self.rng.random() < 0.3:
            session.remove_image(self.any(list(session.images)))
        elif session.images:
            name = self.any(list(session.images))
            session.annotate(
                name, "background", points=[[0] * session.images[name].ndim]
            )

    # What the machine does

    def do_rest(self):
        self.runner.rest()

    def do_finish(self):
        if self.runner.held:
            self.runner.finish(self.any(list(self.runner.held)))

    do_finish_again = do_finish
    do_finish_more = do_finish

    def do_begin_to_finish(self):
        if self.runner.held:
            self.late.append(self.runner.drained(self.any(list(self.runner.held))))

    def do_arrive(self):
        if self.late:
            self.late.pop(0)()

    def do_cancel(self):
        self.desk.settle()
        self.runner.cancel_by_user()

    # What must always hold

    def check(self):
        desk, session = self.desk, self.desk.session
        real = [e for e in self.runner.errors if not isinstance(e, Cancelled)]
        unexpected = [e for e in real if type(e).__module__ == "builtins"]
        assert not unexpected, (unexpected, self.log[-12:])
        assert "unexpected" not in desk.message, (desk.message, self.log[-12:])
        if desk.image is not None:
            assert desk.image in session.images
            assert desk.binding.layer(desk.image) in self.viewer.layers
        for item in session.labelling.accepted:
            assert item.image in session.images
        for layer in (
            self.viewer.layers if "catch up" not in self.runner.waiting else ()
        ):
            role = desk.mirror.role_of(layer)
            if role is not None:
                assert role[0] in session.images, (role, self.log[-12:])

    def check_at_rest(self):
        """All answers are in: what is shown is what the session says."""
        desk, session = self.desk, self.desk.session
        self.runner.finish_all()
        self.check()
        image = desk.image
        if image is None:
            return
        labels = desk.mirror.layer(image, "labels")
        shown = np.zeros(desk.source.shape) if labels is None else labels.data
        assert np.array_equal(shown, session.labels(image)), self.log[-12:]
        anchor = desk.binding.layer(image)
        if labels is not None:
            corner = np.zeros(labels.ndim)
            assert np.allclose(
                labels.data_to_world(corner), anchor.data_to_world(corner)
            )
        spacing = np.abs(np.asarray(anchor.scale))
        assert np.allclose(desk.source.spacing, spacing), self.log[-12:]
        mask = desk.prompt.mask
        layer = desk.mirror.layer(image, "mask")
        assert (layer is None) == (mask is None or not self.flat(mask.data).any())
        if layer is not None:
            assert np.array_equal(np.squeeze(layer.data), self.flat(mask.data))
        kept = desk.many.kept
        layer = desk.mirror.layer(image, "found")
        assert (layer is None) == (kept is None), self.log[-12:]
        if layer is not None:
            assert np.array_equal(np.squeeze(layer.data), kept)
        found = desk.live.prediction
        layer = desk.mirror.layer(image, "prediction")
        assert layer is None or found is not None
        if layer is not None:
            assert np.array_equal(np.squeeze(layer.data), self.flat(found.labels))

    def flat(self, data):
        plane = self.desk.binding.plane(self.desk.image)
        return data if plane is None or data.ndim == 2 else data[plane]
