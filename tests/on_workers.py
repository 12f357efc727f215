"""Tasks that tests give to dask workers."""

from __future__ import annotations

import os
from pathlib import Path

from toys import ToyEncoder

from napari_medfm import Session
from napari_medfm.verbs import planes


def embed_or_die(cache, path, cells, marker):
    """Embed some windows; the first worker to see the marker dies half-way."""
    planes.LARGE = 20_000
    session = Session(encoder=ToyEncoder(), cache_dir=cache)
    name = session.add_image(path)
    tiled = session.workspace.planes.tiled(session.images[name], 0)
    for _ in tiled.embed(cells[:1], sample=False):
        pass
    if marker is not None and Path(marker).exists():
        Path(marker).unlink()
        os._exit(9)
    for _ in tiled.embed(cells, sample=False):
        pass
    return session.workspace.encoder.get().calls
