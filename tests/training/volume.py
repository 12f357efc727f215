"""A volume from its pixels to its masks; prints the peak of memory above the start.

python volume.py PLANES ROWS COLS RECIPE FOLDER
"""

import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from toys import ToyEncoder

from napari_medfm import Session


def lesion(shape):
    """A ball, bright and noisy, and where it is."""
    rng = np.random.default_rng(0)
    middle, radius = np.array(shape) / 2, np.array(shape) / 3
    away = [
        ((np.arange(n) - m) / r) ** 2
        for n, m, r in zip(shape, middle, radius, strict=True)
    ]
    truth = away[0][:, None, None] + away[1][:, None] + away[2] < 1
    volume = rng.integers(0, 300, shape, np.int16)
    volume[truth] += 400
    return volume, truth


def main(shape, recipe, folder):
    """Embed, label eight planes, train and predict; print MiB and Dice."""
    volume, truth = lesion(shape)
    session = Session(ToyEncoder(), cache_dir=folder)
    session.add_image(volume, name="ct")
    session.add_class("lesion")
    process, peak = psutil.Process(), [0]
    before = process.memory_info().rss

    def watch():
        while True:
            peak[0] = max(peak[0], process.memory_info().rss - before)
            time.sleep(0.01)

    threading.Thread(target=watch, daemon=True).start()
    started = time.perf_counter()
    session.embed("ct")
    rng = np.random.default_rng(1)
    for plane in (np.linspace(0.25, 0.75, 8) * shape[0]).astype(int).tolist():
        for name, inside in (("lesion", truth), ("background", ~truth)):
            places = rng.choice(np.argwhere(inside[plane]), 5)
            session.annotate("ct", name, points=places, plane=plane)
    session.fit(recipe)
    labels = session.predict("ct").labels
    dice = 2 * (truth & (labels == 1)).sum() / (truth.sum() + (labels == 1).sum())
    seconds = time.perf_counter() - started
    sys.stdout.write(
        f"{peak[0] / 2**20:.0f} {dice:.3f} {seconds:.1f} {session.head.recipe}"
    )


if __name__ == "__main__":
    main(tuple(map(int, sys.argv[1:4])), *sys.argv[4:])
