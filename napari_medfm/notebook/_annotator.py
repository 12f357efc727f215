"""The canvas: a widget that shows a desk in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import traitlets

from napari_medfm.bridge.desk import Desk
from napari_medfm.bridge.lanes import Lanes
from napari_medfm.bridge.windowless import windowless_desk
from napari_medfm.core.errors import BadInput
from napari_medfm.notebook._gestures import perform
from napari_medfm.notebook._loop import CellLoop
from napari_medfm.notebook._state import state_of
from napari_medfm.notebook._view import Region, overlay_of, picture_of
from napari_medfm.session import Session

_STATIC = Path(__file__).parent / "static"


class Annotator(anywidget.AnyWidget):
    """An interactive canvas on a session, in Jupyter, VS Code and marimo.

    Cells and clicks work on the same session and mix freely. Only what is seen is sent
    to the browser, at the resolution it is seen at.

    Parameters
    ----------
    session
        The session; a new one if None.
    height
        Height of the canvas in pixels.

    Examples
    --------
    >>> canvas = Annotator(session)  # the last line of a cell: canvas
    """

    _esm = _STATIC / "annotator.js"
    _css = _STATIC / "annotator.css"
    state = traitlets.Dict().tag(sync=True)
    height = traitlets.Int(520).tag(sync=True)
    _bound = False

    def __init__(self, session: Session | None = None, height: int = 520) -> None:
        super().__init__(height=height)
        self.session = session or Session()
        self._loop = CellLoop()
        self.runner = Lanes(self._loop)
        self.desk: Desk = windowless_desk(self.session, self.runner)
        self._region: tuple[Any, Any] | None = None
        self._sent: dict[str, Any] = {}
        self.desk.changed.connect(self._soon)
        self.desk.said.connect(self._soon)
        self.runner.changed.connect(self._soon)
        self.on_msg(self._heard)
        self._bound = True
        self._show()

    def close(self) -> None:
        """Let go of the session; what was made stays in it."""
        if self._bound:
            self._bound = False
            self.runner.close()
            self.desk.close()
        super().close()

    def _heard(self, _: Any, message: dict[str, Any], __: Any) -> None:
        """Take a message to the session's thread: it may arrive in another."""
        self._loop.post(lambda: self._perform(message))

    def _perform(self, message: dict[str, Any]) -> None:
        if message.get("do") == "look":
            self._region = (message.get("region"), message.get("size"))
            if message.get("fresh"):
                self._sent.clear()
            self._show()
            return
        self.desk.drafts.keep()
        try:
            perform(self.desk, message)
        except BadInput as problem:
            self.desk.complain(problem)
        self._soon()

    def _soon(self, *_: Any) -> None:
        """Show what changed, once for all changes of a gesture."""
        self.runner.soon("show", self._show)

    def _show(self) -> None:
        state = state_of(self.desk, self.runner)
        if state != self.state:
            self.state = state
        region = self._looked_at()
        if region is None:
            return
        source, here = self.desk.source, self.desk.here
        if source is None or here is None:
            return
        of = (source.uid, here[1], region)
        if self._sent.get("image") != of:
            self._sent["image"] = of
            self._post("image", region, picture_of(source, here[1], region))
        overlay = overlay_of(self.desk, region)
        if self._sent.get("overlay") != (of, overlay):
            self._sent["overlay"] = (of, overlay)
            self._post("overlay", region, overlay)

    def _looked_at(self) -> Region | None:
        source = self.desk.source
        if self._region is None or source is None:
            return None
        try:
            return Region.of(*self._region, source.plane_shape)
        except BadInput:
            return None

    def _post(self, layer: str, region: Region, png: bytes) -> None:
        content = {"picture": layer, "region": region.edges}
        self.send(content, buffers=[png])
