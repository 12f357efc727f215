"""Every model that can be loaded, with random weights, in its true layout.

The whole network is built without memory and counted; a stand-in of few, thin blocks
in the same layout is run.
"""

from pathlib import Path

import numpy as np
import pytest

from napari_medfm import encoders
from napari_medfm.encoders._network import Weights, on_meta

CATALOGUE = {n: e for n, e in encoders._catalogue().items() if e.network is not None}


def distinct(dimension):
    """One entry for each stand-in: entries that share it differ in facts alone."""
    found = {}
    for name, (spec, network) in CATALOGUE.items():
        if spec.dimension == dimension:
            small, reduced = network.reduced(spec)
            found.setdefault((repr(reduced), small.prefix_tokens), name)
    return list(found.values())


PLANES, VOLUMES = distinct(2), distinct(3)
TEXTS = [n for n in PLANES if CATALOGUE[n].spec.joint]


BUILT = {}


def once(key, make):
    """Entries that share a network share the work."""
    if key not in BUILT:
        BUILT[key] = make()
    return BUILT[key]


def stand_in(name):
    spec, network = CATALOGUE[name].network.reduced(CATALOGUE[name].spec)
    tensors = once(repr(network), lambda: random_weights(network))
    return network.load(spec, Weights(tensors, "hash", Path("/nowhere")), "cpu")


def random_weights(network):
    import torch

    torch.manual_seed(0)
    model = network.build()
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.1)
    return model.state_dict()


def facts(network):
    """Facts of the whole network, built without memory."""
    with on_meta():
        model = network.build()
    found = {"millions": sum(p.numel() for p in model.parameters()) / 1e6}
    if hasattr(model, "blocks") and hasattr(model, "patch_embed"):
        found["prefix"] = getattr(model, "num_prefix_tokens", 0)
        found["patch"] = model.patch_embed.patch_size[0]
        found["depth"], found["width"] = len(model.blocks), model.embed_dim
    return found


def near(tokens):
    """What a sum in another order may change."""
    return 1e-5 * max(1.0, np.abs(tokens).max())


def pictures(spec, count=2):
    rng = np.random.default_rng(1)
    shape = (count, 3 * spec.patch, 4 * spec.patch, 3)
    return rng.random(shape, dtype=np.float32)


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_network_is_as_large_as_the_spec_says(name):
    spec, network = CATALOGUE[name]
    found = once(f"all of {network!r}", lambda: facts(network))
    assert found["millions"] == pytest.approx(spec.parameters, rel=0.03, abs=0.6)
    if "depth" in found:
        assert found["prefix"] == spec.prefix_tokens
        assert found["patch"] == spec.patch
        assert found["depth"] == spec.blocks[-1] + 1
        assert found["width"] == spec.dim or network.fixed


@pytest.mark.parametrize("name", PLANES)
def test_tokens_of_planes(name):
    encoder = stand_in(name)
    spec, batch = encoder.spec, pictures(encoder.spec)
    tokens = encoder.encode(batch)
    assert tokens.shape == (2, 3, 4, len(spec.blocks), spec.dim)
    assert tokens.dtype == np.float32
    assert np.isfinite(tokens).all()
    assert tokens.std() > 0
    np.testing.assert_array_equal(tokens, encoder.encode(batch))
    for number in range(2):
        alone = encoder.encode(batch[number : number + 1])
        np.testing.assert_allclose(alone[0], tokens[number], atol=near(tokens))


@pytest.mark.parametrize("name", TEXTS)
def test_pictures_in_the_space_of_texts(name):
    import torch

    encoder = stand_in(name)
    spec, batch = encoder.spec, pictures(encoder.spec)
    length = 64 if "siglip" in name else 77
    places, whole = encoder.encode_joint(batch)
    assert places.shape == (2, 3, 4, spec.joint)
    assert whole.shape == (2, spec.joint)
    assert encoder.sharpness > 0
    encoder._reader = lambda texts: torch.ones((len(texts), length), dtype=torch.long)
    vectors = encoder.encode_text(["a", "b"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors.shape == (2, spec.joint)


@pytest.mark.parametrize("name", VOLUMES)
def test_tokens_of_volumes(name):
    encoder = stand_in(name)
    spec, side = encoder.spec, encoder.spec.patch
    rng = np.random.default_rng(1)
    batch = rng.random((2, 2 * side, side, side), dtype=np.float32)
    tokens = encoder.encode(batch)
    assert tokens.shape == (2, 2, 1, 1, 1, spec.dim)
    assert np.isfinite(tokens).all()
    np.testing.assert_array_equal(tokens, encoder.encode(batch))
    alone = encoder.encode(batch[:1])
    np.testing.assert_allclose(alone[0], tokens[0], atol=near(tokens))
