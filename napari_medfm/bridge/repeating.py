"""Do all again that the project on the desk records, and say whether it is the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medfm.bridge.asking import Ask
from napari_medfm.bridge.exchange import fresh_session
from napari_medfm.core.errors import BadInput
from napari_medfm.core.jobs import Progress, Steps, Work
from napari_medfm.project.keeping import bound_to
from napari_medfm.project.replaying import Replayed, recorded_in, replay

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk
    from napari_medfm.session import Session


class Repeating:
    """Replays a project behind, from what is on the disk; nothing of it is changed."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ask: Ask[Replayed] = Ask(desk, "replay", lambda: None)

    def begin(self) -> None:
        """Make every mask again and compare; says what came of it."""
        self._ask.begin(self._work, self._done)

    def _work(self) -> Work[Replayed]:
        session = self._desk.session
        bound = bound_to(session.workspace)
        if bound is None or not bound.folder.is_dir():
            raise BadInput("There is nothing to do again: save a project first")
        folder, fresh = bound.folder, _fresh(session)

        def steps() -> Steps[Replayed]:
            yield Progress(0, 1, "reading the journal")
            recorded = recorded_in(folder, None, session.options)
            return (yield from replay(recorded, fresh, stop=False))

        return Work("Doing all again", steps, lambda found: found)

    def _done(self, found: Replayed) -> None:
        if found.difference is not None:
            self._desk.complain(f"Not all is the same: {found.difference}")
            return
        self._desk.say(
            f"{found.calls} calls done again, {found.masks} results compared: "
            "everything is the same, bit for bit"
        )


def _fresh(session: Session) -> Session:
    """Return an empty session with the models that another began with."""
    made, (encoder, segmenter) = fresh_session(session), session.workspace.first_models
    if made.encoder != encoder:
        made.workspace.use_encoder(session.encoder_model(encoder))
    if made.segmenter != segmenter:
        made.workspace.use_segmenter(session.segmenter_model(segmenter))
    made.workspace.first_models = (encoder, segmenter)
    return made
