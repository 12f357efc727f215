"""The three ways to use a long verb: wait for it, start it, or take its work.

``session.embed("ct")`` waits and shows a bar. ``session.embed.start("ct")`` runs in a
thread and returns a `Job`. ``session.embed.work("ct")`` returns the `Work` itself, for
a runner of another kind (the window has one). All three record the call when it
commits, if the session is still about what it answers.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

from napari_medfm.core.calls import Call
from napari_medfm.core.jobs import Job, Progress, Work
from napari_medfm.verbs.workspace import Workspace

P = ParamSpec("P")
T = TypeVar("T")


class HasWorkspace(Protocol):
    """What a verb needs of the session it belongs to."""

    workspace: Workspace


class Verb(Generic[P, T]):
    """A method of the session made of a planner.

    Parameters
    ----------
    plan
        Takes the workspace and the verb's arguments, checks them, takes the snapshot
        and returns the `Work`.
    """

    def __init__(self, plan: Callable[Concatenate[Workspace, P], Work[T]]) -> None:
        self.plan = plan
        self.__doc__ = plan.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, session: None, owner: type) -> Verb[P, T]: ...

    @overload
    def __get__(self, session: HasWorkspace, owner: type) -> BoundVerb[P, T]: ...

    def __get__(
        self, session: HasWorkspace | None, owner: type
    ) -> Verb[P, T] | BoundVerb[P, T]:
        if session is None:
            return self
        return BoundVerb(self._name, self.plan, session.workspace)


class BoundVerb(Generic[P, T]):
    """A verb of one session."""

    def __init__(
        self,
        name: str,
        plan: Callable[Concatenate[Workspace, P], Work[T]],
        workspace: Workspace,
    ) -> None:
        self._name = name
        self._plan = plan
        self._workspace = workspace
        self.__doc__ = plan.__doc__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Do it, wait for it, show a bar on a terminal."""
        job = Job(self.work(*args, **kwargs))
        with _Bar(job):
            job.drain()
        return job.result()

    def start(self, *args: P.args, **kwargs: P.kwargs) -> Job[T]:
        """Run in a thread; `Job.result` waits and commits in the thread that asks."""
        job = Job(self.work(*args, **kwargs))
        threading.Thread(
            target=job.drain, name=f"medfm-{self._name}", daemon=True
        ).start()
        return job

    def work(self, *args: P.args, **kwargs: P.kwargs) -> Work[T]:
        """Check the arguments, take the snapshot, and return what is to be done."""
        work = self._plan(self._workspace, *args, **kwargs)
        call = Call.of(self._name, args, {**kwargs, **work.written})
        workspace, asked = self._workspace, self._workspace.taken

        def commit(answer: Any) -> T:
            if not work.fresh():
                return work.commit(answer)
            return workspace.commit(lambda: work.commit(answer), call, asked)

        return Work(work.title, work.steps, commit)


class _Bar:
    """A progress bar on a terminal, for jobs of more than two steps."""

    def __init__(self, job: Job[Any]) -> None:
        self._job = job
        self._bar: Any = None

    def __enter__(self) -> None:
        if sys.stderr is not None and sys.stderr.isatty():
            self._job.on_progress = self._show

    def _show(self, progress: Progress) -> None:
        if progress.total <= 2:
            return
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=progress.total, desc=self._job.title, leave=False)
        self._bar.total = progress.total
        self._bar.n = progress.done
        self._bar.set_postfix_str(progress.message)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
