"""Projects: journal, facts, gallery, heads, label maps, lock."""

import tempfile
import warnings
from pathlib import Path

import numpy as np
from toys import ToyEncoder, ToySegmenter

from fuzzing.images import files_below
from fuzzing.target import Target
from napari_medfm import Session, load_project
from napari_medfm.core.errors import BadFile
from napari_medfm.core.jobs import finished
from napari_medfm.engine.preferences import KEYS, read_preferences
from napari_medfm.project.lock import read_holder
from napari_medfm.project.recent import recent_projects
from napari_medfm.project.replaying import replay


def project():
    """A small project in which something of every kind was done."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        case = Path(folder) / "case.medfm"
        session = Session(ToyEncoder(), ToySegmenter(), cache_dir=Path(folder))
        session.add_image(rng.random((42, 56)).astype(np.float32), name="x")
        session.add_image(rng.random((3, 28, 28)).astype(np.float32), name="v")
        session.add_class("a")
        session.annotate("x", "a", points=[(5, 5), (6, 7)])
        session.annotate("v", "background", points=[(9, 9)], plane=1)
        session.annotate("x", "background", points=[(30, 30)])
        session.fit("ridge")
        session.accept("x", session.segment("x", box=(4, 4, 20, 20)), "a")
        session.set_threshold("x", "a", 0.4)
        session.undo()
        session.save(case)
        lock = (case / "lock.json").read_bytes()
        session.add_class("later")
        session.close()
        return files_below(case) | {"lock.json": lock}


def opened(path):
    """Open it for reading; go through its history, its ledger and its script."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        session = load_project(
            path,
            encoder=ToyEncoder(),
            segmenter=ToySegmenter(),
            cache_dir=path.parent / "cache",
            read_only=True,
        )
    labels = [session.labels(name) for name in session.images]
    while session.undo():
        pass
    while session.redo():
        pass
    session.ledger()
    session.script()
    session.close()
    return labels


def replayed(path):
    """Do all of it again, in a session of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        models = ToyEncoder(), ToySegmenter()
        recorded = load_project(
            path,
            encoder=models[0],
            segmenter=models[1],
            cache_dir=path.parent / "cache",
            read_only=True,
        )
        fresh = Session(*models, cache_dir=path.parent / "cache")
        finished(replay(recorded, fresh, stop=False))
    recorded.close()
    fresh.close()


def holder(path):
    if read_holder(path) is None:
        raise BadFile("says nothing")


def recent(path):
    recent_projects(path)


def preferred(path):
    """Read the preferences; what is used of them is just what would be written."""
    found = read_preferences(path)
    if not found.values:
        raise BadFile("nothing can be used")
    assert all(KEYS[name].read(value) == value for name, value in found.values.items())


PREFERRED = b"""{"device": "cpu", "offline": "yes", "hub": "https://hub.example.org",
"cache": "/tmp/cache", "cache-size": "2.5", "encoder": "uni", "segmenter": "sam-b",
"undo-memory": "64"}"""


def project_targets():
    """Name -> target, for projects and the notes beside them."""
    files = project()
    small = {n: files[n] for n in ("journal.jsonl", "project.json")}
    rest = {n: part for n, part in files.items() if n != "journal.jsonl"}
    return {
        "project": Target("case.medfm", files, opened, tuple(rest)),
        "journal": Target("case.medfm", files, opened, ("journal.jsonl",)),
        "project-bare": Target("case.medfm", small, opened),
        "replay": Target("case.medfm", files, replayed, ("journal.jsonl",)),
        "lock": Target("lock.json", files["lock.json"], holder),
        "recent": Target("a", {"recent-projects.json": b'["/tmp", "/work"]'}, recent),
        "preferences": Target("preferences.json", PREFERRED, preferred),
    }
