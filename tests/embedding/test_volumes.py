"""Encoders of volumes in a session: planes see what lies above and below them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medfm import Session, encoders
from napari_medfm.core.errors import BadFile, BadInput
from napari_medfm.core.specs import EncoderSpec
from napari_medfm.encoders._network import Weights
from napari_medfm.engine.volumes import plan_volume

SPEC = EncoderSpec(
    name="cubes",
    title="Cubes",
    domain="radiology",
    dimension=3,
    architecture="means of cubes",
    input_size=16,
    licence="BSD-3-Clause",
    commercial=True,
    intended_use="tests",
    patch=4,
    dim=3,
    prefix_tokens=0,
    blocks=(0,),
    intensity=(-100.0, 300.0),
)


class Cubes:
    """Tokens are the mean of each cube, its square, and how bright the window is."""

    weights_hash = "cubes"

    def __init__(self, spec=SPEC):
        self.spec = spec
        self.batches = []

    def encode(self, batch):
        assert batch.dtype == np.float32
        self.batches.append(batch.shape)
        n, d, h, w = (size // (1, 4, 4, 4)[k] for k, size in enumerate(batch.shape))
        mean = batch.reshape(n, d, 4, h, 4, w, 4).mean((2, 4, 6))
        found = np.stack([mean, mean**2, np.full_like(mean, 0.5)], -1)
        return found[..., None, :].astype(np.float32)


@pytest.fixture
def ct():
    """A bright ball in a ramp along the planes, HU, and where it is."""
    planes, rows, cols = np.mgrid[:40, :44, :50]
    ball = (planes - 20) ** 2 + (rows - 20) ** 2 + (cols - 30) ** 2 < 11**2
    return (planes * 2.0 - 60 + 180 * ball).astype(np.int16), ball


def opened(folder, volume, encoder=None, **facts):
    encoder = encoder or Cubes()
    session = Session(encoder=encoder, cache_dir=folder)
    session.add_image(volume, name="ct", **facts)
    return session, encoder


def tokens_of(session, plane, run):
    reader = session.workspace.planes
    found, _ = run(reader.embedding(session.images["ct"], plane))
    return found


@settings(deadline=None)
@given(
    st.tuples(st.integers(1, 90), st.integers(1, 90), st.integers(1, 90)),
    st.sampled_from([None, (1.0, 1.0, 1.0), (5.0, 0.7, 0.7)]),
)
def test_every_plane_lies_in_the_slab_it_is_seen_in(shape, spacing):
    plan = plan_volume(shape, spacing, replace(SPEC, spacing=(1.5, 1.5, 1.5)))
    seen = []
    for slab in plan.slabs:
        assert 0 <= slab <= plan.tokens[0] - plan.window[0]
        for plane in plan.planes_of(slab):
            seen.append(plane)
            layer = plan.layer_of(plane)
            assert slab - 0.5 - 1 / SPEC.patch <= layer
            assert layer <= slab + plan.window[0] - 0.5 + 1 / SPEC.patch
    assert sorted(seen) == list(range(shape[0]))


def test_tokens_are_the_means_of_cubes(tmp_path, ct, run):
    volume, _ = ct
    session, _ = opened(tmp_path, volume)
    seen = (volume.astype(np.float32) + 100) / 400
    for plane in (0, 1, 13, 22, 39):
        found = tokens_of(session, plane, run)
        assert found.layers.shape == (11, 13, 1, 3)
        layer = min(max((plane - 1.5) / 4, 0), 9)
        first = min(int(layer), 8)
        cubes = seen[:, :44, :48].reshape(10, 4, 11, 4, 12, 4).mean((1, 3, 5))
        wanted = cubes[first] + (layer - first) * (cubes[first + 1] - cubes[first])
        np.testing.assert_allclose(found.layers[:, :12, 0, 0], wanted, atol=2e-3)
        np.testing.assert_allclose(found.grid.to_pixels([[2, 5]]), [[9.5, 21.5]])


def test_voxels_are_brought_to_the_size_it_was_trained_at(tmp_path, ct, run):
    volume, _ = ct
    coarse = replace(SPEC, spacing=(2.0, 2.0, 2.0))
    session, encoder = opened(tmp_path, volume, Cubes(coarse), spacing=(4, 1, 1))
    found = tokens_of(session, 20, run)
    # 40 planes of 4 mm are 80 of 2 mm; 44 rows of 1 mm are 22 of 2 mm.
    assert found.layers.shape[:2] == (6, 7)
    assert set(encoder.batches) == {(1, 16, 16, 16)}
    np.testing.assert_allclose(found.grid.stride, (8, 50 / 25 * 4))


def test_a_slab_is_computed_once_and_kept(tmp_path, ct):
    volume, _ = ct
    session, encoder = opened(tmp_path, volume)
    session.embed("ct", planes=[20])
    first = len(encoder.batches)
    plan = plan_volume(volume.shape, None, SPEC)
    session.embed("ct", planes=plan.planes_of(plan.slab_of(20)))
    assert len(encoder.batches) == first
    session.embed("ct")
    assert len(encoder.batches) == first * len(plan.slabs)
    again, fresh = opened(tmp_path, volume)
    again.embed("ct")
    assert fresh.batches == []
    other = volume.copy()
    other[0, 0, 0] += 1
    changed, fresh = opened(tmp_path, other)
    changed.embed("ct", planes=[20])
    assert fresh.batches


def test_similarity_and_a_head_on_a_volume(tmp_path, ct):
    volume, ball = ct
    session, _ = opened(tmp_path, volume)
    found = session.similarity("ct", at=[(20, 20, 30)], planes=[20])["ct"]
    assert found[20][ball[20]].mean() > found[20][~ball[20]].mean() + 0.5
    session.add_class("ball")
    session.annotate("ct", "ball", points=[(20, 20, 30), (18, 22, 28)])
    session.annotate("ct", "background", points=[(20, 5, 5), (18, 40, 45)])
    session.fit("ridge")
    labels = session.predict("ct", planes=[22]).labels[22]
    assert (labels == ball[22]).mean() > 0.85


def test_what_it_cannot_read(tmp_path):
    session, _ = opened(tmp_path, np.ones((40, 40), np.uint8) * np.arange(40))
    with pytest.raises(BadInput, match="reads volumes"):
        session.embed("ct")
    broken = Cubes()
    broken.encode = lambda batch: np.full((1, 4, 4, 4, 1, 3), np.nan, np.float32)
    session, _ = opened(tmp_path, np.arange(16**3).reshape(16, 16, 16), broken)
    with pytest.raises(BadFile, match="damaged"):
        session.embed("ct")


def test_a_network_of_the_catalogue(tmp_path, ct, monkeypatch):
    pytest.importorskip("monai")
    entry = encoders._catalogue()["ct-fm"]
    small, thin = entry.network.reduced(entry.spec)
    weights = Weights(thin.build().state_dict(), "random", tmp_path)
    built = thin.load(small, weights, "cpu")
    monkeypatch.setattr(encoders, "load_volume", lambda *_, **__: built)
    session = Session(encoder="ct-fm", cache_dir=tmp_path)
    session.add_image(ct[0], name="ct", spacing=(3, 1, 1))
    session.embed("ct", planes=[20])
    found = session.similarity("ct", at=[(20, 20, 30)], planes=[20])["ct"]
    assert np.isfinite(found[20]).all()
    assert np.ptp(found[20]) > 0.1
