"""Show the dock, from a menu."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import napari


def open_dock(viewer: napari.viewer.Viewer) -> None:
    """Open the dock, or bring it to the front."""
    viewer.window.add_plugin_dock_widget("napari-medfm", "MedFM")
