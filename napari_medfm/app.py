"""Open napari on a session."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medfm.engine.torchload import import_torch

if TYPE_CHECKING:
    import napari

    from napari_medfm.session import Session


def view(session: Session | None = None, show: bool = True) -> napari.viewer.Viewer:
    """Open a napari window bound to a session, with the dock.

    Window and session stay in step: what one does, the other shows. Call
    `napari.run()` afterwards in a script.

    Parameters
    ----------
    session
        A session; a new one with the user's preferences if None.
    show
        Whether to show the window at once.
    """
    # Before the window, so that the first click need not wait for it.
    import_torch()
    import napari

    viewer = napari.Viewer(title="napari-medfm", show=show)
    _dock(viewer, session)
    return viewer


def demo(sample: str = "pathology", show: bool = True) -> napari.viewer.Viewer:
    """Open a sample image with the dock, which says what to do next.

    Parameters
    ----------
    sample
        A name of `napari_medfm.sample_data.names`.
    """
    from napari_medfm.sample_data import load
    from napari_medfm.session import Session

    found = load(sample)
    session = Session()
    session.add_image(
        found.data,
        name=found.name,
        spacing=found.spacing if found.affine is None else None,
        affine=found.affine,
        channel_axis=found.channel_axis,
    )
    viewer = view(session, show)
    if found.hints.plane is not None:
        viewer.dims.set_current_step(0, found.hints.plane)
    return viewer


def open_paths(paths: Sequence[Path], show: bool = True) -> napari.viewer.Viewer:
    """Open a window with the dock on images, or on one project.

    A project is opened by the window itself, which asks what has to be asked.

    Raises
    ------
    BadFile
        If an image cannot be read.
    """
    from napari_medfm.bridge.finding import desk_of
    from napari_medfm.project.layout import SUFFIX
    from napari_medfm.widgets.settings import session_from_settings

    session = session_from_settings()
    for path in paths:
        if path.suffix != SUFFIX:
            session.add_image(path)
    viewer = view(session, show)
    desk = desk_of(viewer)
    for path in paths:
        if path.suffix == SUFFIX and desk is not None:
            desk.projects.open(path)
    return viewer


def run() -> None:
    """Show the windows until the last one is closed."""
    import napari

    napari.run()


def _dock(viewer: Any, session: Session | None) -> Any:
    from napari_medfm.widgets.dock import MedfmWidget

    widget = MedfmWidget(viewer, session)
    viewer.window.add_dock_widget(
        widget, name="MedFM", area="right", add_vertical_stretch=False
    )
    return widget
