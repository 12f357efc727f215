"""What is fuzzed: a file or folder, and what reads it."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Content = bytes | dict[str, bytes]


@dataclass(frozen=True)
class Target:
    """A file, or the files of a folder, and what reads it.

    Parameters
    ----------
    read
        Returns what it found; raises one of `REFUSALS` where it is not usable.
    often
        Of a folder: the parts that are damaged in half of all inputs.
    """

    name: str
    content: Content
    read: Callable[[Any], Any]
    often: tuple[str, ...] = ()


def put(folder, name, content):
    """Write a file, or the files of a folder, and return its path."""
    path = folder / name
    if isinstance(content, bytes):
        path.write_bytes(content)
        return path
    shutil.rmtree(path, ignore_errors=True)
    for relative, part in content.items():
        place = path / relative
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(part)
    return path


def described(content):
    """Return an input as JSON, so that a failure can be kept."""
    if isinstance(content, bytes):
        return json.dumps(content.hex())
    return json.dumps({name: part.hex() for name, part in content.items()})


def restored(text):
    """Return the input of which `described` made a text."""
    told = json.loads(text)
    if isinstance(told, str):
        return bytes.fromhex(told)
    return {name: bytes.fromhex(part) for name, part in told.items()}
