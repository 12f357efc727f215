"""The plane shown is the plane labelled, however an image lies."""

import numpy as np
import pytest
from held import HeldRunner
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Image as ImageLayer
from scipy.spatial.transform import Rotation
from toys import ToyEncoder, ToySegmenter

from napari_medfm.bridge.binding import Binding
from napari_medfm.bridge.desk import Desk
from napari_medfm.bridge.geometry import is_tilted, matrix_of
from napari_medfm.core.errors import BadInput
from napari_medfm.session import Session

SHAPE = (6, 7, 8)
NUMBERED = np.arange(SHAPE[0], dtype=np.float32)[:, None, None] * np.ones(SHAPE)
steps = st.floats(0.3, 6)
spacings = st.tuples(steps, steps, steps)
orders = st.permutations([0, 1, 2])
signs = st.tuples(*[st.sampled_from([-1.0, 1.0])] * 3)
angles = st.tuples(*[st.floats(-180, 180)] * 3)
shifts = st.tuples(*[st.floats(-80, 80)] * 3)


def session():
    return Session(encoder=ToyEncoder(), segmenter=ToySegmenter())


def affine_of(spacing, order, sign, angle, shift):
    made = np.eye(4)
    flip = np.eye(3)[list(order)] * np.array(sign)
    turn = Rotation.from_euler("xyz", angle, degrees=True).as_matrix()
    made[:3, :3] = turn @ flip @ np.diag(spacing)
    made[:3, 3] = shift
    return made


def on_screen(viewer, layer):
    """Return the number of the plane that napari cuts, from the pixels it shows."""
    layer._slice_dims(viewer.dims)
    return float(np.asarray(layer._slice.image.raw).ravel()[0])


@settings(deadline=None, max_examples=40)
@given(spacings, orders, signs, angles, shifts, st.floats(0, 1))
def test_a_volume_of_the_session_is_cut_into_its_own_planes(
    spacing, order, sign, angle, shift, where
):
    made, viewer = session(), ViewerModel()
    affine = affine_of(spacing, order, sign, angle, shift)
    made.add_image(NUMBERED, name="ct", affine=affine)
    desk = Desk(viewer, made, HeldRunner())
    low, high, _ = viewer.dims.range[0]
    viewer.dims.set_point(0, low + where * (high - low))
    layer = viewer.layers["ct"]
    assert desk.binding.plane("ct") == on_screen(viewer, layer)
    assert desk.hand.ready()
    world = layer.data_to_world((desk.binding.plane("ct"), 3, 4))
    desk.add_class("lesion")
    desk.hand.click("examples", world, negative=False)
    marked = made.annotations[0].pixels[0]
    assert tuple(marked) == (on_screen(viewer, layer), 3, 4)
    assert np.allclose(made.images["ct"].affine, affine)


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
@settings(deadline=None, max_examples=60)
@given(spacings, orders, signs, angles, shifts, st.floats(0, 1), st.booleans())
def test_a_layer_of_others_is_cut_into_its_own_planes_or_refused(
    spacing, order, sign, angle, shift, where, flat
):
    if flat:
        order, angle = (0, *[a for a in order if a]), (angle[0], 0, 0)
    affine = affine_of(spacing, order, sign, angle, shift)
    layer = ImageLayer(NUMBERED, affine=affine, name="ct")
    viewer = ViewerModel()
    viewer.add_layer(layer)
    low, high, _ = viewer.dims.range[0]
    viewer.dims.set_point(0, low + where * (high - low))
    binding = Binding(viewer, session())
    if is_tilted(layer):
        assert not flat
        with pytest.raises(BadInput, match="tilted"):
            binding.bind(layer)
        return
    name = binding.bind(layer)
    assume(binding.problem_here(name) is None)
    assert binding.plane(name) == on_screen(viewer, layer)
    index = (binding.plane(name), 3.25, 4.5)
    world = np.array(layer.data_to_world(index))
    assert binding.position(name, world) == pytest.approx(index, abs=1e-4)


def test_in_plane_rotation_is_no_tilt():
    layer = ImageLayer(NUMBERED, scale=(5, 1, 2), rotate=(0, 0, 0))
    assert not is_tilted(layer)
    layer.rotate = Rotation.from_euler("x", 30, degrees=True).as_matrix()
    turned = matrix_of(layer)
    assert abs(turned[1, 2]) > 0.1
    assert is_tilted(layer) == bool(np.abs(turned[0, 1:3]).max() > 1e-6)


def test_beside_the_planes_nothing_is_labelled():
    viewer = ViewerModel()
    viewer.add_image(NUMBERED, name="ct")
    viewer.add_image(np.zeros((20, 7, 8)), name="longer")
    desk = Desk(viewer, session(), HeldRunner())
    desk.choose_layer(viewer.layers["ct"])
    viewer.dims.set_point(0, 15)
    assert not desk.hand.ready()
    assert "slider" in desk.message
    viewer.dims.set_point(0, 5)
    assert desk.hand.ready()


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
def test_a_tilted_layer_can_be_shown_straight():
    viewer = ViewerModel()
    affine = affine_of((5, 1, 2), (0, 1, 2), (1, 1, 1), (0, 20, 10), (3, 4, 5))
    tilted = viewer.add_image(NUMBERED, affine=affine, name="ct")
    desk = Desk(viewer, session(), HeldRunner())
    assert desk.image is None
    desk.choose_layer(tilted)
    assert "Show it straight" in desk.message
    way = desk.opening.ways_out[0]
    assert way.title == "Show it straight"
    way.act()
    assert desk.image == "ct (straight)"
    assert not tilted.visible
    assert desk.source.spacing == pytest.approx((5, 1, 2))
    assert np.allclose(desk.source.affine, affine)
    assert np.allclose(matrix_of(desk.binding.layer(desk.image)), np.diag([5, 1, 2, 1]))
