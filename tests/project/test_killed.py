"""A killed program loses at most its last stroke, and leaves whole files.

``NAPARI_MEDFM_KILLS`` sets how often the program is killed.
"""

import json
import os
import random
import subprocess
import sys
import time
import warnings
from pathlib import Path

import tifffile

from napari_medfm import load_head

KILLS = int(os.environ.get("NAPARI_MEDFM_KILLS", "6"))
WORKER = Path(__file__).with_name("worker.py")


def killed(folder, seconds):
    """Run the worker for some time after its first stroke; return its last stroke."""
    program = subprocess.Popen(  # noqa: S603  this program
        [sys.executable, str(WORKER), str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        first = program.stdout.readline()
        assert first == "1\n", program.stderr.read()
        time.sleep(seconds)
    finally:
        program.kill()
        rest, _ = program.communicate()
    whole = [line for line in rest.split("\n")[:-1] if line]
    return int(whole[-1]) if whole else 1


def test_at_most_the_last_stroke_is_missing(tmp_path, opened):
    chance = random.Random(os.environ.get("NAPARI_MEDFM_SEED", "7"))  # noqa: S311
    for turn in range(KILLS):
        folder = tmp_path / str(turn)
        folder.mkdir()
        strokes = killed(folder, chance.uniform(0, 0.6))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            session = opened(folder / "case.medfm")
        try:
            assert not session.project.missing
            assert strokes <= len(session.annotations) <= strokes + 1
            assert session.labels("x").any() or len(session.annotations) <= 1
            session.annotate("x", "a", points=[(1, 1)])
            assert not session.dirty
        finally:
            session.close()
        check_exports(folder)


def check_exports(folder):
    mask, record = folder / "mask.tif", folder / "mask.tif.provenance.json"
    if mask.exists():
        assert tifffile.imread(mask).shape == (56, 70)
    if record.exists():
        assert json.loads(record.read_text())["file"] == "mask.tif"
    if (folder / "table.csv").exists():
        text = (folder / "table.csv").read_text()
        assert text.endswith("\n")
        assert len({line.count(",") for line in text.splitlines()}) == 1
    if (folder / "a.head.safetensors").exists():
        assert load_head(folder / "a.head.safetensors").classes
