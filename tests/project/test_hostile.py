"""A project that somebody else made, or that was damaged: opened right, or refused.

``NAPARI_MEDFM_FUZZ`` sets how many damaged projects are tried.
"""

import json
import os
import shutil
import socket
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_medfm.core.errors import BadFile
from napari_medfm.core.forms import dumps
from napari_medfm.project.journal import new_journal, read_journal
from napari_medfm.project.references import reference_of

COUNT = int(os.environ.get("NAPARI_MEDFM_FUZZ", "60"))


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A small project, and the labels that it holds."""
    from toys import ToyEncoder, ToySegmenter

    from napari_medfm import Session

    folder = tmp_path_factory.mktemp("original")
    rng = np.random.default_rng(0)
    session = Session(ToyEncoder(), ToySegmenter(), cache_dir=folder / "cache")
    session.add_image(rng.random((42, 56)).astype(np.float32), name="x")
    session.add_class("a")
    session.annotate("x", "a", points=[(5, 5), (6, 7)])
    session.annotate("x", "background", points=[(30, 30)])
    session.fit("ridge")
    session.accept("x", session.segment("x", box=(4, 4, 20, 20)), "a")
    session.set_threshold("x", "a", 0.4)
    session.undo()
    session.save(folder / "case.medfm")
    labels = session.labels("x")
    session.close()
    return folder / "case.medfm", labels


def tried(opened, case):
    """Open it; None if it was refused, as it should be refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return opened(case, read_only=True)
        except BadFile:
            return None


def files_of(case):
    return sorted(p for p in case.rglob("*") if p.is_file() and p.name != "lock.json")


damage = st.tuples(
    st.sampled_from(["flip", "cut", "add", "remove", "swap"]),
    st.integers(0, 2**16),
    st.integers(0, 2**20),
    st.binary(min_size=1, max_size=40),
)


@settings(
    max_examples=COUNT,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(damage)
def test_any_damage_to_any_file(original, opened, tmp_path, how):
    kind, which, where, content = how
    case = tmp_path / "damaged.medfm"
    shutil.rmtree(case, ignore_errors=True)
    shutil.copytree(original[0], case)
    files = files_of(case)
    path = files[which % len(files)]
    old = path.read_bytes()
    at = where % (len(old) + 1)
    if kind == "remove":
        path.unlink()
    elif kind == "swap":
        path.write_bytes(files[(which + 1) % len(files)].read_bytes())
    else:
        new = {
            "flip": old[:at] + content + old[at + len(content) :],
            "cut": old[:at],
            "add": old[:at] + content + old[at:],
        }[kind]
        path.write_bytes(new)
    session = tried(opened, case)
    if session is not None and path.name != "journal.jsonl":
        np.testing.assert_array_equal(session.labels("x"), original[1])


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(["99999x99999x9:", "42x56:0+9999999", "42x56:1*2352", "../x"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner)
    ),
    max_leaves=5,
)


def nodes(form, path=()):
    """Every place in a JSON value."""
    yield path
    if isinstance(form, dict):
        for key, value in form.items():
            yield from nodes(value, (*path, key))
    elif isinstance(form, list):
        for number, value in enumerate(form):
            yield from nodes(value, (*path, number))


@settings(
    max_examples=COUNT,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.integers(0, 2**16), st.integers(0, 2**16), json_values)
def test_any_forged_value_in_the_journal(original, opened, tmp_path, line, at, value):
    """With right digests, as somebody would who wants to do harm."""
    case = tmp_path / "forged.medfm"
    shutil.rmtree(case, ignore_errors=True)
    shutil.copytree(original[0], case)
    path = case / "journal.jsonl"
    entries = json.loads(dumps(list(read_journal(path).entries)))
    entry = entries[line % len(entries)]
    places = [place for place in nodes(entry) if place]
    *inner, last = places[at % len(places)]
    target = entry
    for key in inner:
        target = target[key]
    target[last] = value
    path.unlink()
    new_journal(path, entries)
    session = tried(opened, case)
    if session is not None:
        while session.undo():
            pass
        while session.redo():
            pass


@pytest.mark.parametrize("part", ["heads", "labels", "images", "journal.jsonl"])
def test_links_inside_a_project_are_not_followed(original, opened, tmp_path, part):
    case, secret = tmp_path / "case.medfm", tmp_path / "secret"
    shutil.copytree(original[0], case)
    shutil.move(case / part, secret)
    (case / part).symlink_to(secret)
    session = tried(opened, case)
    if part == "journal.jsonl":
        assert session is None
    elif part == "images":
        assert "is a link" in session.project.missing["x"]
    elif part == "heads":
        assert any("is a link" in note for note in session.project.notes)


REFERENCE = {
    "sha256": "0" * 64,
    "bytes": 3,
    "relative": None,
    "absolute": "/data/x.tif",
    "shape": [4, 5],
    "dtype": "uint8",
    "channel_axis": None,
    "spacing": [1.0, 1.0],
    "affine": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "window": [[0.0, 255.0]],
    "group": "g",
    "series": None,
    "metadata": {},
}


def test_a_right_reference_is_read():
    assert reference_of(REFERENCE).shape == (4, 5)


@pytest.mark.parametrize(
    "change",
    [
        {"relative": "../x.tif"},
        {"relative": "a/../../x.tif"},
        {"relative": "..\\x.tif"},
        {"relative": "/etc/passwd"},
        {"relative": "C:x.tif"},
        {"absolute": "/data/../etc/x"},
        {"absolute": "\\\\far\\share\\x.tif"},
        {"absolute": "//far/share/x.tif"},
        {"absolute": "x.tif"},
        {"absolute": "/data/x\0.tif"},
        {"shape": [4]},
        {"shape": [0, 5]},
        {"shape": [2**40, 5]},
        {"shape": "45"},
        {"dtype": "object"},
        {"dtype": "V8"},
        {"channel_axis": 2},
        {"spacing": [1.0]},
        {"affine": [[1, 0], [0, 1]]},
        {"window": []},
        {"bytes": -1},
        {"bytes": True},
        {"metadata": [1]},
    ],
)
def test_a_reference_that_leads_elsewhere_is_refused(change):
    with pytest.raises(BadFile):
        reference_of({**REFERENCE, **change})


def test_giant_headers_are_refused(original, opened, tmp_path):
    case = tmp_path / "case.medfm"
    shutil.copytree(original[0], case)
    with (case / "project.json").open("r+b") as file:
        file.truncate(2**40)
    assert tried(opened, case) is not None
    with (case / "journal.jsonl").open("wb") as file:
        file.truncate(2**40)
    assert tried(opened, case) is None


def test_no_socket_is_ever_opened(worked, opened, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    worked.save(tmp_path / "case.medfm")
    worked.add_class("more")
    worked.save()
    worked.close()
    again = opened(tmp_path / "case.medfm")
    again.ledger()
    again.save(tmp_path / "other.medfm")
