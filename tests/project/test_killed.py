"""A killed program loses at most its last stroke, and leaves whole files.

``NAPARI_MEDFM_KILLS`` sets how often the program is killed: in turn while it labels,
saves and exports.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
import warnings
from collections import Counter
from pathlib import Path

import nibabel
import nrrd
import numpy as np
import pytest
import tifffile
from toys import ToyEncoder, ToySegmenter

from napari_medfm import drafts, load_head
from napari_medfm.exporters import export_labels
from napari_medfm.readers.labels import read_labels

KILLS = int(os.environ.get("NAPARI_MEDFM_KILLS", "9"))
SEED = os.environ.get("NAPARI_MEDFM_SEED", "7")
WORKER = Path(__file__).with_name("worker.py")
MOMENTS = {"labelling": 0.01, "saving": 0.05, "exporting": 0.15}
SHAPE = (56, 70)


@pytest.fixture
def worker():
    """The program that starts the ones to be killed."""
    program = subprocess.Popen(  # noqa: S603  this program
        [sys.executable, str(WORKER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    assert program.stdout.readline() == "ready\n"
    yield program
    program.stdin.close()
    program.wait(60)
    program.stdout.close()


def killed(worker, folder, moment, wait, times, act="save"):
    """Kill it ``wait`` seconds after it has begun something so many times.

    Returns its last whole stroke, and what it was doing.
    """
    worker.stdin.write(f"{act} {folder}\n")
    lines, child = [], 0
    while not child or lines.count(moment) < times or not any(map(str.isdigit, lines)):
        line = worker.stdout.readline().strip()
        assert line not in ("", "ended"), "the program ended by itself"
        if line.startswith("pid "):
            child = int(line.removeprefix("pid "))
        else:
            lines.append(line)
    time.sleep(wait)
    os.kill(child, signal.SIGKILL)
    while (line := worker.stdout.readline().strip()) != "ended":
        lines.append(line)
    strokes = [int(line) for line in lines if line.isdigit()]
    doing = [line for line in lines if not line.isdigit()]
    return strokes[-1], doing[-1]


def test_at_most_the_last_stroke_is_missing(tmp_path, opened, worker):
    chance = random.Random(SEED)  # noqa: S311
    met = Counter()
    for turn in range(KILLS):
        folder = tmp_path / str(turn)
        folder.mkdir()
        moment = list(MOMENTS)[turn % len(MOMENTS)]
        wait = chance.uniform(0, MOMENTS[moment])
        strokes, doing = killed(worker, folder, moment, wait, chance.randint(1, 4))
        met[doing] += 1
        check_projects(folder, opened, strokes)
        check_exports(folder)
        write_again(folder)
    print(f"{KILLS} kills: {dict(met)}")  # noqa: T201
    assert set(met) == set(MOMENTS)


def test_never_saved_at_most_the_last_stroke_is_missing(tmp_path, worker, monkeypatch):
    chance = random.Random(SEED)  # noqa: S311
    for turn in range(KILLS):
        folder = tmp_path / str(turn)
        folder.mkdir()
        monkeypatch.setenv("NAPARI_MEDFM_DRAFTS", str(folder / "drafts"))
        wait, times = chance.uniform(0, 0.05), chance.randint(1, 30)
        strokes, _ = killed(worker, folder, "labelling", wait, times, "draft")
        (one,) = drafts()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            session = one.open(encoder=ToyEncoder(), segmenter=ToySegmenter())
        try:
            assert strokes <= len(session.annotations) <= strokes + 1
            assert session.images["x"].data.any()
            session.save(folder / "case.medfm")
        finally:
            session.close()
        assert not drafts()


def check_projects(folder, opened, strokes):
    """All that were saved open, and one of them has all strokes but the last."""
    kept = []
    for path in sorted(folder.glob("case*.medfm")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            session = opened(path)
        try:
            assert not session.project.missing
            kept.append(len(session.annotations))
            assert session.labels("x").any() or kept[-1] <= 1
            session.annotate("x", "a", points=[(1, 1)])
            assert not session.dirty
        finally:
            session.close()
    assert strokes <= max(kept) <= strokes + 1


def check_exports(folder):
    """What is there under its name is whole, and read by others."""
    readers = {
        "mask.tif": tifffile.imread,
        "mask.nii.gz": lambda p: np.asarray(nibabel.load(p).dataobj).T,
        "mask.seg.nrrd": lambda p: nrrd.read(str(p))[0].T,
        "mask.ome.zarr": of_ours,
        "mask.geojson": of_ours,
    }
    for name, read in readers.items():
        path, record = folder / name, folder / f"{name}.provenance.json"
        if path.exists():
            found = np.squeeze(read(path))
            assert found.shape == SHAPE
            assert found.any()
        if record.exists():
            assert json.loads(record.read_text())["file"] == name
    if (folder / "table.csv").exists():
        text = (folder / "table.csv").read_text()
        assert text.endswith("\n")
        assert len({line.count(",") for line in text.splitlines()}) == 1
    if (folder / "a.head.safetensors").exists():
        assert load_head(folder / "a.head.safetensors").classes


def write_again(folder):
    """What the killed program was writing goes with the next file written there."""
    export_labels(folder / "again.tif", np.ones(SHAPE, np.uint8), flat(), (), {})
    assert not list(folder.glob(".writing-*"))


def flat():
    from napari_medfm.engine.intake import image_of

    return image_of(np.zeros(SHAPE, np.float32), "x")


def of_ours(path):
    return read_labels(path, flat()).values
