"""Every image is taken as it is, or refused with the way out."""

import numpy as np
import pytest

from napari_medfm.core.errors import BadInput
from napari_medfm.engine.intake import image_of
from napari_medfm.engine.rgb import normalised, to_rgb

rng = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (np.float32(3), "0 axes"),
        (np.zeros(5), "1 axes"),
        (np.zeros((0, 5)), "empty"),
        (np.zeros((4, 4), complex), "complex"),
        (np.full((4, 4), np.nan), "no finite pixel"),
        (np.zeros((2, 2, 9, 9, 9)), "Pick one time point"),
        (np.array([["a"]]), "not numbers"),
    ],
)
def test_unusable_images_are_refused(data, reason):
    with pytest.raises(BadInput, match=reason):
        image_of(data, "x")


@pytest.mark.parametrize(
    ("shape", "axes", "reason"),
    [
        ((5, 6), "zyx", "names 3 axes"),
        ((5, 6), "yy", "one different letter"),
        ((5, 6), "xy", "then y"),
        ((5, 6), "qx", "use z or t"),
    ],
)
def test_axes_that_do_not_fit_are_refused(shape, axes, reason):
    with pytest.raises(BadInput, match=reason):
        image_of(np.zeros(shape), "x", axes=axes)


@pytest.mark.parametrize(
    ("shape", "facts", "expected", "channel"),
    [
        ((20, 30), {}, (20, 30), None),
        ((20, 30, 3), {}, (20, 30), 2),
        ((20, 30, 4), {}, (20, 30), 2),
        ((7, 20, 30), {}, (7, 20, 30), None),
        ((7, 20, 30, 3), {}, (7, 20, 30), 3),
        ((5, 20, 30), {"channel_axis": 0}, (20, 30), 0),
        ((5, 20, 30), {"axes": "cyx"}, (20, 30), 0),
        ((2, 7, 20, 30), {"axes": "czyx"}, (7, 20, 30), 0),
        ((7, 2, 20, 30), {"axes": "zcyx"}, (7, 20, 30), 1),
        ((20, 30, 3), {"axes": "zyx"}, (20, 30, 3), None),
    ],
)
def test_axes_and_channels(shape, facts, expected, channel):
    image = image_of(np.zeros(shape, np.uint8), "x", **facts)
    assert image.shape == expected
    assert image.channel_axis == channel


def test_planes_have_channels_last():
    data = rng.random((2, 7, 20, 30))
    image = image_of(data, "x", axes="czyx")
    np.testing.assert_array_equal(image.plane(3), np.moveaxis(data[:, 3], 0, -1))
    image = image_of(data.swapaxes(0, 1), "x", axes="zcyx")
    np.testing.assert_array_equal(image.plane(3), np.moveaxis(data[:, 3], 0, -1))


@pytest.mark.parametrize("shape", [(1, 40), (40, 1), (1, 1)])
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.uint16, np.float32])
def test_thin_and_constant_images_are_usable(shape, dtype):
    shown = normalised(image_of(np.ones(shape, dtype), "x"))
    assert shown.shape == (*shape, 1)
    assert np.isfinite(shown).all()


def test_sixteen_bits_are_not_cut_to_eight():
    data = np.arange(4096, dtype=np.uint16).reshape(64, 64) * 7
    shown = normalised(image_of(data, "x"))
    assert len(np.unique(shown)) > 4000


def test_nan_and_infinity_become_finite():
    data = rng.random((30, 30)).astype(np.float32)
    data[3, 3], data[4, 4], data[5, 5] = np.nan, np.inf, -np.inf
    shown = normalised(image_of(data, "x"))
    assert shown[3, 3] == 0
    assert shown[4, 4] == 1
    assert shown[5, 5] == 0


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 9])
def test_any_number_of_channels_is_shown_as_three(channels):
    assert to_rgb(rng.random((5, 6, channels), np.float32)).shape == (5, 6, 3)


def test_only_the_planes_asked_for_are_read():
    class Lazy:
        shape, dtype = (1000, 8, 8), np.dtype("f4")

        def __init__(self):
            self.read = []

        def __getitem__(self, key):
            self.read.append(key)
            return np.ones((8, 8), np.float32)

    lazy = Lazy()
    image = image_of(lazy, "x")
    before = len(lazy.read)
    assert before <= 16
    image.plane(500)
    assert len(lazy.read) == before + 1


def test_content_hash_sees_every_pixel_and_the_type():
    data = rng.integers(0, 255, (4, 9, 9), np.uint8)
    other = data.copy()
    other[3, 8, 8] ^= 1
    hashes = {image_of(d, "x").sha256() for d in (data, other, data.astype("i2"))}
    assert len(hashes) == 3


def test_the_window_of_a_pyramid_comes_from_its_coarsest_level():
    class Untouched:
        shape, dtype = (4000, 4000), np.dtype("u2")

        def __getitem__(self, key):
            raise AssertionError("the finest level was read")

    coarse = np.arange(10000, dtype="u2").reshape(100, 100)
    image = image_of(Untouched(), "x", levels=[coarse])
    ((low, high),) = image.window
    assert (low, high) == tuple(np.percentile(coarse, (0.5, 99.5)))
