"""A window with something in every step; says what of its text is cut off."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch  # noqa: F401, TID253  before the window
from cutoff import cut_off
from qtpy.QtTest import QTest
from toys import ToyEncoder, ToySegmenter

from napari_medfm import Session, view
from napari_medfm.widgets.dock import MedfmWidget


def main():
    session = Session(ToyEncoder(), ToySegmenter())
    rng = np.random.default_rng(0)
    session.add_image(rng.random((120, 120)).astype(np.float32), name="ct")
    viewer = view(session)
    window = viewer.window._qt_window
    window.resize(1366, 768)
    widget = window.findChild(MedfmWidget)
    widget.desk.live.automatic = False
    widget.desk.add_class("lesion")
    for value, place in ((1, (70, 60)), (0, (10, 10))):
        widget.desk.choose_class(value)
        widget.desk.marking.click(place)
    widget.desk.tools.arm("brush")
    while widget.runner.current is not None or widget.runner.resting:
        QTest.qWait(50)
    print(f"scale {window.devicePixelRatioF()}")  # noqa: T201
    for title in widget.sections:
        widget.open_section(title)
        QTest.qWait(100)
        print(*cut_off(widget), sep="\n", end="")  # noqa: T201
    widget.runner.close(wait=10)
    session.close()
    viewer.close()


if __name__ == "__main__":
    main()
