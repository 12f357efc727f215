"""The same work on dask workers, on this machine only."""

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from on_workers import embed_or_die
from toys import ToyEncoder

from napari_medfm import Session
from napari_medfm.commands.cluster import each
from napari_medfm.core.errors import BadInput
from napari_medfm.verbs import planes


@pytest.fixture(autouse=True)
def own_address(monkeypatch):
    """Dask finds its own address by a socket to the outside, which sends nothing."""
    import distributed

    monkeypatch.setattr(distributed.utils, "_get_ip", lambda *_, **__: "127.0.0.1")


@pytest.fixture
def inproc():
    """A scheduler whose worker is this process, so that it has the toys."""
    from distributed import Client

    with Client(
        processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None
    ) as client:
        yield client.scheduler.address


@pytest.fixture
def field_file(tmp_path):
    path = tmp_path / "field.tif"
    rng = np.random.default_rng(0)
    tifffile.imwrite(path, rng.integers(0, 255, (280, 420), np.uint8))
    return path


def finish(steps):
    try:
        while True:
            next(steps)
    except StopIteration as stop:
        return stop.value


def test_embed_and_apply_on_a_scheduler(
    shell, toy_models, inproc, disc_file, head_file, tmp_path
):
    path, truth = disc_file
    code, output, _ = shell("embed", path, "--scheduler", inproc)
    assert (code, "1 plane" in output) == (0, True)
    out = tmp_path / "out"
    words = ("apply", head_file, path, "--out", out, "--format", "tif")
    code, output, _ = shell(*words, "--scheduler", inproc)
    assert code == 0
    labels = tifffile.imread(out / "disc.tif")
    assert ((labels > 0) == truth).mean() > 0.95
    code, output, _ = shell(*words, "--scheduler", inproc)
    assert "there already" in output


def test_a_bad_image_fails_alone(
    shell, toy_models, inproc, disc_file, head_file, tmp_path
):
    bad = tmp_path / "bad.tif"
    bad.write_bytes(b"II*\0 not a picture")
    words = ("apply", head_file, bad, disc_file[0], "--out", tmp_path / "out")
    code, output, errors = shell(*words, "--format", "tif", "--scheduler", inproc)
    assert code == 1
    assert "1 of 2 images done" in output
    assert "bad.tif" in errors


def test_windows_of_a_large_plane_are_tasks(
    shell, toy_models, inproc, field_file, monkeypatch
):
    monkeypatch.setattr(planes, "LARGE", 20_000)
    assert shell("embed", field_file, "--scheduler", inproc)[0] == 0
    session = Session(encoder=ToyEncoder())
    name = session.add_image(field_file)
    session.embed(name)
    assert session.workspace.encoder.get().calls == 0


def test_wrong_choices(shell, disc_file):
    code, _, errors = shell("embed", disc_file[0], "--workers", "0")
    assert (code, "--workers" in errors) == (1, True)


def test_a_killed_worker_costs_one_batch(tmp_path, field_file, monkeypatch):
    import distributed

    monkeypatch.setattr(planes, "LARGE", 20_000)
    session = Session(encoder=ToyEncoder(), cache_dir=tmp_path / "cache")
    name = session.add_image(field_file)
    tiled = session.workspace.planes.tiled(session.images[name], 0)
    cells = list(tiled.wanted)
    marker = tmp_path / "die"
    marker.touch()
    calls = [
        (str(tmp_path / "cache"), str(field_file), cells[i : i + 5], str(marker))
        for i in range(0, len(cells), 5)
    ]
    paths = [str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    with (
        distributed.LocalCluster(
            n_workers=1,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address=None,
            env={"PYTHONPATH": os.pathsep.join(paths)},
        ) as local,
        distributed.Client(local, set_as_default=False) as client,
    ):
        found = finish(each(client, embed_or_die, calls))
    assert not marker.exists()
    assert len(found) == len(calls)
    assert all(isinstance(count, int) for count in found)
    assert tiled.ready() == set(cells)


def test_no_scheduler_there(shell, disc_file, monkeypatch):
    import distributed

    def refuse(*_, **__):
        raise OSError("timed out")

    monkeypatch.setattr(distributed, "Client", refuse)
    code, _, errors = shell("embed", disc_file[0], "--scheduler", "tcp://127.0.0.1:9")
    assert code == 1
    assert "No dask scheduler answers" in errors
    assert issubclass(BadInput, ValueError)
