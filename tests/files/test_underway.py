"""What a killed program was writing goes when next something is written there."""

import os
import signal
import subprocess
import sys

import pytest

from napari_medfm.core.errors import WriteFailed
from napari_medfm.engine.atomic import atomic_bytes, atomic_folder, atomic_path
from napari_medfm.engine.underway import _prefix, sweep

FILE = """
import sys
from napari_medfm.engine.atomic import atomic_path
with atomic_path(sys.argv[1] + "/mask.nii.gz") as path:
    path.write_bytes(b"half")
    print(path.name, flush=True)
    sys.stdin.read()
"""
FOLDER = """
import sys
from napari_medfm.engine.atomic import atomic_folder
with atomic_folder(sys.argv[1] + "/mask.ome.zarr") as path:
    (path / "part").write_bytes(b"half")
    print(path.parent.name, flush=True)
    sys.stdin.read()
"""
BETWEEN = """
import sys
from pathlib import Path
from napari_medfm.engine import atomic
rename = Path.rename
def second(self, target):
    if self.name == "new":
        print(self.parent.name, flush=True)
        sys.stdin.read()
    return rename(self, target)
Path.rename = second
with atomic.atomic_folder(sys.argv[1] + "/mask.ome.zarr") as path:
    (path / "part").write_bytes(b"new")
"""


def begin(code, folder):
    """Start a program that writes, and wait until it is about to be killed."""
    program = subprocess.Popen(  # noqa: S603  this program
        [sys.executable, "-c", code, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    name = program.stdout.readline().strip()
    assert (folder / name).exists()
    return program, folder / name


def kill(program):
    os.kill(program.pid, signal.SIGKILL)
    program.wait()
    program.stdin.close()
    program.stdout.close()


@pytest.mark.parametrize("code", [FILE, FOLDER])
def test_of_a_killed_program_it_goes_and_of_a_living_one_it_stays(tmp_path, code):
    program, left = begin(code, tmp_path)
    try:
        atomic_bytes(tmp_path / "other.json", b"{}")
        assert left.exists()
    finally:
        kill(program)
    assert left.exists()
    atomic_bytes(tmp_path / "other.json", b"{}")
    assert [p.name for p in tmp_path.iterdir()] == ["other.json"]


def test_what_was_moved_aside_is_put_back(tmp_path):
    with atomic_folder(tmp_path / "mask.ome.zarr") as path:
        (path / "part").write_bytes(b"old")
    program, left = begin(BETWEEN, tmp_path)
    kill(program)
    assert not (tmp_path / "mask.ome.zarr").exists()
    sweep(tmp_path)
    assert (tmp_path / "mask.ome.zarr" / "part").read_bytes() == b"old"
    assert not left.exists()


def test_what_is_in_its_place_is_not_put_back(tmp_path):
    program, left = begin(BETWEEN, tmp_path)
    kill(program)
    (left / "old" / "mask.ome.zarr").mkdir(parents=True)
    (tmp_path / "mask.ome.zarr").mkdir()
    (tmp_path / "mask.ome.zarr" / "mine").touch()
    sweep(tmp_path)
    assert (tmp_path / "mask.ome.zarr" / "mine").exists()
    assert not left.exists()


def test_one_that_another_holds_stays_though_its_number_is_unknown_here(tmp_path):
    fcntl = pytest.importorskip("fcntl")
    path = tmp_path / _prefix().replace(str(os.getpid()), "2147483000")
    path = path.with_name(path.name + "abc")
    path.touch()
    with path.open() as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        sweep(tmp_path)
        assert path.exists()
    sweep(tmp_path)
    assert not path.exists()


@pytest.mark.parametrize(
    "name",
    [
        ".writing-abcdefg",
        ".writing-00000000-2147483000-1-abc.tif",
        ".writing-notes-1-2-mine.txt",
        "writing-1.txt",
        ".writing-",
    ],
)
def test_names_of_others_stay(tmp_path, name):
    (tmp_path / name).write_text("mine")
    (tmp_path / f"{name}folder").mkdir()
    atomic_bytes(tmp_path / "other.json", b"{}")
    assert (tmp_path / name).read_text() == "mine"
    assert (tmp_path / f"{name}folder").exists()


def test_a_link_of_such_a_name_is_not_followed(tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("mine")
    name = _prefix().replace(str(os.getpid()), "2147483000") + "abc"
    (tmp_path / name).symlink_to(kept)
    sweep(tmp_path)
    assert (kept / "file").read_text() == "mine"


def test_writing_two_at_once_in_one_program(tmp_path):
    with atomic_path(tmp_path / "a.tif") as one:
        one.write_bytes(b"a")
        with atomic_path(tmp_path / "b.tif") as two:
            two.write_bytes(b"b")
        assert one.exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tif", "b.tif"]


def test_a_failure_inside_leaves_nothing(tmp_path):
    def fail(path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with (
        pytest.raises(WriteFailed, match="No space left"),
        atomic_path(tmp_path / "a.tif") as path,
    ):
        fail(path)
    assert not list(tmp_path.iterdir())
