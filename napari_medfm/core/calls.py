"""A record of what was done: one `Call` a verb, printable as runnable Python."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from time import time as now
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.runs import Runs, Values

_SHORT = 4096


@dataclass(frozen=True)
class Given:
    """Something that only the user's program has, such as an array passed in."""

    code: str

    def __repr__(self) -> str:
        return self.code


@dataclass(frozen=True)
class Call:
    """One verb with its arguments as plain values, masks as `Runs`.

    ``result`` is the variable that later calls name what it returned by, if they can;
    ``at`` is when it was asked for, in seconds since 1970.
    """

    verb: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    result: str | None = None
    at: float = field(default=0.0, compare=False)

    @classmethod
    def of(cls, verb: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        """Record a call; options left at None are not written down."""
        kept = {
            name: plain(value) for name, value in kwargs.items() if value is not None
        }
        given = list(args)
        while given and given[-1] is None:
            given.pop()
        return cls(verb, tuple(plain(arg) for arg in given), kept, at=now())

    def as_python(self, session: str = "s") -> str:
        """Return one line of Python that repeats it."""
        parts = [repr(arg) for arg in self.args]
        parts += [f"{name}={value!r}" for name, value in self.kwargs.items()]
        return f"{session}.{self.verb}({', '.join(parts)})"


def plain(value: Any) -> Any:
    """Turn an argument into plain values that print as Python and dump as JSON."""
    if isinstance(value, np.ndarray):
        return _plain_array(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(plain(item) for item in value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str, Given)):
        return value
    if isinstance(getattr(value, "data", None), np.ndarray):
        return plain(value.data)
    if hasattr(value, "spec"):
        return str(value.spec.name)
    return Given(getattr(value, "as_code", None) or type(value).__name__.lower())


def _plain_array(array: NDArray[Any]) -> Any:
    if array.dtype == bool:
        return Runs.of(array)
    is_map = array.dtype.kind in "ui" and array.size > _SHORT
    return Values.of(array) if is_map else plain(array.tolist())
