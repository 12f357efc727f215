import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medfm.core.errors import BadInput
from napari_medfm.core.specs import EncoderSpec
from napari_medfm.engine.windows import WindowPolicy, plan_windows

SIZES = st.tuples(st.integers(1, 5000), st.integers(1, 5000))


def spec(patch=14, input_size=518):
    return EncoderSpec(
        name="any",
        title="Any",
        domain="general",
        architecture="any",
        input_size=input_size,
        licence="MIT",
        commercial=True,
        intended_use="tests",
        patch=patch,
        dim=4,
    )


@given(SIZES, st.sampled_from([(14, 518), (16, 224), (14, 112), (8, 64)]))
def test_windows_cover_every_token_and_stay_inside(plane, family):
    plan = plan_windows(plane, spec(*family))
    covered = np.zeros(plan.tokens, int)
    for row, col in plan.corners:
        assert row + plan.window[0] <= plan.tokens[0]
        assert col + plan.window[1] <= plan.tokens[1]
        covered[row : row + plan.window[0], col : col + plan.window[1]] += 1
    assert covered.min() >= 1
    assert len(plan.corners) <= WindowPolicy().windows
    assert max(plan.window) * plan.patch <= family[1]


@given(SIZES)
def test_neighbours_share_at_least_a_quarter(plane):
    plan = plan_windows(plane, spec())
    for axis in (0, 1):
        starts = sorted({corner[axis] for corner in plan.corners})
        steps = np.diff(starts)
        assert (steps <= plan.window[axis] - round(0.25 * 37)).all()


@given(SIZES, st.booleans())
def test_the_grid_covers_the_plane(plane, shifts):
    plan = plan_windows(plane, spec(), shifts=shifts)
    grid = plan.grid
    finer = 2 if shifts else 1
    assert (grid.rows, grid.cols) == (plan.tokens[0] * finer, plan.tokens[1] * finer)
    ends = grid.to_pixels([[-0.5, -0.5], [grid.rows - 0.5, grid.cols - 0.5]])
    slack = np.divide(1, plan.resize.scale)
    assert (ends[0] <= -0.5 + slack).all()
    assert (ends[1] >= np.array(plane) - 0.5 - slack).all()


@given(SIZES)
def test_the_aspect_ratio_is_kept(plane):
    plan = plan_windows(plane, spec())
    scale = plan.resize.scale
    longest = int(np.argmax(plane))
    wanted = plane[1 - longest] * scale[longest]
    assert abs(plan.content[1 - longest] - max(wanted, 1)) <= 0.5 + 1e-9


def test_small_planes_are_enlarged_to_the_input_and_seen_whole():
    for plane in ((256, 256), (64, 64), (518, 518), (777, 777)):
        plan = plan_windows(plane, spec())
        assert plan.content == (518, 518)
        assert len(plan.corners) == 1


def test_large_planes_get_windows_near_their_own_resolution():
    plan = plan_windows((1024, 1024), spec())
    assert len(plan.corners) == 4
    assert 0.85 <= plan.resize.scale[0] <= 1


def test_huge_planes_are_reduced():
    for plane in ((20_000, 20_000), (2848, 4288), (100_000, 200)):
        plan = plan_windows(plane, spec())
        assert len(plan.corners) <= 12
        assert plan.resize.scale[0] < 1


@pytest.mark.parametrize("plane", [(1, 1), (1, 400), (3, 4000), (4000, 1)])
def test_extreme_shapes_have_a_plan(plane):
    plan = plan_windows(plane, spec())
    assert min(plan.tokens) >= 1
    assert np.isfinite([plan.grid.stride, plan.grid.offset]).all()


def test_an_empty_plane_is_refused():
    with pytest.raises(BadInput, match="0 x 5"):
        plan_windows((0, 5), spec())


def test_shifts_are_half_a_patch_apart_and_even_about_zero():
    assert plan_windows((50, 50), spec(14, 112)).shifts == (-3, 4)
    assert plan_windows((50, 50), spec(16, 64)).shifts == (-4, 4)
    assert plan_windows((50, 50), spec(15, 60)).shifts == (0,)
    assert plan_windows((50, 50), spec(), shifts=False).shifts == (0,)


@settings(max_examples=30)
@given(SIZES)
def test_the_same_plane_has_the_same_plan(plane):
    assert plan_windows(plane, spec()) == plan_windows(plane, spec())
