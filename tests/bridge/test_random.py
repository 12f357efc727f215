"""Random gestures on toys: session and layers agree after each, and nothing breaks.

``NAPARI_MEDFM_RANDOM_ACTIONS=500`` makes it long; ``NAPARI_MEDFM_RANDOM_SEEDS=0,1,2``
chooses the seeds.
"""

import os

import pytest
from monkey import Monkey

ACTIONS = int(os.environ.get("NAPARI_MEDFM_RANDOM_ACTIONS", "80"))
SEEDS = os.environ.get("NAPARI_MEDFM_RANDOM_SEEDS", "0,1").split(",")


@pytest.mark.parametrize("seed", [int(seed) for seed in SEEDS])
def test_random_gestures_leave_session_and_layers_consistent(seed):
    monkey = Monkey(seed)
    for number in range(ACTIONS):
        monkey.act()
        monkey.check()
        if number % 10 == 9:
            monkey.check_at_rest()
    for _ in range(5 * ACTIONS):
        if not monkey.desk.timeline.can_undo:
            break
        monkey.desk.undo()
        monkey.check()
    monkey.check_at_rest()
    assert not monkey.desk.session.labelling.accepted
    for _ in range(5 * ACTIONS):
        if not monkey.desk.timeline.can_redo:
            break
        monkey.desk.redo()
        monkey.check()
    assert not monkey.desk.timeline.can_redo
    monkey.check_at_rest()
