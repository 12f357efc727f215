"""Shared fixtures: toys, phantoms, a private cache, no network."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:  # several run side by side: a core each
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("LP_NUM_THREADS", "1")

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
os.environ.setdefault("NAPARI_ENSURE_PLUGIN_MAIN_THREAD", "1")

from toys import ToyEncoder, ToySegmenter


@pytest.fixture(autouse=True)
def private_cache(tmp_path, monkeypatch):
    """Keep every test away from the user's cache, drafts and preferences."""
    monkeypatch.setenv("NAPARI_MEDFM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NAPARI_MEDFM_DRAFTS", str(tmp_path / "drafts"))
    monkeypatch.setenv("NAPARI_MEDFM_PREFERENCES", str(tmp_path / "preferences.json"))


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Only this machine may be talked to."""
    connect = socket.socket.connect

    def guarded(self, address):
        if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1"):
            raise AssertionError(f"a test reached for the network: {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture
def encoder():
    return ToyEncoder()


@pytest.fixture
def segmenter():
    return ToySegmenter()


@pytest.fixture
def disc():
    """A bright disc on a dark, textured ground, uint16 (160, 192), and its truth."""
    rng = np.random.default_rng(0)
    rows, cols = np.mgrid[:160, :192]
    truth = (rows - 70) ** 2 + (cols - 110) ** 2 < 35**2
    image = 400 + 1500 * truth + rng.normal(0, 60, truth.shape)
    return image.clip(0, 65535).astype(np.uint16), truth


@pytest.fixture
def ball():
    """A bright ball in a volume, float32 (12, 96, 112), and its truth."""
    rng = np.random.default_rng(1)
    z, rows, cols = np.mgrid[:12, :96, :112]
    truth = ((z - 6) * 5) ** 2 + (rows - 50) ** 2 + (cols - 60) ** 2 < 25**2
    image = truth + rng.normal(0, 0.05, truth.shape)
    return image.astype(np.float32), truth


@pytest.fixture(scope="session")
def weights_folder(tmp_path_factory):
    """The default models' weights, fetched once a run.

    ``NAPARI_MEDFM_TEST_CACHE`` names a folder that keeps them between runs.
    """
    from napari_medfm import encoders, segmenters

    kept = os.environ.get("NAPARI_MEDFM_TEST_CACHE")
    cache = Path(kept) if kept else tmp_path_factory.mktemp("real-weights")
    for folder, name in ((encoders, "dinov2-small"), (segmenters, "lite-medsam")):
        if not folder.is_installed(name, cache):
            for _ in folder.fetch(name, cache_dir=cache, offline=False):
                pass
    (cache / "weights").mkdir(exist_ok=True)
    return cache / "weights"


@pytest.fixture
def real_weights(weights_folder, tmp_path, monkeypatch):
    """Make the default models usable, with embeddings private to the test."""
    cache = tmp_path / "real-cache"
    cache.mkdir()
    (cache / "weights").symlink_to(weights_folder, target_is_directory=True)
    monkeypatch.setenv("NAPARI_MEDFM_CACHE", str(cache))
    monkeypatch.setenv("NAPARI_MEDFM_OFFLINE", "1")
    return cache
