"""Long work in three phases: snapshot, steps, commit.

A verb first takes a *snapshot* of what it needs (in the calling thread) and returns a
`Work`. Its *steps* are a generator that yields `Progress` and may run in any thread; it
touches nothing but its snapshot. Its *commit* puts the answer into the session, in the
session's own thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, TypeVar

from napari_medfm.core.errors import Cancelled

R = TypeVar("R")
T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """Where a job stands: ``done`` of ``total`` steps, and what it does in words."""

    done: int
    total: int
    message: str = ""


Steps = Generator[Progress, None, R]


@dataclass(frozen=True)
class Work(Generic[T]):
    """A verb's snapshot, ready to run.

    Parameters
    ----------
    title
        What it does, for the user: "Embedding ct".
    steps
        Starts the generator; pure but for its snapshot.
    commit
        Puts the answer into the session and returns what the verb returns.
    fresh
        Whether the session is still about what the answer is of. If not, `commit` only
        returns the answer, and the call is not written down.
    written
        Keyword arguments that are written down otherwise than they were given.
    """

    title: str
    steps: Callable[[], Steps[Any]]
    commit: Callable[[Any], T]
    fresh: Callable[[], bool] = lambda: True
    written: Mapping[str, Any] = field(default_factory=dict)


def finished(steps: Steps[R]) -> R:
    """Run steps to their end, in this thread, and return their answer."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]


class State(Enum):
    """Life of a job: WAITING -> RUNNING -> READY -> DONE, or FAILED or CANCELLED."""

    WAITING = "waiting"
    RUNNING = "running"
    READY = "ready"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Job(Generic[T]):
    """One run of a `Work`: drained in any thread, committed in the session's.

    Parameters
    ----------
    work
        What to do.
    on_progress
        Called with each `Progress` in the thread that drains.
    """

    def __init__(
        self,
        work: Work[T],
        on_progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self.title = work.title
        self.state = State.WAITING
        self.progress = Progress(0, 0)
        self.error: BaseException | None = None
        self._work = work
        self.on_progress = on_progress
        self._cancel = threading.Event()
        self._drained = threading.Event()
        self._answer: Any = None
        self._value: T | None = None

    def cancel(self) -> None:
        """Ask it to stop at its next step; nothing will be committed."""
        self._cancel.set()

    @property
    def cancelled(self) -> bool:
        """Whether a stop was asked for."""
        return self._cancel.is_set()

    def drain(self) -> None:
        """Run the steps to the end, a cancel or an error. Never raises."""
        self.state = State.RUNNING
        try:
            self._answer = self._run()
            self.state = State.READY
        except Cancelled as stop:
            self.error, self.state = stop, State.CANCELLED
        except BaseException as error:  # noqa: BLE001  kept, and raised by `result`
            self.error, self.state = error, State.FAILED
        finally:
            self._drained.set()

    def _run(self) -> Any:
        steps = self._work.steps()
        try:
            while True:
                if self.cancelled:
                    raise Cancelled(f"{self.title}: cancelled, nothing was changed")
                self.progress = next(steps)
                if self.on_progress is not None:
                    self.on_progress(self.progress)
        except StopIteration as stop:
            if self.cancelled:
                raise Cancelled(
                    f"{self.title}: cancelled, nothing was changed"
                ) from None
            return stop.value
        finally:
            steps.close()

    def result(self, timeout: float | None = None) -> T:
        """Wait, commit (once) in this thread, and return the verb's answer.

        Raises
        ------
        Cancelled
            If the job was cancelled, also between its last step and this call.
        TimeoutError
            If it is not done in ``timeout`` seconds.
        """
        if not self._drained.wait(timeout):
            raise TimeoutError(f"{self.title} is still running")
        if self.state is State.READY and self.cancelled:
            self.error = Cancelled(f"{self.title}: cancelled, nothing was changed")
            self.state = State.CANCELLED
        if self.error is not None:
            raise self.error
        if self.state is State.READY:
            self._value = self._work.commit(self._answer)
            self._answer = None
            self.state = State.DONE
        return self._value  # type: ignore[return-value]
