"""Journals of older programs, brought to today's form one schema at a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from napari_medfm.core.errors import BadFile
from napari_medfm.project.layout import SCHEMA

Entries = list[Any]


def migrated(entries: Entries) -> Entries:
    """Return a journal's entries, header first, in today's schema.

    Raises
    ------
    BadFile
        If the schema is unknown, or of a newer program.
    """
    header = entries[0]
    if not isinstance(header, dict) or header.get("kind") != "napari-medfm journal":
        raise BadFile("it does not begin as the journal of a project")
    schema = header.get("schema")
    if type(schema) is not int or not schema >= 1:
        raise BadFile("it does not say which schema it has")
    if schema > SCHEMA:
        raise BadFile(
            f"it was written by {str(header.get('program'))[:60]} (schema {schema}); "
            f"this program reads up to schema {SCHEMA}: update it"
        )
    while schema < SCHEMA:
        try:
            entries = _STEPS[schema](entries)
        except (KeyError, TypeError, ValueError) as error:
            raise BadFile(f"it is not of schema {schema}, as it says") from error
        schema += 1
    return entries


def _from_1(entries: Entries) -> Entries:
    """Schema 1 wrote times as text, and both models in one list."""
    header = dict(entries[0])
    header["encoder"], header["segmenter"] = header.pop("models")
    header["at"] = _seconds(header.pop("created"))
    header["schema"] = 2
    found: Entries = [header]
    for entry in entries[1:]:
        call = dict(entry["call"])
        call["at"] = _seconds(call.pop("time"))
        found.append({**entry, "call": call})
    return found


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


_STEPS: dict[int, Callable[[Entries], Entries]] = {1: _from_1}
