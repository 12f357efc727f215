"""A session as the user prefers it."""

from __future__ import annotations

from napari_medfm.engine.preferences import settled
from napari_medfm.session import Session
from napari_medfm.verbs.preferring import usable_model


def session_from_settings() -> Session:
    """Return a new session with the models and the memory that the user prefers.

    Device, cache, hub and offline are looked up where they are needed.
    """
    return Session(
        encoder=usable_model("encoder"),
        segmenter=usable_model("segmenter"),
        undo_bytes=int(settled("undo-memory").value) << 20,
    )
