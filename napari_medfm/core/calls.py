"""A record of what was done: one `Call` a verb, printable as runnable Python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Call:
    """One verb with its arguments, as plain JSON values."""

    verb: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def as_python(self, session: str = "s") -> str:
        """Return one line of Python that repeats it."""
        parts = [repr(arg) for arg in self.args]
        parts += [f"{name}={value!r}" for name, value in self.kwargs.items()]
        return f"{session}.{self.verb}({', '.join(parts)})"
