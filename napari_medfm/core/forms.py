"""One exact JSON form for everything that a record holds, and the way back.

``from_form(to_form(x)) == x`` with equal types, for plain values, tuples, masks as
`Runs` and `Values`, names of given things, and calls. What JSON has no word for is an
object with one key that begins with ``$``.
"""

from __future__ import annotations

import ast
import json
import math
import re
from typing import Any

from napari_medfm.core.calls import Call, Given
from napari_medfm.core.errors import BadFile
from napari_medfm.core.runs import Runs, Values

_END_OF_TIME = 2.0**40
_NUMBERS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_TEXTS = {"$runs": Runs, "$values": Values, "$given": Given}


def to_form(value: Any) -> Any:
    """Return a value as JSON values.

    Raises
    ------
    TypeError
        If it is none of the values a record holds.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": repr(value)}
    if isinstance(value, Runs):
        return {"$runs": str(value)}
    if isinstance(value, Values):
        return {"$values": str(value)}
    if isinstance(value, Given):
        return {"$given": value.code}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, tuple):
        return {"$tuple": [to_form(item) for item in value]}
    if isinstance(value, list):
        return [to_form(item) for item in value]
    if isinstance(value, dict):
        pairs = {str(key): to_form(item) for key, item in value.items()}
        strange = len(pairs) == 1 and next(iter(pairs)).startswith("$")
        return {"$dict": pairs} if strange else pairs
    raise TypeError(f"A record does not hold {type(value).__name__}")


def from_form(form: Any) -> Any:
    """Return the value of a form.

    Raises
    ------
    BadFile
        If it is no form that `to_form` makes.
    """
    if isinstance(form, list):
        return [from_form(item) for item in form]
    if not isinstance(form, dict):
        return form
    if len(form) == 1:
        ((key, inner),) = form.items()
        if key.startswith("$"):
            return _named(key, inner)
    return {key: from_form(item) for key, item in form.items()}


def _named(key: str, inner: Any) -> Any:
    if key in _TEXTS and isinstance(inner, str):
        if key == "$given" and not _is_given(inner):
            raise BadFile("it names something given by more than a name")
        return _TEXTS[key](inner)
    if key == "$float" and isinstance(inner, str) and inner in _NUMBERS:
        return _NUMBERS[inner]
    if key == "$tuple" and isinstance(inner, list):
        return tuple(from_form(item) for item in inner)
    if key == "$dict" and isinstance(inner, dict):
        return {name: from_form(item) for name, item in inner.items()}
    raise BadFile(f"it holds {key[:20]!r}, which means nothing here")


def _is_given(code: str) -> bool:
    """Whether this is a variable, or ``images['NAME']``, and no other Python."""
    if code.isidentifier():
        return True
    match = re.fullmatch(r"images\[(.+)\]", code, re.DOTALL)
    try:
        name = ast.literal_eval(match[1]) if match else None
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return False
    return isinstance(name, str) and code == f"images[{name!r}]"


def call_form(call: Call) -> dict[str, Any]:
    """Return a call as JSON values."""
    form: dict[str, Any] = {
        "verb": call.verb,
        "args": [to_form(arg) for arg in call.args],
        "kwargs": {name: to_form(value) for name, value in call.kwargs.items()},
        "at": call.at,
    }
    return form if call.result is None else {**form, "result": call.result}


def call_of(form: Any) -> Call:
    """Return the call of a form.

    Raises
    ------
    BadFile
        If it is no form that `call_form` makes.
    """
    if not isinstance(form, dict):
        raise BadFile("a call is not an object")
    verb, result, at = form.get("verb"), form.get("result"), form.get("at")
    args, kwargs = form.get("args"), form.get("kwargs")
    if not isinstance(verb, str) or not verb.isidentifier():
        raise BadFile("a call names no verb")
    if not isinstance(args, list) or not isinstance(kwargs, dict):
        raise BadFile("a call has no arguments")
    if not isinstance(at, (int, float)) or not -_END_OF_TIME < at < _END_OF_TIME:
        raise BadFile("a call has no time")
    if result is not None and not (isinstance(result, str) and result.isidentifier()):
        raise BadFile("a call's result has no name")
    if not all(name.isidentifier() for name in kwargs):
        raise BadFile("a call has an argument without a name")
    return Call(
        verb,
        tuple(from_form(arg) for arg in args),
        {name: from_form(value) for name, value in kwargs.items()},
        result,
        float(at),
    )


def dumps(form: Any) -> str:
    """Write JSON in one line of ASCII."""
    return json.dumps(form, separators=(",", ":"), allow_nan=False)


def loads(text: bytes) -> Any:
    """Read JSON that `dumps` wrote, and nothing stranger.

    Raises
    ------
    BadFile
        If it is not JSON, holds NaN, says a name twice, or is nested too deep.
    """
    try:
        return json.loads(
            text.decode("utf-8"), parse_constant=_refuse, object_pairs_hook=_unique
        )
    except (ValueError, RecursionError) as error:
        raise BadFile("it is not JSON as this program writes it") from error


def _refuse(text: str) -> float:
    raise ValueError(f"{text} is not a number here")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a name occurs twice")
    return dict(pairs)
