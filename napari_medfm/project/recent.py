"""The projects that were open last: a small list in the user's configuration folder."""

from __future__ import annotations

import json
from pathlib import Path

from napari_medfm.engine.atomic import atomic_bytes

_MOST = 10
_LARGEST = 2**20


def recent_projects(config: Path | None = None) -> list[Path]:
    """Return the projects that were open last and are still there, newest first.

    Parameters
    ----------
    config
        Folder of the list; the user's configuration folder if None.
    """
    return [path for path in _listed(_file(config)) if _is_folder(path)]


def remember_project(path: Path, config: Path | None = None) -> None:
    """Put a project at the head of the list. For windows; scripts leave no trace.

    Raises
    ------
    WriteFailed
        If the list cannot be written.
    """
    file, path = _file(config), Path(path).absolute()
    others = [other for other in _listed(file) if other != path]
    names = [str(p) for p in [path, *others][:_MOST]]
    atomic_bytes(file, json.dumps(names, indent=1).encode())


def forget_project(path: Path, config: Path | None = None) -> None:
    """Take a project from the list.

    Raises
    ------
    WriteFailed
        If the list cannot be written.
    """
    file = _file(config)
    names = [str(p) for p in _listed(file) if p != Path(path).absolute()]
    atomic_bytes(file, json.dumps(names, indent=1).encode())


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that no file can have
        return False


def _file(config: Path | None) -> Path:
    from platformdirs import user_config_dir

    folder = config or Path(user_config_dir("napari-medfm", False))
    return folder / "recent-projects.json"


def _listed(file: Path) -> list[Path]:
    """Read the list; one that cannot be read is an empty one."""
    try:
        if file.stat().st_size > _LARGEST:
            return []
        told = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return []
    names = told if isinstance(told, list) else []
    return [Path(n) for n in names if isinstance(n, str) and n and "\0" not in n]
