"""Positions survive every conversion."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import Box, Grid, Resize, affine_of, points_on

numbers = st.floats(-1e3, 1e3)
scales = st.floats(0.05, 50)


@given(st.tuples(scales, scales), st.tuples(numbers, numbers), numbers, numbers)
def test_grid_round_trip(stride, offset, row, col):
    grid = Grid(5, 7, stride, offset)
    back = grid.to_tokens(grid.to_pixels([[row, col]]))
    np.testing.assert_allclose(back, [[row, col]], rtol=1e-6, atol=1e-6)


@given(st.tuples(numbers, numbers), st.tuples(scales, scales), numbers, numbers)
def test_resize_round_trip(origin, scale, row, col):
    resize = Resize(origin, scale)
    back = resize.to_pixels(resize.to_model([[row, col]]))
    np.testing.assert_allclose(back, [[row, col]], rtol=1e-6, atol=1e-5)


def test_resize_maps_edges_to_edges():
    resize = Resize((10, 20), (2, 4))
    assert resize.to_model([[9.5, 19.5]]).tolist() == [[-0.5, -0.5]]
    assert resize.to_model([[12.5, 24.5]]).tolist() == [[5.5, 19.5]]


def test_nearest_token_stays_on_the_grid():
    grid = Grid(3, 4, (14, 14), (6.5, 6.5))
    assert grid.nearest([[0, 0], [1e6, 1e6], [20, 35]]).tolist() == [
        [0, 0],
        [2, 3],
        [1, 2],
    ]


@given(st.lists(st.integers(-50, 80), min_size=4, max_size=4))
def test_box_takes_corners_in_any_order(values):
    row0, col0, row1, col1 = values
    if row0 == row1 or col0 == col1:
        with pytest.raises(BadInput, match="no area"):
            Box.of(values)
    else:
        assert Box.of(values) == Box.of([row1, col1, row0, col0])
        assert Box.of(values).height > 0


def test_box_around_equals_the_slices_of_the_mask():
    mask = np.zeros((9, 11), bool)
    mask[2:5, 3:9] = True
    box = Box.around(mask)
    assert box == (2, 3, 5, 9)
    assert mask[box.slices].all()
    assert Box.around(np.zeros((3, 3), bool)) is None


@pytest.mark.parametrize("box", [(0, 0, 5), (0, 0, np.nan, 5), "abcd"])
def test_box_refuses_what_is_no_box(box):
    with pytest.raises((BadInput, ValueError)):
        Box.of(box)


def test_box_outside_the_plane_is_refused():
    with pytest.raises(BadInput, match="outside the plane"):
        Box.of((100, 100, 120, 120)).clipped((50, 50))


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        ([[1, 2, 3]], "2 coordinates"),
        ([[10, 2]], "outside"),
        ([[-1, 2]], "outside"),
        ([[np.nan, 2]], "outside"),
    ],
)
def test_points_must_lie_on_the_image(points, reason):
    with pytest.raises(BadInput, match=reason):
        points_on(points, (10, 12))


def test_affine_and_spacing_agree():
    matrix = np.eye(4)
    matrix[:3, :3] = [[0, -2, 0], [3, 0, 0], [0, 0, 1.5]]
    spacing, kept = affine_of(3, None, matrix)
    assert spacing == pytest.approx((3, 2, 1.5))
    np.testing.assert_array_equal(kept, matrix)
    with pytest.raises(BadInput, match="disagrees"):
        affine_of(3, (1, 1, 1), matrix)


@pytest.mark.parametrize(
    ("spacing", "affine", "reason"),
    [
        ((0, 1), None, "positive"),
        ((1, -1), None, "positive"),
        (None, np.eye(4), "3 x 3 matrix"),
        (None, np.zeros((3, 3)), "singular"),
    ],
)
def test_bad_geometry_is_refused(spacing, affine, reason):
    with pytest.raises(BadInput, match=reason):
        affine_of(2, spacing, affine)
