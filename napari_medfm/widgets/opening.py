"""Show the dock, from a menu; open a project that is dropped on the window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medfm.core.errors import BadInput
from napari_medfm.project.layout import JOURNAL, SUFFIX

if TYPE_CHECKING:
    import napari

NOTHING_TO_ADD: list[tuple[Any, ...]] = [(None,)]


def open_dock(viewer: napari.viewer.Viewer) -> None:
    """Open the dock, or bring it to the front."""
    viewer.window.add_plugin_dock_widget("napari-medfm", "MedFM")


def open_preferences(viewer: napari.viewer.Viewer) -> None:
    """Open the dock and its page of preferences."""
    _, dock = viewer.window.add_plugin_dock_widget("napari-medfm", "MedFM")
    dock.header.show_preferences()


def project_reader(
    path: str | Sequence[str],
) -> Callable[[str | Sequence[str]], list[tuple[Any, ...]]] | None:
    """Return what opens a project in napari's window; None if it is none."""
    paths = [path] if isinstance(path, str) else list(path)
    if len(paths) != 1 or not paths[0].rstrip("/\\").endswith(SUFFIX):
        return None
    return open_project if (Path(paths[0]) / JOURNAL).is_file() else None


def open_project(path: str | Sequence[str]) -> list[tuple[Any, ...]]:
    """Open a project in the dock of the window it was dropped on.

    Its layers come from the dock, so napari is given none. What has to be asked, about
    unsaved work say, is asked when napari has done with the file.

    Raises
    ------
    BadInput
        If there is no window.
    """
    import napari
    from qtpy.QtCore import QTimer

    from napari_medfm.bridge.finding import desk_of

    folder = Path(path if isinstance(path, str) else path[0])
    viewer = napari.current_viewer()
    if viewer is None:
        raise BadInput(
            f"{folder.name} is a project, and there is no window to open it in: use "
            "load_project, or `napari-medfm open`"
        )
    open_dock(viewer)
    desk = desk_of(viewer)
    if desk is not None:
        QTimer.singleShot(0, partial(desk.projects.open, folder))
    return NOTHING_TO_ADD
