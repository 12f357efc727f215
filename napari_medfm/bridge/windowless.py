"""A desk without a window, for surfaces that draw the layers themselves."""

from __future__ import annotations

from napari.components import ViewerModel

from napari_medfm.bridge.desk import Desk
from napari_medfm.bridge.running import Runner
from napari_medfm.session import Session


def windowless_desk(session: Session, runner: Runner) -> Desk:
    """Return a desk over a viewer model: all gestures and layers, no Qt, no screen."""
    return Desk(ViewerModel(), session, runner)
