"""``project.json``: what other programs, and a quick look, need to know.

The journal alone says everything; these are its consequences at the last save, and
where the images were found then.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_medfm.core.errors import BadFile
from napari_medfm.core.forms import loads
from napari_medfm.project.layout import FACTS, labels_path
from napari_medfm.project.references import Reference, reference_of

_LARGEST = 64 * 2**20
_TYPES = {"uint8", "uint16"}


@dataclass(frozen=True)
class Facts:
    """What the last save says.

    Parameters
    ----------
    entries
        Lines of the journal then, the header included; None if it cannot be told.
    images
        References by digest.
    labels
        Digest, shape and type of each image's label map.
    models
        Facts of encoder and segmenter, with their weights' hashes where known.
    """

    entries: int | None = None
    images: Mapping[str, Reference] = field(default_factory=dict)
    labels: Mapping[str, tuple[str, tuple[int, ...], str]] = field(default_factory=dict)
    models: Mapping[str, Any] = field(default_factory=dict)


def read_facts(folder: Path, notes: list[str]) -> Facts:
    """Read ``project.json``; what is wrong with it is noted, and left out."""
    path = folder / FACTS
    try:
        if path.is_symlink() or not path.is_file():
            raise BadFile("it is missing, or no plain file")
        if path.stat().st_size > _LARGEST:
            raise BadFile("it is too large")
        told = loads(path.read_bytes())
        return _facts(folder, told)
    except (BadFile, OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        notes.append(
            f"{FACTS} could not be used ({error}); everything was read from the journal"
        )
        return Facts()


def _facts(folder: Path, told: Any) -> Facts:
    if told.get("kind") != "napari-medfm project":
        raise BadFile("it is not about a project")
    entries = told["entries"]
    if type(entries) is not int or not 0 < entries < 2**53:
        raise BadFile("it counts no lines")
    references = [reference_of(form) for form in told["images"].values()]
    labels = {}
    for name, item in told["labels"].items():
        shape = tuple(item["shape"])
        labels_path(folder, item["sha256"])
        whole = all(type(n) is int and 0 < n < 2**34 for n in shape)
        if not whole or math.prod(shape) > 2**34 or item["dtype"] not in _TYPES:
            raise BadFile("it describes a label map wrongly")
        labels[name] = (item["sha256"], shape, item["dtype"])
    models = told["models"]
    if not isinstance(models, dict):
        raise BadFile("it names no models")
    return Facts(entries, {r.digest: r for r in references}, labels, models)
