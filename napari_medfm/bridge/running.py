"""What the bridge needs of whoever runs its jobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from napari_medfm.core.jobs import Job, Work

T = TypeVar("T")


class Runner(Protocol):
    """Runs work away from the caller and comes back in the caller's thread.

    Per ``key`` the newest work wins: it cancels the one under way, whose answer is
    dropped.
    """

    def run(
        self,
        work: Work[T],
        key: str,
        done: Callable[[T], None],
        failed: Callable[[BaseException], None] | None = None,
    ) -> None:
        """Run work; call ``done`` with the committed answer, or ``failed``.

        ``failed`` also hears of a cancel by the user, but not of work dropped for newer
        work.
        """

    def cancel(self, key: str | None = None) -> None:
        """Stop the work of a key, or all."""

    def busy(self, key: str) -> bool:
        """Whether work of this key is under way or waiting."""

    def later(self, seconds: float, key: str, act: Callable[[], None]) -> None:
        """Call ``act`` after a rest; a new call with the same key starts it anew."""

    def soon(self, key: str, act: Callable[[], None]) -> None:
        """Call ``act`` once in the runner's own thread; may be asked from any thread.

        Asked again before it was called, it is still called once.
        """


class InlineRunner:
    """Runs everything at once, in the calling thread; rests end when told."""

    def __init__(self) -> None:
        self.errors: list[BaseException] = []
        self.waiting: dict[str, Callable[[], None]] = {}

    def run(
        self,
        work: Work[Any],
        key: str,
        done: Callable[[Any], None],
        failed: Callable[[BaseException], None] | None = None,
    ) -> None:
        """Run to the end, commit, and call ``done``."""
        job = Job(work)
        job.drain()
        try:
            value = job.result()
        except BaseException as error:  # noqa: BLE001  handed on to whoever waits
            self.errors.append(error)
            if failed is not None:
                failed(error)
            return
        done(value)

    def cancel(self, key: str | None = None) -> None:
        """Forget the rests of a key, or all."""
        if key is None:
            self.waiting.clear()
        else:
            self.waiting.pop(key, None)

    def busy(self, key: str) -> bool:
        """Nothing is ever under way."""
        return False

    def later(self, seconds: float, key: str, act: Callable[[], None]) -> None:
        """Keep it until `rest`."""
        self.waiting[key] = act

    def soon(self, key: str, act: Callable[[], None]) -> None:
        """Keep it until `rest`."""
        self.waiting[key] = act

    def rest(self) -> None:
        """Let every rest end."""
        while self.waiting:
            self.waiting.pop(next(iter(self.waiting)))()
