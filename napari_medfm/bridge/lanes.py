"""Latest-wins lanes of work, for any event loop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from psygnal import Signal

from napari_medfm.core.errors import Cancelled
from napari_medfm.core.jobs import Job, Progress, Work

_FRAME = 1 / 25


class Loop(Protocol):
    """The event loop of the thread that owns a session."""

    def post(self, act: Callable[[], None]) -> None:
        """Have ``act`` called in the owner's thread; may be called from any thread."""

    def after(self, seconds: float, act: Callable[[], None]) -> Callable[[], None]:
        """Call ``act`` later in this thread; what is returned forgets it."""


@dataclass(eq=False)
class _Run:
    key: str
    job: Job[Any]
    done: Callable[[Any], None]
    failed: Callable[[BaseException], None] | None
    dropped: bool = False
    told: float = 0.0


@dataclass
class _Lane:
    running: _Run | None = None
    waiting: _Run | None = None


class Lanes:
    """Runs work in worker threads and commits it in the owner's thread.

    Each key is a lane with one run under way and at most one waiting, the newest. A
    run is drained by a plain function, so that no error is lost; its answer comes back
    through the loop and is dropped if it was cancelled or newer work came.

    Parameters
    ----------
    loop
        Of the thread this is made in, which owns the session.

    Signals
    -------
    changed
        Work began, moved on, or ended; see `current`.
    """

    changed = Signal()

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._lanes: dict[str, _Lane] = {}
        self._order: list[_Run] = []
        self._rests: dict[str, Callable[[], None]] = {}
        self._soon: dict[str, Callable[[], None]] = {}
        self._closed = False

    @property
    def current(self) -> tuple[str, Progress] | None:
        """Title and progress of the newest work under way."""
        if not self._order:
            return None
        job = self._order[-1].job
        return job.title, job.progress

    @property
    def resting(self) -> bool:
        """Whether a rest is still to end."""
        return bool(self._rests or self._soon)

    def run(
        self,
        work: Work[Any],
        key: str,
        done: Callable[[Any], None],
        failed: Callable[[BaseException], None] | None = None,
    ) -> None:
        """Run work; newer work of the same key cancels it and its answer is dropped.

        ``done`` and ``failed`` are called in the owner's thread.
        """
        if self._closed:
            return
        lane = self._lanes.setdefault(key, _Lane())
        run = _Run(key, Job(work), done, failed)
        run.job.on_progress = lambda progress: self._heard(run, progress)
        if lane.running is None:
            self._start(lane, run)
            return
        self._drop(lane.running)
        if lane.waiting is not None:
            self._drop(lane.waiting)
        lane.waiting = run
        self._order.append(run)
        self.changed.emit()

    def _start(self, lane: _Lane, run: _Run) -> None:
        lane.running, lane.waiting = run, None
        if run not in self._order:
            self._order.append(run)
        threading.Thread(
            target=self._drain, args=(run,), name=f"medfm {run.key}"
        ).start()
        self.changed.emit()

    def _drain(self, run: _Run) -> None:
        """Run in a worker thread, to the end."""
        run.job.drain()
        self._loop.post(lambda: self._finished(run))

    def _heard(self, run: _Run, _: Progress) -> None:
        """Tell of progress, a few times a second at most."""
        now = time.monotonic()
        if now - run.told >= _FRAME:
            run.told = now
            self._loop.post(lambda: self._progressed(run))

    def _drop(self, run: _Run) -> None:
        run.dropped = True
        run.job.cancel()
        if run in self._order:
            self._order.remove(run)

    def cancel(self, key: str | None = None) -> None:
        """Stop the work of a key, or all; rests of the key end without acting."""
        for name in [key] if key is not None else [*self._lanes, *self._rests]:
            self._stop(name)
        self.changed.emit()

    def _stop(self, key: str) -> None:
        forget = self._rests.pop(key, None)
        if forget is not None:
            forget()
        lane = self._lanes.get(key)
        if lane is None:
            return
        if lane.waiting is not None:
            self._drop(lane.waiting)
            lane.waiting = None
        if lane.running is not None:
            self._drop(lane.running)

    def cancel_by_user(self) -> None:
        """Stop everything now, and say so to whoever waits for it."""
        stopped = list(self._order)
        self.cancel()
        for run in stopped:
            if run.failed is not None:
                run.failed(Cancelled(f"{run.job.title}: cancelled, nothing was lost"))

    def busy(self, key: str) -> bool:
        """Whether work of this key is under way or waiting."""
        return any(run.key == key for run in self._order)

    def later(self, seconds: float, key: str, act: Callable[[], None]) -> None:
        """Call ``act`` after a rest; a new call with the same key starts it anew."""
        if self._closed:
            return
        forget = self._rests.pop(key, None)
        if forget is not None:
            forget()

        def ended() -> None:
            self._rests.pop(key, None)
            act()

        self._rests[key] = self._loop.after(seconds, ended)

    def soon(self, key: str, act: Callable[[], None]) -> None:
        """Call ``act`` once in the owner's thread; may be asked from any thread."""
        if key not in self._soon:
            self._soon[key] = act
            self._loop.post(lambda: self._called(key))

    def _called(self, key: str) -> None:
        act = self._soon.pop(key)
        if not self._closed:
            act()

    def close(self, wait: float = 0.0) -> None:
        """Stop everything for good; steps under way end by themselves.

        Parameters
        ----------
        wait
            Seconds to wait for them.
        """
        self._closed = True
        self.cancel()
        end = time.monotonic() + wait
        for thread in threading.enumerate():
            if thread.name.startswith("medfm ") and wait:
                thread.join(max(0.0, end - time.monotonic()))

    def _progressed(self, run: _Run) -> None:
        if not run.dropped:
            self.changed.emit()

    def _finished(self, run: _Run) -> None:
        lane = self._lanes[run.key]
        if lane.running is run:
            lane.running = None
        if run in self._order:
            self._order.remove(run)
        if lane.waiting is not None and not self._closed:
            self._start(lane, lane.waiting)
        if not run.dropped and not self._closed:
            self._deliver(run)
        self.changed.emit()

    def _deliver(self, run: _Run) -> None:
        try:
            value = run.job.result()
        except BaseException as error:  # noqa: BLE001  handed on to whoever waits
            if run.failed is not None:
                run.failed(error)
            return
        run.done(value)
