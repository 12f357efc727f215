"""A short, repeatable run of what ``scripts/fuzz.py`` does at length."""

import contextlib
import logging
import pickle  # noqa: TID251
import socket

import pytest
from fuzzing import inputs, put, targets

from napari_medfm.core.errors import BadFile, BadInput

TARGETS = targets()


class Canary:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        import os

        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_files_are_read_or_refused(tmp_path, name, caplog):
    caplog.set_level(logging.CRITICAL)
    file_name, content, read = TARGETS[name]
    read(put(tmp_path, file_name, content))
    for damaged in inputs(content, 1, 40):
        with contextlib.suppress(BadFile, BadInput):
            read(put(tmp_path, file_name, damaged))


@pytest.mark.parametrize("name", TARGETS)
def test_a_pickle_in_any_place_never_runs(tmp_path, name, caplog):
    caplog.set_level(logging.CRITICAL)
    file_name, content, read = TARGETS[name]
    canary = pickle.dumps(Canary(tmp_path / "ran"))
    places = {"": canary}
    if isinstance(content, dict):
        places = {part: {**content, part: canary} for part in content}
    for damaged in places.values():
        with contextlib.suppress(BadFile, BadInput):
            read(put(tmp_path, file_name, damaged))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", TARGETS)
def test_no_connection_is_made(tmp_path, name, monkeypatch, caplog):
    caplog.set_level(logging.CRITICAL)
    file_name, content, read = TARGETS[name]

    def refused(*args, **options):
        raise AssertionError("a reader reached for the network")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket.socket, "bind", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    read(put(tmp_path, file_name, content))
