"""The user's preferences, from napari's Preferences page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari.settings import get_plugin_settings

from napari_medfm.session import Session


def session_from_settings() -> Session:
    """Return a new session with what the user prefers."""
    try:
        settings: Any = get_plugin_settings("napari-medfm")
    except KeyError:
        return Session()
    models = settings.models
    folder = str(models.cache_folder).strip()
    return Session(
        cache_dir=Path(folder).expanduser() if folder else None,
        device=None if models.device == "best there is" else str(models.device),
        offline=True if models.offline else None,
        undo_bytes=int(models.undo_megabytes) << 20,
    )
