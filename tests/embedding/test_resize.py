import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.transform import resize as skimage_resize

from napari_medfm.core.geometry import Resize
from napari_medfm.engine.resize import resized_plane

SIZE = st.integers(1, 90)


@settings(deadline=None)
@given(SIZE, SIZE, st.integers(1, 120), st.integers(1, 120))
def test_a_ramp_stays_where_it_is(rows, cols, height, width):
    plane = np.stack(np.mgrid[:rows, :cols], -1).astype(np.float32)
    resized = resized_plane(plane, (height, width))
    assert resized.shape == (height, width, 2)
    scale = (height / rows, width / cols)
    index = np.stack(np.mgrid[:height, :width], -1).reshape(-1, 2)
    wanted = Resize((0, 0), scale).to_pixels(index).reshape(height, width, 2)
    for axis, size in enumerate((rows, cols)):
        reach = 1 / scale[axis] + 1
        inside = (wanted[..., axis] > reach) & (wanted[..., axis] < size - 1 - reach)
        error = np.abs(resized - wanted)[..., axis][inside]
        assert error.max(initial=0) < 1e-4


@settings(deadline=None)
@given(SIZE, SIZE, st.integers(1, 120), st.integers(1, 120))
def test_a_flat_plane_stays_flat(rows, cols, height, width):
    plane = np.full((rows, cols, 3), 0.3, np.float32)
    np.testing.assert_allclose(resized_plane(plane, (height, width)), 0.3, atol=1e-6)


def test_enlarging_is_torch_bilinear():
    from torch import from_numpy
    from torch.nn.functional import interpolate

    plane = np.random.default_rng(0).random((37, 52, 3), dtype=np.float32)
    picture = from_numpy(plane).permute(2, 0, 1)[None]
    other = interpolate(picture, size=(111, 90), mode="bilinear", align_corners=False)
    wanted = other[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(resized_plane(plane, (111, 90)), wanted, atol=2e-4)


@pytest.mark.parametrize("factor", [3, 5])
def test_reducing_takes_in_every_pixel_evenly(factor):
    size = 12 * factor
    sums = np.zeros((size, size))
    for row in range(size):
        plane = np.zeros((size, size, 1), np.float32)
        plane[row, :, 0] = 1
        sums[row] = resized_plane(plane, (12, 12))[..., 0].sum()
    inner = sums[factor:-factor]
    np.testing.assert_allclose(inner, inner[0, 0], rtol=1e-4)


def test_a_fine_pattern_does_not_alias():
    rows, cols = np.mgrid[:400, :400]
    plane = ((rows + cols) % 2).astype(np.float32)[..., None]
    for size in (57, 133, 199):
        resized = resized_plane(plane, (size, size))
        assert np.abs(resized - 0.5).max() < 0.06


def test_a_smooth_plane_looks_as_in_scikit_image():
    rows, cols = np.mgrid[:300, :200] / 40
    plane = np.stack([np.sin(rows), np.cos(cols), np.sin(rows * cols / 3)], -1)
    wanted = skimage_resize(plane, (130, 77, 3), order=1, anti_aliasing=True)
    found = resized_plane(plane.astype(np.float32), (130, 77))
    np.testing.assert_allclose(found[3:-3, 3:-3], wanted[3:-3, 3:-3], atol=0.03)


def test_the_same_size_is_the_same_plane():
    plane = np.random.default_rng(0).random((5, 6, 3), dtype=np.float32)
    assert resized_plane(plane, (5, 6)) is plane
