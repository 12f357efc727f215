"""Labels, saves and exports for ever; killed from outside, wherever it is.

Says what it begins ("labelling", "saving", "exporting") and each stroke that it made.
Reads folders from its input, and gives each a process of its own, which is quick: what
is imported is imported already.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import nibabel  # noqa: F401
import numpy as np
import tifffile  # noqa: F401
import zarr  # noqa: F401, TID253
from toys import ToyEncoder, ToySegmenter

from napari_medfm import Session

MASKS = ("mask.tif", "mask.nii.gz", "mask.seg.nrrd", "mask.ome.zarr", "mask.geojson")


def say(text):
    print(text, flush=True)  # noqa: T201


def main(folder):
    rng = np.random.default_rng()
    session = Session(ToyEncoder(), ToySegmenter(), cache_dir=folder / "cache")
    image = rng.random((56, 70)).astype(np.float32)
    session.add_image(image, name="x")
    session.add_class("a")
    session.save(folder / "case0.medfm")
    work(session, image, rng, folder)


def never_save(folder):
    """Label for ever and save nothing; a draft is all there is."""
    os.environ["NAPARI_MEDFM_DRAFTS"] = str(folder / "drafts")
    rng = np.random.default_rng()
    session = Session(ToyEncoder(), ToySegmenter(), cache_dir=folder / "cache")
    session.keep_draft()
    image = rng.random((56, 70)).astype(np.float32)
    session.add_image(image, name="x")
    session.add_class("a")
    mark = np.zeros(image.shape, bool)
    for number in range(10_000):
        label(session, number, rng, mark)


def label(session, number, rng, mark):
    """Mark a place, say so, train now and then, and accept all marked so far."""
    say("labelling")
    place = tuple(int(n) for n in rng.integers(0, mark.shape))
    session.annotate("x", "a" if number % 2 else "background", points=[place])
    say(number + 1)
    if number % 5 == 1:
        session.fit("ridge")
    mark[place] = True
    session.accept("x", mark, "a")


def work(session, image, rng, folder):
    mark = np.zeros(image.shape, bool)
    for number in range(10_000):
        label(session, number, rng, mark)
        if number % 2:
            say("saving")
            new = number % 6 == 5  # under another name, which the session then follows
            session.save(folder / f"case{number}.medfm" if new else None)
        if number % 3 == 2:
            say("exporting")
            for name in MASKS:
                session.export_masks("x", folder / name)
            session.export_table(folder / "table.csv")
            if session.head is not None:
                session.export_head(folder / "a.head.safetensors")


if __name__ == "__main__":
    say("ready")
    for line in sys.stdin:
        child = os.fork()
        if not child:
            act, _, folder = line.strip().partition(" ")
            {"save": main, "draft": never_save}[act](Path(folder))
        say(f"pid {child}")
        os.waitpid(child, 0)
        say("ended")
