"""Another session on the same viewer: the old one goes whole, layers and all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medfm.bridge.onview import show_alone
from napari_medfm.session import Session

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk


def fresh_session(old: Session) -> Session:
    """Return an empty session with the models and options of another."""
    made = Session(**old.options)
    made.workspace.use_encoder(old.workspace.encoder)
    made.workspace.use_segmenter(old.workspace.segmenter)
    made.workspace.first_models = (made.encoder, made.segmenter)
    return made


def same_models(old: Session, new: Session) -> None:
    """Let a session use models of the same name that another has loaded already."""
    if new.encoder == old.encoder:
        new.workspace.use_encoder(old.workspace.encoder)
    if new.segmenter == old.segmenter:
        new.workspace.use_segmenter(old.workspace.segmenter)


def put_on_desk(old: Desk, session: Session) -> Desk:
    """Put a session in the place of another, on a new desk; return that.

    A new desk, so that nothing of the old session is left in any part. Its images leave
    the viewer with it; all other layers of the user stay, hidden. The old session lets
    go of its project.
    """
    _clear(old)
    try:
        new = _desk(old, session)
    except Exception:
        session.close()
        _desk(old, old.session)
        raise
    old.session.close()
    new.binding.shows_new = False
    if new.image is not None:
        show_alone(new, new.image)
    new.viewer.reset_view()
    return new


def _desk(old: Desk, session: Session) -> Desk:
    new = type(old)(old.viewer, session, old.runner)
    new.projects.dialogs = old.projects.dialogs
    new.projects.config = old.projects.config
    new.drafts.found, new.drafts.is_put_off = old.drafts.found, old.drafts.is_put_off
    if old.drafts.is_keeping:
        new.drafts.keep()
    old.replaced.emit(new)
    return new


def _clear(desk: Desk) -> None:
    viewer = desk.viewer
    shown = [
        layer for name in desk.session.images for layer in desk.binding.layers(name)
    ]
    desk.close()
    viewer.layers.selection.clear()
    for layer in list(viewer.layers):
        if layer in shown or desk.mirror.role_of(layer) is not None:
            viewer.layers.remove(layer)
        else:
            layer.visible = False
