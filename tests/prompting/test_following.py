"""Objects followed through volumes: ends, corrections, other axes."""

from dataclasses import replace

import numpy as np
import pytest
from toys import ToySegmenter

from napari_medfm import Session
from napari_medfm.core.errors import BadInput
from napari_medfm.engine.crops import CropCache
from napari_medfm.engine.handover import HandOver
from napari_medfm.engine.intake import image_of
from napari_medfm.engine.propagate import Stack, propagate
from napari_medfm.engine.stability import iou
from napari_medfm.engine.turned import turned


@pytest.fixture
def segmenter():
    toy = ToySegmenter()
    toy.spec = replace(toy.spec, input_size=112)
    return toy


def stack_of(volume):
    low, high = volume.min(), volume.max()
    planes = np.repeat(((volume - low) / (high - low))[..., None], 3, -1)
    return Stack(lambda z: planes[z], str, volume.shape, (5.0, 1.0, 1.0))


def follow(stack, known, segmenter, before=None):
    last = stack.shape[0] - 1
    follower = HandOver(stack, segmenter, CropCache())
    steps = propagate(stack, known, (0, last), follower, before)
    asked = []
    while True:
        try:
            asked.append(next(steps).message)
        except StopIteration as stop:
            return stop.value, asked


def test_an_object_that_fades_into_its_surroundings_ends_there(segmenter):
    """The tube goes on as a stripe as bright as the ground around it."""
    rng = np.random.default_rng(0)
    rows, cols = np.mgrid[:80, :80]
    tube = (rows - 40) ** 2 + (cols - 40) ** 2 < 12**2
    volume = np.stack([tube * (1.0 if z < 8 else 0.05) for z in range(14)])
    volume = (volume + rng.normal(0, 0.03, volume.shape)).astype(np.float32)
    made, _ = follow(stack_of(volume), {4: tube}, segmenter)
    assert np.flatnonzero(made.any((1, 2))).tolist() == list(range(8))


def test_a_brighter_neighbour_is_not_taken(segmenter):
    """Next to the object lies another one, as bright as the ground is dark."""
    rows, cols = np.mgrid[:80, :80]
    disc = (rows - 40) ** 2 + (cols - 30) ** 2 < 12**2
    other = (rows - 40) ** 2 + (cols - 54) ** 2 < 12**2
    volume = np.stack([0.5 * disc + 0.9 * other] * 5).astype(np.float32)
    made, _ = follow(stack_of(volume), {2: disc}, segmenter)
    assert all(iou(made[z], disc) > 0.9 for z in range(5))


def test_an_empty_plane_is_an_end(ball, segmenter):
    volume, truth = ball
    nothing = np.zeros_like(truth[0])
    made, _ = follow(stack_of(volume), {6: truth[6], 8: nothing}, segmenter)
    assert made[7].any()
    assert not made[8:].any()


def test_between_two_known_planes_there_is_no_end(segmenter):
    """A gap where nothing can be seen is interpolated, not given up."""
    rows, cols = np.mgrid[:80, :80]
    discs = [(rows - 40) ** 2 + (cols - 30 - 2 * z) ** 2 < 12**2 for z in range(9)]
    volume = np.stack(discs).astype(np.float32)
    volume[4] = 0
    known = {0: discs[0], 8: discs[8]}
    made, _ = follow(stack_of(volume), known, segmenter)
    assert all(iou(made[z], discs[z]) > 0.75 for z in range(9))


def test_only_what_a_correction_changes_is_asked_again(ball, segmenter):
    volume, truth = ball
    stack = stack_of(volume)
    first, asked = follow(stack, {6: truth[6]}, segmenter)
    assert len(asked) >= 8
    again, asked = follow(stack, {6: truth[6]}, segmenter, first)
    np.testing.assert_array_equal(again, first)
    assert asked == []
    nothing = np.zeros_like(truth[0])
    known = {6: truth[6], 9: nothing}
    corrected, asked = follow(stack, known, segmenter, first)
    assert not corrected[9:].any()
    np.testing.assert_array_equal(corrected[:7], first[:7])
    assert not {"plane 3", "plane 4", "plane 5"} & set(asked)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("channels", [False, True])
def test_a_turned_volume_shows_the_same_pixels(axis, channels):
    rng = np.random.default_rng(0)
    data = rng.random((4, 5, 6, 3) if channels else (4, 5, 6)).astype(np.float32)
    image = image_of(
        data, "v", spacing=(3.0, 2.0, 1.0), channel_axis=-1 if channels else None
    )
    view = turned(image, axis)
    moved = np.moveaxis(data, axis, 0)
    assert view.shape == moved.shape[:3]
    for index in range(view.n_planes):
        np.testing.assert_array_equal(view.plane(index), moved[index])
    assert view.spacing == tuple(
        np.moveaxis(np.array([3.0, 2, 1]), 0, 0)[
            [axis, *(a for a in range(3) if a != axis)]
        ]
    )
    point = np.array([1, 2, 3])
    there = point[[axis, *(a for a in range(3) if a != axis)]]
    np.testing.assert_allclose(view.affine @ [*there, 1], image.affine @ [*point, 1])


def test_along_another_axis_in_a_session(ball, encoder, segmenter):
    volume, truth = ball
    session = Session(encoder=encoder, segmenter=segmenter)
    session.add_image(volume, name="ct", spacing=(5, 1, 1))
    made = session.propagate("ct", truth[:, 50], plane=50, axis=1)
    assert made.data.shape == volume.shape
    overlap = 2 * (made.data & truth).sum() / (made.data.sum() + truth.sum())
    assert overlap > 0.8
    assert made.provenance["axis"] == 1


def test_corrections_in_a_session_and_what_is_refused(ball, encoder, segmenter):
    volume, truth = ball
    session = Session(encoder=encoder, segmenter=segmenter)
    session.add_image(volume, name="ct", spacing=(5, 1, 1))
    first = session.propagate("ct", truth[6], plane=6)
    nothing = np.zeros_like(truth[0])
    second = session.propagate(
        "ct", truth[6], plane=6, also={8: nothing}, previous=first
    )
    assert not second.data[8:].any()
    assert second.provenance["known_planes"] == [6, 8]
    assert "also={'8': runs(" in session.script()
    with pytest.raises(BadInput, match="outside the range"):
        session.propagate("ct", truth[6], plane=6, also={9: truth[6]}, to=(4, 8))
    with pytest.raises(BadInput, match="axis 0, 1 and 2"):
        session.propagate("ct", truth[6], plane=6, axis=3)
    with pytest.raises(BadInput, match="shape"):
        session.propagate("ct", truth[6], plane=6, previous=truth[6])
