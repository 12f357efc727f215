"""A slide of 20,000 x 20,000 pixels that takes little room: glass, and some tissue."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
from toys import ENCODER, ToyEncoder

from napari_medfm.readers import _lazy

SIDE = 20_000
TISSUE = (8192, 8192, 9728, 9728)
DISCS = [(8650, 8650), (9400, 8700), (9300, 9450), (8600, 9350)]
RADIUS = 170
PINK, PURPLE = (225, 150, 190), (110, 60, 150)


class WideToy(ToyEncoder):
    """The toy with windows of 518 pixels, as DINOv2 has."""

    def __init__(self, delay=0.0):
        super().__init__(delay)
        self.spec = replace(ENCODER, name="wide-toy", input_size=518)


def truth(box=(0, 0, SIDE, SIDE), step=1):
    """Where the discs are, in a box of every ``step``-th pixel."""
    rows, cols = (
        np.arange(a, b, step) + step / 2 for a, b in zip(box[:2], box[2:], strict=True)
    )
    found = np.zeros((rows.size, cols.size), bool)
    for row, col in DISCS:
        found |= np.add.outer((rows - row) ** 2, (cols - col) ** 2) < RADIUS**2
    return found


def make_slide(folder):
    """Write the levels of a slide; chunks of bare glass are not written at all."""
    import zarr

    noise = np.random.default_rng(0).integers(-9, 9, (2048, 2048, 1), np.int16)
    levels = []
    for step in (1, 4, 16):
        side = SIDE // step
        array = zarr.create_array(
            folder / str(step),
            shape=(side, side, 3),
            chunks=(512, 512, 3),
            dtype="uint8",
            fill_value=244,
        )
        colours = np.where(truth(TISSUE, step)[..., None], PURPLE, PINK)
        n, first = len(colours), TISSUE[0] // step
        part = np.clip(colours + noise[:n, :n], 0, 255).astype(np.uint8)
        array[first : first + n, first : first + n] = part
        levels.append(_lazy.Lazy(array, folder))
    return levels


class Reads:
    """How many pixels of the finest level each thread read at once, at most."""

    def __init__(self, monkeypatch):
        self.most = {}
        read = _lazy.Lazy.__getitem__

        def watched(this, index):
            found = read(this, index)
            if SIDE in this.shape:
                name = threading.current_thread().name
                kind = "window" if name == "MainThread" else "workers"
                pixels = found.size // 3
                self.most[kind] = max(self.most.get(kind, 0), pixels)
            return found

        monkeypatch.setattr(_lazy.Lazy, "__getitem__", watched)
