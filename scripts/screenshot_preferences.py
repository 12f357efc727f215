"""The picture of the preferences in the documentation.

    HOME=/home/user python scripts/screenshot_preferences.py OUT.png

Needs a screen, such as that of xvfb-run. HOME is what the paths in the picture show.
"""

from __future__ import annotations

import sys

import napari
from qtpy.QtTest import QTest

from napari_medfm.engine.torchload import import_torch
from napari_medfm.widgets.dock import MedfmWidget


def main(out: str) -> None:
    import_torch()
    viewer = napari.Viewer(show=True)
    dock = MedfmWidget(viewer)
    viewer.window.add_dock_widget(dock, name="MedFM", add_vertical_stretch=False)
    page = dock.header.show_preferences()
    page.resize(640, 760)
    QTest.qWait(3000)
    page.grab().save(out)
    dock.runner.close(wait=5)
    viewer.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
