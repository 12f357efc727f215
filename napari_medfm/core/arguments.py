"""What callers pass in, checked: each function returns the value or says what is wrong.

``what`` names the argument as the caller wrote it.
"""

from __future__ import annotations

import json
import operator
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadInput


def text_of(value: Any, what: str) -> str:
    """Return a text that is not blank.

    Raises
    ------
    BadInput
        If it is none.
    """
    if not isinstance(value, str):
        raise BadInput(f"{what} is a text, got {shown(value)}")
    if not value.strip():
        raise BadInput(f"{what} is empty")
    return value


def choice_of(value: Any, what: str, choices: Sequence[str]) -> str:
    """Return one of some words.

    Raises
    ------
    BadInput
        If it is another.
    """
    if not isinstance(value, str) or value not in choices:
        known = ", ".join(map(repr, choices))
        raise BadInput(f"{what} is one of {known}, got {shown(value)}")
    return value


def whole_of(value: Any, what: str, least: int, most: int) -> int:
    """Return a whole number from ``least`` to ``most``.

    Raises
    ------
    BadInput
        If it is none, true and false included, or lies outside.
    """
    try:
        number = operator.index(value)
    except TypeError:
        raise BadInput(f"{what} is a whole number, got {shown(value)}") from None
    if isinstance(value, (bool, np.bool_)):
        raise BadInput(f"{what} is a whole number, got {value}")
    if not least <= number <= most:
        raise BadInput(f"{what} lies between {least} and {most}, got {shown(number)}")
    return number


def number_of(value: Any, what: str) -> float:
    """Return a finite number.

    Raises
    ------
    BadInput
        If it is none.
    """
    array = numbers_of(value, what)
    if array.shape != ():
        raise BadInput(f"{what} is one number, got {shown(value)}")
    return float(array)


def numbers_of(value: Any, what: str) -> NDArray[np.float64]:
    """Return finite numbers as an array.

    Raises
    ------
    BadInput
        If rows differ in length, something is no number, or one is NaN or infinite.
    """
    array = array_of(value, what)
    if array.dtype.kind not in "uif":
        raise BadInput(f"{what}: numbers are needed, got {shown(value)}")
    numbers = array.astype(np.float64)
    if not np.isfinite(numbers).all():
        raise BadInput(f"{what}: numbers must be finite, got {shown(value)}")
    return numbers


def array_of(value: Any, what: str) -> NDArray[Any]:
    """Return an array of any kind.

    Raises
    ------
    BadInput
        If rows differ in length or it holds more than numbers.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            array = np.asarray(value)
    except (ValueError, TypeError, OverflowError, RuntimeWarning) as error:
        raise BadInput(
            f"{what}: not an array, its rows differ in length or kind: {shown(value)}"
        ) from error
    if array.dtype.kind not in "buifc":
        raise BadInput(f"{what}: not an array of numbers: {shown(value)}")
    return array


def list_of(value: Any, what: str) -> list[Any]:
    """Return a list of anything; a text is no list.

    Raises
    ------
    BadInput
        If it cannot be gone through.
    """
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise BadInput(f"{what} is a list, got {shown(value)}")
    return list(value)


def facts_of(value: Any, what: str) -> dict[str, Any]:
    """Return a dictionary that JSON can hold.

    Raises
    ------
    BadInput
        If it is none.
    """
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadInput(f"{what} holds JSON values only: {error}") from error
    if not isinstance(value, Mapping):
        raise BadInput(f"{what} is a dictionary, got {shown(value)}")
    facts: dict[str, Any] = json.loads(text)
    return facts


def path_of(value: Any, what: str) -> Path:
    """Return the path of a file.

    Raises
    ------
    BadInput
        If it is none, or names no file.
    """
    if not isinstance(value, (str, os.PathLike)) or "\0" in os.fsdecode(value):
        raise BadInput(f"{what} is the path of a file, got {shown(value)}")
    path = Path(os.fsdecode(value))
    if not path.name:
        raise BadInput(f"{what} names no file: {shown(str(path))}")
    return path


def shown(value: Any) -> str:
    """Return a value as a message shows it, cut short."""
    if isinstance(value, np.ndarray) and value.size > 16:
        return f"an array of shape {value.shape} and type {value.dtype}"
    if isinstance(value, int) and abs(value) > 10**20:
        return "a number of more than 20 digits"
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
