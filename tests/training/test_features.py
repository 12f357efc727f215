"""Features: what is centred is centred, what is filtered matches scipy."""

import threading

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_medfm.core.geometry import Grid
from napari_medfm.core.results import Embedding
from napari_medfm.engine.features import plane_features
from napari_medfm.engine.filters import SIGMAS, filter_bank, filter_count
from napari_medfm.engine.projection import Projection
from napari_medfm.engine.upsample import upsample_maps


def plane(channels=1, seed=0):
    rng = np.random.default_rng(seed)
    layers = rng.normal(5, 3, (6, 8, 3, 10)).astype(np.float16)
    made = Embedding(layers, Grid(6, 8, (7.0, 7.0), (3.0, 3.0)), "key", "toy")
    return plane_features(made, rng.random((42, 56, channels)).astype(np.float32))


def test_tokens_are_centred_and_of_unit_power():
    tokens = plane().tokens
    assert tokens.shape == (48, 10)
    assert tokens.dtype == np.float32
    np.testing.assert_allclose(tokens.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(np.square(tokens).mean(), 1, atol=1e-3)


def test_deep_tokens_hold_all_blocks_the_last_one_last():
    features = plane()
    assert features.deep.shape == (48, 30) == (48, features.width("deep"))
    np.testing.assert_allclose(features.deep[:, 20:], features.tokens, atol=1e-5)
    for block in range(3):
        part = features.deep[:, 10 * block : 10 * (block + 1)]
        np.testing.assert_allclose(np.square(part).mean(), 1, atol=1e-3)


def test_a_brightness_shift_of_all_tokens_changes_nothing():
    rng = np.random.default_rng(3)
    layers = rng.normal(0, 1, (6, 8, 1, 10))
    grid, pixels = Grid(6, 8, (7.0, 7.0), (3.0, 3.0)), np.zeros((42, 56, 1), np.float32)
    first, second = (
        plane_features(Embedding(part.astype(np.float16), grid, "k", "t"), pixels)
        for part in (layers, 2 * layers + 4)
    )
    np.testing.assert_allclose(first.tokens, second.tokens, atol=2e-2)


def test_rows_are_those_of_the_whole():
    features = plane(3)
    pick = np.array([3, 17, 40])
    for kind in ("tokens", "deep", "filters"):
        some = features.rows(kind, pick)
        assert some.shape == (3, features.width(kind))
        assert some.dtype == np.float32
        np.testing.assert_allclose(
            some, features.rows(kind, slice(None))[pick], atol=1e-5
        )


def test_gaussians_are_scipys():
    image = np.random.default_rng(0).random((64, 64, 1)).astype(np.float32)
    bank = filter_bank(image).astype(np.float32)
    scaled = (image[..., 0] - image.mean()) / image.std()
    for number, sigma in enumerate(SIGMAS[:3]):
        smooth = gaussian_filter(scaled, sigma)
        assert np.abs(bank[..., 2 + 4 * number] - smooth).max() < 0.1


def test_a_ridge_has_one_large_negative_eigenvalue():
    image = np.zeros((64, 64, 1), np.float32)
    image[:, 31:34] = 1
    bank = filter_bank(image).astype(np.float32)
    larger, smaller = bank[32, 32, 8], bank[32, 32, 9]
    assert smaller < -0.5
    assert abs(larger) < 0.05


def test_any_number_of_channels_has_filters():
    for channels in (1, 2, 3, 4, 7):
        image = np.random.default_rng(0).random((9, 12, channels)).astype(np.float32)
        bank = filter_bank(image)
        assert bank.shape == (9, 12, filter_count(channels))
        assert bank.dtype == np.float16
        assert np.isfinite(bank).all()


def test_flat_and_thin_planes_have_finite_filters():
    for shape in ((20, 20, 1), (1, 30, 1), (30, 1, 3), (1, 1, 1)):
        assert np.isfinite(filter_bank(np.ones(shape, np.float32))).all()


def test_threads_share_one_filter_bank():
    features = plane(3)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(features.filters))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(bank) for bank in found}) == 1


def test_memory_held_is_told():
    features = plane()
    before = features.nbytes
    bank = features.filters
    assert features.nbytes == before + bank.nbytes


def test_a_line_answers_more_than_a_speck_of_the_same_brightness():
    image = np.full((80, 80, 1), 0.5, np.float32)
    image[20, 10:70] = image[60, 40] = 1
    bright = filter_bank(image).astype(np.float32)[..., -1]
    assert bright[20, 40] < 2 * bright[60, 40] < 0


def test_local_contrast_does_not_see_a_shade_across_the_picture():
    rng = np.random.default_rng(0)
    texture = rng.normal(0, 0.05, (96, 96)).astype(np.float32)
    shade = np.linspace(0, 0.6, 96, dtype=np.float32)
    plain, shaded = (
        filter_bank((0.2 + texture + part)[..., None])[16:-16, 16:-16]
        for part in (0, shade)
    )

    def alike(number):
        pair = [bank[..., number].astype(float).ravel() for bank in (plain, shaded)]
        return np.corrcoef(*pair)[0, 1]

    assert alike(22) > 0.95
    assert alike(0) < 0.7


def test_a_projection_is_the_same_each_time_and_its_rows_are_its_maps():
    first, second = plane(1, 0), plane(1, 1)
    one, two = Projection.of([first, second]), Projection.of([first, second])
    assert one.axes.tobytes() == two.axes.tobytes()
    assert one.axes.shape == (30, 30)
    pixels = np.argwhere(np.ones(first.shape, bool))
    beside = one.rows(first, pixels)[:, first.width("filters") :]
    whole = upsample_maps(one.maps(first), first.grid, first.shape)
    np.testing.assert_allclose(beside, whole.reshape(30, -1).T, atol=1e-4)


def test_a_projection_keeps_distances_between_tokens():
    from scipy.spatial.distance import pdist

    features = plane()
    projected = Projection.of([features]).maps(features).reshape(30, -1).T
    before, after = pdist(features.deep), pdist(projected)
    np.testing.assert_allclose(after / after.mean(), before / before.mean(), rtol=1e-3)


def test_tokens_do_not_wait_for_filters_under_way(monkeypatch):
    """The live head needs tokens while better heads wait for the filter bank."""
    features, begun, go_on = plane(), threading.Event(), threading.Event()

    def slow(channels, tones):
        begun.set()
        assert go_on.wait(20)
        return filter_bank(channels, tones)

    monkeypatch.setattr("napari_medfm.engine.features.filter_bank", slow)
    one = threading.Thread(target=lambda: features.filters)
    one.start()
    assert begun.wait(20)
    other = threading.Thread(target=lambda: features.tokens)
    other.start()
    other.join(5)
    waited = other.is_alive()
    go_on.set()
    one.join(20)
    other.join(20)
    assert not waited
