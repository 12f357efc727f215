"""A runner whose work ends when the test says so, in the order the test says."""

from __future__ import annotations

from napari_medfm.core.errors import Cancelled
from napari_medfm.core.jobs import Job


class HeldRunner:
    """Keeps work per key, the newest of each; `finish` drains, commits and tells."""

    def __init__(self):
        self.held = {}
        self.waiting = {}
        self.errors = []

    def run(self, work, key, done, failed=None):
        self.held[key] = (Job(work), done, failed)

    def cancel(self, key=None):
        for name in [key] if key is not None else [*self.held, *self.waiting]:
            self.held.pop(name, None)
            self.waiting.pop(name, None)

    def cancel_by_user(self):
        stopped = list(self.held.values())
        self.cancel()
        for job, _, failed in stopped:
            failed(Cancelled(f"{job.title}: cancelled, nothing was lost"))

    def busy(self, key):
        return key in self.held

    def later(self, seconds, key, act):
        self.waiting[key] = act

    def soon(self, key, act):
        self.waiting[key] = act

    def rest(self):
        while self.waiting:
            self.waiting.pop(next(iter(self.waiting)))()

    def drained(self, key):
        """Let the steps of a key end, but not its answer arrive; return the arrival."""
        job, done, failed = self.held[key]
        job.drain()

        def arrive():
            if self.held.get(key, (None,))[0] is not job:
                return
            del self.held[key]
            try:
                value = job.result()
            except BaseException as error:  # noqa: BLE001  as the window's runner
                self.errors.append(error)
                failed(error)
                return
            done(value)

        return arrive

    def finish(self, *keys):
        for key in keys:
            self.drained(key)()

    def finish_all(self):
        while self.held or self.waiting:
            for key in list(self.held):
                if key in self.held:
                    self.finish(key)
            self.rest()
