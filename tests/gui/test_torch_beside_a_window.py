"""A model can load after a window has drawn something."""

import subprocess
import sys

CODE = """
import threading
import napari
import numpy as np
from qtpy.QtCore import QTimer

viewer = napari.Viewer()
viewer.add_image(np.ones((64, 64)))
loaded = []

def load():
    from napari_medfm.segmenters import load
    loaded.append(load("lite-medsam"))

def start():
    thread = threading.Thread(target=load)
    thread.start()
    thread.join()
    viewer.close()

QTimer.singleShot(1000, start)
napari.run()
print("loaded", len(loaded))
"""


def test_loading_after_drawing_does_not_kill_the_process():
    run = subprocess.run(  # noqa: S603
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr[-800:]
    assert "loaded 1" in run.stdout
