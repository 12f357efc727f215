"""The notebook's event loop as the owner of a session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from napari_medfm.core.errors import BadInput


class CellLoop:
    """The loop that runs the cells: answers arrive between them.

    Parameters
    ----------
    loop
        The running loop if None.

    Raises
    ------
    BadInput
        If none is running: then there is no notebook.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        try:
            self._loop = loop or asyncio.get_running_loop()
        except RuntimeError:
            raise BadInput(
                "The canvas lives in a notebook (Jupyter, VS Code, marimo): use "
                "view(session) for a window, or the session itself in a program"
            ) from None

    def post(self, act: Callable[[], None]) -> None:
        """Have ``act`` called by the loop; from any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(act)

    def after(self, seconds: float, act: Callable[[], None]) -> Callable[[], None]:
        """Call ``act`` later; what is returned forgets it."""
        return self._loop.call_later(seconds, act).cancel
