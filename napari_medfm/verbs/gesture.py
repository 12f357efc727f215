"""Short verbs: done at once, in the thread that calls, and written down."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from napari_medfm.core.calls import Call
from napari_medfm.verbs.verb import HasWorkspace
from napari_medfm.verbs.workspace import Workspace

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Deed(Generic[T]):
    """A short verb whose arguments were checked.

    Parameters
    ----------
    do
        Changes the workspace and returns what the verb returns.
    args, kwargs
        What is written down; the arguments as they were given if None.
    """

    do: Callable[[], T]
    args: tuple[Any, ...] | None = None
    kwargs: dict[str, Any] | None = None


class Gesture(Generic[P, T]):
    """A method of the session made of a planner.

    Parameters
    ----------
    plan
        Takes the workspace and the verb's arguments, checks them, and returns the
        `Deed`; it changes nothing itself.
    """

    def __init__(self, plan: Callable[Concatenate[Workspace, P], Deed[T]]) -> None:
        self.plan = plan
        self.__doc__ = plan.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, session: None, owner: type) -> Gesture[P, T]: ...

    @overload
    def __get__(self, session: HasWorkspace, owner: type) -> Callable[P, T]: ...

    def __get__(
        self, session: HasWorkspace | None, owner: type
    ) -> Gesture[P, T] | Callable[P, T]:
        if session is None:
            return self
        plan, name, workspace = self.plan, self._name, session.workspace

        @wraps(plan)
        def verb(*args: P.args, **kwargs: P.kwargs) -> T:
            deed = plan(workspace, *args, **kwargs)
            written = args if deed.args is None else deed.args
            options = kwargs if deed.kwargs is None else deed.kwargs
            return workspace.commit(deed.do, Call.of(name, written, options))

        verb.__name__ = name
        verb.__signature__ = without_workspace(plan)  # type: ignore[attr-defined]
        return verb


def without_workspace(plan: Callable[..., Any]) -> inspect.Signature:
    """Return a planner's signature as the caller of the verb sees it."""
    signature = inspect.signature(plan)
    return signature.replace(parameters=list(signature.parameters.values())[1:])
