"""A window in which somebody labels and never saves; says each stroke."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import napari
import numpy as np
import torch  # noqa: F401, TID253  before the window
from qtpy.QtCore import QTimer
from toys import ToyEncoder, ToySegmenter

from napari_medfm import Session, view


def main():
    session = Session(ToyEncoder(), ToySegmenter())
    rng = np.random.default_rng(0)
    session.add_image(rng.random((120, 120)).astype(np.float32), name="ct")
    viewer = view(session)
    session.add_class("lesion")

    def click():
        place = tuple(int(n) for n in rng.integers(0, 120, 2))
        made = session.annotate("ct", "lesion", points=[place])
        print(made, flush=True)  # noqa: T201

    timer = QTimer()
    timer.timeout.connect(click)
    timer.start(30)
    napari.run()
    viewer.close()


if __name__ == "__main__":
    main()
