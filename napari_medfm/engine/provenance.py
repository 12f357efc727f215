"""What a written mask says about its own making."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from typing import Any

from napari_medfm.core.image import Image
from napari_medfm.core.labels import Annotation, LabelClass

SCHEMA = 1
_MODEL = {"name", "weights_sha256", "licence", "commercial"}
_HUMAN = {"edited", "imported"}


@cache
def version() -> str:
    """Return the program's name and version."""
    try:
        return f"napari-medfm {metadata.version('napari-medfm')}"
    except metadata.PackageNotFoundError:
        return "napari-medfm (not installed)"


def provenance_of(
    image: Image,
    *,
    annotations: Sequence[Annotation] = (),
    classes: Sequence[LabelClass] = (),
    head: Mapping[str, Any] | None = None,
    content: Mapping[str, Any] | None = None,
    created: datetime | None = None,
) -> dict[str, Any]:
    """Return how a label map of an image came to be, as JSON values.

    Parameters
    ----------
    annotations
        What the user marked on this image.
    classes
        Names of the values.
    head
        Card of the head in use.
    content
        What is written and the facts of its regions, ``{"what": ..., "regions":
        [...]}``. Models and prompts in it, however deep, are also listed on their own.
    created
        Moment of writing; now if None. Give it to get the same bytes again.

    Returns
    -------
    dict
        ``schema, program, created, image, content, models, prompts, annotations, head,
        human_edits, licence_notes``.
    """
    moment = (created or datetime.now(UTC)).astimezone(UTC)
    content = dict(content or {})
    models = models_in({"content": content, "head": head})
    names = {c.value: c.name for c in classes}
    return {
        "schema": SCHEMA,
        "program": version(),
        "created": moment.isoformat(timespec="seconds"),
        "image": _image_facts(image),
        "content": content,
        "models": models,
        "prompts": [v for k, v in _entries(content) if k == "prompt"],
        "annotations": [
            {
                "id": a.id,
                "class": names.get(a.value, str(a.value)),
                "value": a.value,
                "level": a.level,
                "kind": a.kind,
                "pixels": len(a.pixels),
            }
            for a in annotations
        ],
        "head": None if head is None else dict(head),
        "human_edits": sum(
            1 for k, v in _entries(content) if k == "origin" and v in _HUMAN
        ),
        "licence_notes": licence_notes(models),
    }


def licence_notes(models: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what the models' licences ask of whoever uses the file."""
    return [
        f"derived with a non-commercial model: {m['name']} ({m['licence']})"
        for m in models
        if not m["commercial"]
    ]


def _image_facts(image: Image) -> dict[str, Any]:
    return {
        "name": image.name,
        "shape": list(image.shape),
        "dtype": str(image.data.dtype),
        "channel_axis": image.channel_axis,
        "spacing": list(image.spacing),
        "unit": image.metadata.get("unit"),
        "affine": image.affine.tolist(),
        "sha256": image.sha256(),
    }


def models_in(facts: Any) -> list[dict[str, Any]]:
    """Return each model named in nested facts once: name, weights, licence."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for _, value in _entries(facts):
        if isinstance(value, Mapping) and value.keys() >= _MODEL:
            key = (str(value["name"]), str(value["weights_sha256"]))
            found[key] = {name: value[name] for name in sorted(_MODEL)}
    return [found[key] for key in sorted(found)]


def _entries(facts: Any) -> Iterator[tuple[str, Any]]:
    """Yield every key and value of nested dicts and lists, outermost first."""
    if isinstance(facts, Mapping):
        for key, value in facts.items():
            yield str(key), value
            yield from _entries(value)
    elif isinstance(facts, (list, tuple)):
        for item in facts:
            yield from _entries(item)
