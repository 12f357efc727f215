"""No word of the environment but the file's own name."""

import os
from pathlib import Path

import pytest

from napari_medfm.engine.preferences import KEYS


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    """Take away all that the environment says, the tests' own cache included."""
    for key in KEYS.values():
        for variable in key.variables:
            monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def file():
    return Path(os.environ["NAPARI_MEDFM_PREFERENCES"])
