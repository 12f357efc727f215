"""Layers and images: any kind of layer, any transform, renamed or removed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Image as ImageLayer
from toys import ToyEncoder, ToySegmenter

from napari_medfm.bridge.binding import Binding
from napari_medfm.bridge.facts import facts_of, problem_with
from napari_medfm.bridge.geometry import Lie, geometry_of, matrix_of
from napari_medfm.core.errors import BadInput
from napari_medfm.session import Session


@pytest.fixture
def session():
    return Session(encoder=ToyEncoder(), segmenter=ToySegmenter())


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.mark.parametrize(
    ("shape", "rgb", "image_shape", "channel"),
    [
        ((20, 30), False, (20, 30), None),
        ((20, 30, 3), True, (20, 30), 2),
        ((5, 20, 30), False, (5, 20, 30), None),
        ((5, 20, 3), False, (5, 20, 3), None),
        ((5, 20, 30, 4), True, (5, 20, 30), 3),
    ],
)
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.uint16, np.float32])
def test_any_image_layer_becomes_an_image(
    viewer, session, shape, rgb, image_shape, channel, dtype
):
    data = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
    layer = ImageLayer(data, rgb=rgb, name="x")
    viewer.add_layer(layer)
    name = Binding(viewer, session).bind(layer)
    image = session.images[name]
    assert image.shape == image_shape
    assert image.channel_axis == channel
    assert image.data.dtype == dtype


def test_multiscale_gives_the_finest_level_and_the_rest(viewer, session):
    levels = [np.random.default_rng(0).random((64 // n, 80 // n)) for n in (1, 2, 4)]
    layer = viewer.add_image(levels, multiscale=True)
    name = Binding(viewer, session).bind(layer)
    image = session.images[name]
    assert image.shape == (64, 80)
    assert [level.shape for level in image.levels] == [(32, 40), (16, 20)]


def test_channels_become_layers_that_are_images_each(viewer, session):
    layers = viewer.add_image(
        np.random.default_rng(0).random((2, 20, 30)), channel_axis=0
    )
    binding = Binding(viewer, session)
    assert len({binding.bind(layer) for layer in layers}) == 2


def test_what_cannot_be_used_says_the_way_out(viewer, session):
    layer = ImageLayer(np.zeros((2, 3, 4, 5)), rgb=False)
    assert "Split Stack" in problem_with(layer)
    with pytest.raises(BadInput, match="Split Stack"):
        Binding(viewer, session).bind(layer)
    assert not session.images


def test_other_layers_are_refused(viewer):
    assert "Image layer" in problem_with(viewer.add_points(np.zeros((1, 2))))


def test_renamed_layer_stays_bound_and_removed_layer_keeps_its_image(viewer, session):
    binding = Binding(viewer, session)
    layer = viewer.add_image(np.random.default_rng(0).random((8, 9)), name="a")
    name = binding.bind(layer)
    layer.name = "b"
    assert binding.bind(layer) == name
    assert binding.layer(name) == layer
    viewer.layers.remove(layer)
    assert binding.layer(name) is None
    assert name in session.images
    viewer.layers.append(layer)
    assert binding.bind(layer) == name
    assert len(session.images) == 1


def test_other_pixels_are_another_image(viewer, session):
    binding = Binding(viewer, session)
    layer = viewer.add_image(np.random.default_rng(0).random((8, 9)), name="a")
    first = binding.bind(layer)
    layer.data = np.random.default_rng(1).random((8, 9))
    assert binding.bind(layer) != first
    assert first in session.images


def test_session_images_get_layers(viewer, session):
    rng = np.random.default_rng(0)
    affine = np.array([[2, 0.5, 1], [0, 3, 4], [0, 0, 1]])
    session.add_image(rng.random((8, 9)), name="flat", affine=affine)
    session.add_image(rng.integers(0, 255, (8, 9, 3), np.uint8), name="colour")
    session.add_image(rng.random((4, 8, 9)), name="many", channel_axis=0)
    binding = Binding(viewer, session)
    binding.show_images()
    assert len(viewer.layers) == 6
    assert np.allclose(
        matrix_of(binding.layer("flat")), np.diag([*session.images["flat"].spacing, 1])
    )
    assert binding.layer("colour").rgb
    assert {binding.name_of(layer) for layer in viewer.layers} == set(session.images)


numbers = st.floats(0.2, 5)


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
@settings(deadline=None, max_examples=30)
@given(
    scale=st.tuples(numbers, numbers, numbers),
    shift=st.tuples(*[st.floats(-50, 50)] * 3),
    angles=st.tuples(*[st.floats(-40, 40)] * 3),
    plane=st.integers(0, 5),
    index=st.tuples(st.floats(0, 6), st.floats(0, 7)),
)
def test_a_plane_of_an_answer_lies_where_the_image_has_it(
    scale, shift, angles, plane, index
):
    turn = np.array([[0.9, 0.1, 0.2], [0, 1.1, -0.3], [0.2, 0, 0.8]])
    layer = ImageLayer(
        np.zeros((6, 7, 8)), scale=scale, translate=shift, rotate=angles, affine=turn
    )
    answer = ImageLayer(np.zeros((1, 7, 8)), **geometry_of(layer, Lie(plane)))
    assert np.allclose(
        answer.data_to_world((0, *index)), layer.data_to_world((plane, *index))
    )
    assert np.allclose(
        matrix_of(layer) @ [plane, *index, 1],
        [*layer.data_to_world((plane, *index)), 1],
    )


def test_the_session_gets_the_whole_transform(viewer, session):
    layer = viewer.add_image(
        np.random.default_rng(0).random((8, 9)),
        scale=(2, 3),
        rotate=30,
        translate=(5, 6),
    )
    name = Binding(viewer, session).bind(layer)
    image = session.images[name]
    assert image.spacing == pytest.approx((2, 3))
    position = image.affine @ [4, 5, 1]
    assert np.allclose(position[:2], layer.data_to_world((4, 5)))


def test_what_a_reader_noted_holds_until_the_layer_is_moved():
    affine = np.array([[0, 2.0, 7], [-2, 0, 3], [0, 0, 1]])
    noted = {
        "spacing": (2, 2),
        "affine": affine,
        "path": "ct.nii",
        "metadata": {"a": 1},
    }
    layer = ImageLayer(np.zeros((8, 9)), scale=(2, 2), metadata={"napari_medfm": noted})
    facts = facts_of(layer)
    assert np.array_equal(facts["affine"], affine)
    assert facts["source"].name == "ct.nii"
    layer.translate = (1, 0)
    facts = facts_of(layer)
    assert np.allclose(facts["affine"], [[2, 0, 1], [0, 2, 0], [0, 0, 1]])
    assert "source" not in facts


def test_cursor_to_index(viewer, session):
    binding = Binding(viewer, session)
    layer = viewer.add_image(
        np.random.default_rng(0).random((6, 8, 9)), scale=(5, 2, 3), translate=(1, 2, 3)
    )
    name = binding.bind(layer)
    viewer.dims.set_point(0, 1 + 5 * 4)
    assert binding.plane(name) == 4
    world = layer.data_to_world((4, 3.2, 5.4))
    assert binding.position(name, world) == pytest.approx((4, 3.2, 5.4))
    assert binding.position(name, layer.data_to_world((4, 30, 5))) is None
    row, col = binding.nearest_position(name, layer.data_to_world((4, 30, -7)))
    assert 7 < row < 7.5
    assert col == -0.5


def test_a_picture_among_volumes_uses_the_last_axes(viewer, session):
    binding = Binding(viewer, session)
    viewer.add_image(np.random.default_rng(0).random((6, 8, 9)))
    name = binding.bind(viewer.add_image(np.random.default_rng(0).random((8, 9))))
    assert binding.plane(name) is None
    assert binding.position(name, (3, 2, 4)) == (2, 4)
    assert binding.problem_here(name) is None


def test_tools_say_when_the_view_does_not_fit(viewer, session):
    binding = Binding(viewer, session)
    name = binding.bind(viewer.add_image(np.random.default_rng(0).random((6, 8, 9))))
    assert binding.problem_here(name) is None
    viewer.dims.ndisplay = 3
    assert "2-D" in binding.problem_here(name)
    viewer.dims.ndisplay = 2
    viewer.dims.order = (1, 0, 2)
    assert "slider" in binding.problem_here(name)
