"""docs/how-to: a head applied to a folder, and a project ahead of its save."""

from __future__ import annotations

from typing import Any

import numpy as np
import tifffile
from qtpy.QtWidgets import QMessageBox

from napari_medfm.sample_data import load
from tours.hand import Asked, Hand

SAMPLE = "pathology"


def steps(hand: Hand) -> None:
    """Teach a head, apply it to a folder, and open a project that is ahead."""
    desk, sample = hand.desk, load(SAMPLE)
    pixels = np.asarray(sample.data)
    desk.live.automatic = False
    desk.add_class("epithelium")
    for name, points in sample.hints.points.items():
        desk.choose_class(1 if name == "epithelium" else 0)
        for position in points:
            desk.marking.click(position)
    hand.rest()
    folder = hand.folder / "slides"
    folder.mkdir()
    for number in range(5):
        part = pixels[20 * number :, : 220 + 20 * number]
        tifffile.imwrite(folder / f"case {number + 1}.tif", part, photometric="rgb")
    (folder / "scan aborted.tif").write_bytes(b"II*\0")
    hand.open("Batch")
    hand.rest()
    desk.batch.add([folder])
    hand.rest()
    desk.batch.change(out=hand.folder / "masks", suffix="tif")
    desk.batch.start()
    hand.rest()
    hand.picture("batch")
    saved = hand.folder / "biopsy.medfm"
    desk.projects.config = hand.folder
    desk.session.save(saved)
    for row in (40, 60, 80):
        desk.marking.stroke_done([(row, 20.0), (row, 60.0)])
    hand.rest()
    desk.session.close()

    def put_off(box: Any) -> None:
        hand.picture("recovery", box)
        box.reject()

    with Asked(put_off, QMessageBox):
        desk.projects._look(saved)  # noqa: SLF001  past the first question
        hand.rest()
