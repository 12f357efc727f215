"""A short, repeatable run of what ``scripts/fuzz.py`` does at length."""

import contextlib
import logging
import os
import pickle  # noqa: TID251
import subprocess
import sys
from pathlib import Path

import pytest
from fuzzing import REFUSALS, Target, Trial, described, inputs, put, restored, targets
from fuzzing.trial import Greedy, Hung

from napari_medfm.core.errors import BadFile
from napari_medfm.readers import _guard

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
    with Trial(TARGETS[name], tmp_path) as trial:
        assert trial(TARGETS[name].content)
        for damaged in inputs(TARGETS[name], 1, 40):
            trial(damaged)


@pytest.mark.parametrize("name", TARGETS)
def test_a_pickle_in_any_place_never_runs(tmp_path, name, caplog):
    caplog.set_level(logging.CRITICAL)
    target = TARGETS[name]
    canary = pickle.dumps(Canary(tmp_path / "ran"))
    places = [canary]
    if isinstance(target.content, dict):
        places = [{**target.content, part: canary} for part in target.content]
    for damaged in places:
        with contextlib.suppress(*REFUSALS):
            target.read(put(tmp_path, target.name, damaged))
    assert not (tmp_path / "ran").exists()
    pickle.loads(canary)  # noqa: S301  the canary does sing
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", TARGETS)
def test_an_input_is_kept_as_text(name):
    assert restored(described(TARGETS[name].content)) == TARGETS[name].content


BAD = b"bad"


def greedy(path):
    """Take memory that nobody checked, then refuse."""
    bytearray(b"x" * (200 << 20))
    raise BadFile("refused, but late")


def honest(path):
    _guard.check_size(path, 48 << 20)
    bytearray(b"x" * (48 << 20))


def stuck(path):
    while path.exists():
        pass


def politely(path):
    try:
        raise MemoryError
    except MemoryError as error:
        raise BadFile("not enough memory") from error


@pytest.mark.parametrize(("read", "error"), [(stuck, Hung), (politely, Greedy)])
def test_the_trial_sees_what_takes_too_much(tmp_path, read, error):
    target = Target("a", b"good", lambda p: p.read_bytes() == BAD and read(p))
    with Trial(target, tmp_path) as trial, pytest.raises(error):
        trial(BAD)


def test_the_trial_sees_memory_that_was_not_checked(tmp_path):
    """In a process of its own, as ``scripts/fuzz.py`` has it."""
    code = (
        "from pathlib import Path; import test_fuzz as t; "
        "g = t.Target('a', b'good', lambda p: p.read_bytes() == t.BAD and t.greedy(p));"
        f"t.Trial(g, Path({str(tmp_path)!r}), fenced=True).__enter__()(t.BAD)"
    )
    here = Path(__file__).parent
    paths = os.pathsep.join(map(str, (here, here.parent, here.parents[1])))
    done = subprocess.run(  # noqa: S603  this program
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "MiB where 16 MiB were checked" in done.stderr


def test_the_trial_lets_pass_what_was_checked(tmp_path):
    target = Target("a", b"good", lambda p: p.read_bytes() == BAD and honest(p))
    with Trial(target, tmp_path) as trial:
        assert trial(BAD)
