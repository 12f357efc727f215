"""Names and colours of label values, where a file or its provenance says them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_medfm.core.errors import BadFile
from napari_medfm.readers._guard import reading

_MAX_JSON = 64 * 2**20
_MAX_NAME = 200
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class Named:
    """A class as a file names it."""

    name: str
    colour: str | None = None


def named(name: Any, colour: Any = None) -> Named:
    """Clean what a file says: one line, not too long, a colour only if it is one."""
    text = " ".join(str(name).split())[:_MAX_NAME]
    if isinstance(colour, (list, tuple)) and len(colour) >= 3:
        parts = [min(max(int(part), 0), 255) for part in colour[:3]]
        colour = "#{:02x}{:02x}{:02x}".format(*parts)
    good = isinstance(colour, str) and _COLOUR.fullmatch(colour)
    return Named(text, colour if good else None)


def names_of(path: Path) -> dict[int, Named]:
    """Return the names in a label file, in its header or in the provenance beside it.

    Raises
    ------
    BadFile
        If a provenance file is there and damaged.
    """
    with reading(path):
        found = _in_file(path)
    beside = path.with_name(f"{path.name}.provenance.json")
    if found or not beside.is_file():
        return found
    if beside.stat().st_size > _MAX_JSON:
        raise BadFile(f"{beside.name} is too large to be a provenance file")
    with reading(beside):
        classes = json.loads(beside.read_bytes()).get("classes", [])
        return {
            int(c["value"]): named(c["name"], c.get("colour"))
            for c in classes
            if c["value"]
        }


def _in_file(path: Path) -> dict[int, Named]:
    if path.is_dir():
        from napari_medfm.readers.omezarr import attributes_of

        facts = attributes_of(path).get("image-label", {})
        colours = {
            c.get("label-value"): c.get("rgba") for c in facts.get("colors") or []
        }
        return {
            int(p["label-value"]): named(p["class"], colours.get(p["label-value"]))
            for p in facts.get("properties") or []
            if "class" in p
        }
    if path.name.lower().endswith((".nrrd", ".nhdr")):
        return _segments(path)
    return {}


def _segments(path: Path) -> dict[int, Named]:
    """Return the segments that 3D Slicer writes into a NRRD header."""
    from napari_medfm.readers._nrrdheader import header_of

    pairs = header_of(path).pairs
    found = {}
    for key, name in pairs.items():
        match = re.fullmatch(r"(Segment\d+)_Name", key)
        value = match and pairs.get(f"{match.group(1)}_LabelValue")
        if not match or not value:
            continue
        parts = [float(v) for v in pairs.get(f"{match.group(1)}_Color", "").split()]
        found[int(value)] = named(name, [round(255 * part) for part in parts])
    return found
