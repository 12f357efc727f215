"""Label medical images with foundation models.

`Session` is the whole program in Python; `view` opens napari on one. Names are imported
when they are first used, so that importing the package takes no time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_medfm.app import view
    from napari_medfm.core.runs import runs, values
    from napari_medfm.project.drafts import drafts
    from napari_medfm.project.opening import load_project
    from napari_medfm.project.replaying import replay_project
    from napari_medfm.session import Session, list_models, load_head

_HOMES = {
    "Session": "napari_medfm.session",
    "drafts": "napari_medfm.project.drafts",
    "list_models": "napari_medfm.session",
    "load_head": "napari_medfm.session",
    "load_project": "napari_medfm.project.opening",
    "replay_project": "napari_medfm.project.replaying",
    "runs": "napari_medfm.core.runs",
    "values": "napari_medfm.core.runs",
    "view": "napari_medfm.app",
}

__all__ = [
    "Session",
    "drafts",
    "list_models",
    "load_head",
    "load_project",
    "replay_project",
    "runs",
    "values",
    "view",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
