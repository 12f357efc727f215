"""Take the pictures of the documentation about projects and batches.

    python scripts/screenshot_files.py [--out docs/images]

As `screenshot.py`; it makes its project and its images in a folder of its own, which is
removed at the end.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication
from screenshot import take

from napari_medfm.sample_data import load


def gestures(widget: Any, save: Callable[..., None], home: Path) -> Iterator[None]:
    """Teach a head, apply it to a folder, and open a project that is ahead."""
    desk, sample = widget.desk, load("pathology")
    pixels = np.asarray(sample.data)
    desk.live.automatic = False
    desk.add_class("epithelium")
    for name, points in sample.hints.points.items():
        desk.choose_class(1 if name == "epithelium" else 0)
        for position in points:
            desk.marking.click(position)
    yield
    folder = home / "slides"
    folder.mkdir()
    for number in range(5):
        part = pixels[20 * number :, : 220 + 20 * number]
        tifffile.imwrite(folder / f"case {number + 1}.tif", part, photometric="rgb")
    (folder / "scan aborted.tif").write_bytes(b"II*\0")
    widget.open_section("Batch")
    desk.batch.add([folder])
    yield
    desk.batch.change(out=home / "masks", suffix="tif")
    desk.batch.start()
    yield
    save("batch")
    desk.projects.config = home
    desk.session.save(home / "biopsy.medfm")
    for row in (40, 60, 80):
        desk.marking.stroke_done([(row, 20.0), (row, 60.0)])
    yield
    desk.session.close()

    def question() -> None:
        box = QApplication.activeModalWidget()
        save("recovery", box)
        box.reject()

    QTimer.singleShot(700, question)
    desk.projects._look(home / "biopsy.medfm")  # noqa: SLF001  past the first question
    yield


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        take(
            "pathology",
            lambda widget, save: gestures(widget, save, Path(place)),
            (__doc__ or "").splitlines()[0],
        )
