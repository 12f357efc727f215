"""Random gestures in a real window, with real worker threads and a project's journal.

``NAPARI_MEDFM_RANDOM_ACTIONS=500`` makes it long; ``NAPARI_MEDFM_RANDOM_SEEDS=0,1``
chooses the seeds. The window's own thread is timed by the processor time it used, which
does not depend on what else the machine does, beside what napari alone takes there to
show a layer.
"""

import os
import time
import warnings

import numpy as np
import pytest
from monkey import Monkey
from qtpy.QtCore import Qt
from states import same_state

from napari_medfm import load_project
from napari_medfm.project.keeping import ProjectWarning

ACTIONS = int(os.environ.get("NAPARI_MEDFM_RANDOM_ACTIONS", "40"))
SEEDS = os.environ.get("NAPARI_MEDFM_RANDOM_SEEDS", "0").split(",")
KEYS = {
    "B": ("box",),
    "P": ("points",),
    "S": ("similar",),
    "N": (),
    "T": (),
    "M": (),
    "Return": (),
}


class WindowMonkey(Monkey):
    """Does them with mouse and keys, and lets the window's threads run."""

    def __init__(self, seed, one):
        self.rng = np.random.default_rng(seed)
        self.window, self.viewer = one, one.viewer
        self.desk, self.runner = one.desk, one.runner
        self.spare, self.log = [], []
        self.spent = []
        self.add_layer()
        self.add_layer()

    def act(self):
        began = time.thread_time()
        super().act()
        self.window.qtbot.wait(int(self.rng.integers(1, 40)))
        self.spent.append((time.thread_time() - began, self.log[-1]))

    def do_key(self):
        name = self.any(list(KEYS))
        self.window.key(getattr(Qt.Key, f"Key_{name}"))

    def do_mouse(self):
        if self.ready:
            layer = self.desk.binding.layer(self.desk.image)
            index = [int(self.rng.integers(0, n)) for n in layer.data.shape]
            self.window.click(*index)

    def do_drag(self):
        if self.ready:
            shape = self.desk.source.shape
            start, end = (
                [int(self.rng.integers(0, n)) for n in shape] for _ in range(2)
            )
            self.window.drag(start, end)

    def do_section(self):
        self.window.open(self.any(list(self.window.widget.sections)))

    def do_finish(self):
        self.window.qtbot.wait(60)

    do_rest = do_finish_again = do_finish_more = do_finish
    do_begin_to_finish = do_arrive = do_finish

    def check(self):
        desk, session = self.desk, self.desk.session
        assert "unexpected" not in desk.message, (desk.message, self.log[-12:])
        if desk.image is not None:
            assert desk.image in session.images
        for item in session.labelling.accepted:
            assert item.image in session.images

    def settle(self):
        self.window.rest()


@pytest.mark.parametrize("seed", [int(seed) for seed in SEEDS])
@pytest.mark.timeout(900)
def test_a_window_survives_random_gestures(seed, window, tmp_path):
    one = window()
    monkey = WindowMonkey(seed, one)
    session = one.desk.session
    session.save(tmp_path / "random.medfm")
    for number in range(ACTIONS):
        monkey.act()
        monkey.check()
        if number % 20 == 19:
            one.rest()
            _layers_say_what_the_session_says(monkey)
    one.rest()
    one.desk.settle()
    assert one.desk.session is session
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ProjectWarning)
        reopened = load_project(tmp_path / "random.medfm", read_only=True)
    same_state(session.labelling, reopened.labelling)
    slowest = sorted(monkey.spent, reverse=True)
    often, bare = slowest[len(slowest) // 20][0], _napari_alone(one)
    assert often < 3 * bare, f"one action in twenty took longer: {bare}, {slowest[:9]}"


def _napari_alone(one):
    """Processor seconds of the window's thread to show a layer and take it away."""
    began = time.thread_time()
    layer = one.viewer.add_labels(np.eye(160, dtype=np.uint8), name="bare")
    one.qtbot.wait(20)
    one.viewer.layers.remove(layer)
    one.qtbot.wait(20)
    return time.thread_time() - began


def _layers_say_what_the_session_says(monkey):
    desk = monkey.desk
    desk.settle()
    if desk.image is None:
        return
    layer = desk.mirror.layer(desk.image, "labels")
    shown = np.zeros(desk.source.shape) if layer is None else np.asarray(layer.data)
    said = desk.session.labels(desk.image)
    assert np.array_equal(shown, said), monkey.log[-20:]
