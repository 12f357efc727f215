"""``napari-medfm inspect``: what a head, image or provenance file says of itself.

Nothing in the file is ever run.
"""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

from napari_medfm.commands import options
from napari_medfm.commands.say import say, size
from napari_medfm.core.errors import BadFile

_MAX_JSON = 64 * 2**20
_LONG = 12


def register(commands: options.Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "inspect",
        help="show what a head, an image or a mask says of itself",
        description="Show the card of a head, the facts of an image, or the "
        "provenance of a mask. Nothing in the file is ever run.",
    )
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--json", action="store_true", help="all of it, for programs")
    parser.set_defaults(run=run)


def run(args: Namespace) -> int:
    """Print the facts."""
    facts = facts_of(args.file)
    if args.json:
        say(json.dumps(facts, indent=1))
    else:
        _show(facts)
    return 0


def facts_of(path: Path) -> dict[str, Any]:
    """Return what a file says of itself, as JSON values.

    Raises
    ------
    BadFile
        If it is missing, damaged, or of no kind that this program reads.
    """
    if not path.exists():
        raise BadFile(f"{path} does not exist")
    facts: dict[str, Any] = {"file": str(path)}
    if path.is_file():
        facts["size"] = size(path.stat().st_size)
    if path.name.endswith(".safetensors"):
        return {**facts, **_head(path)}
    if path.suffix == ".json":
        return {**facts, "kind": "provenance", **_provenance(path)}
    facts |= _image(path)
    beside = path.with_name(path.name + ".provenance.json")
    if beside.is_file():
        facts["provenance"] = _provenance(beside)
    return facts


def _head(path: Path) -> dict[str, Any]:
    from napari_medfm.verbs.headfile import read_head

    model = read_head(path)
    return {
        "kind": "head",
        "recipe": model.recipe,
        "classes": {c.name: c.value for c in model.classes},
        "experts": [
            {"features": e.kind, "head": e.head.spec.name, "weight": e.weight}
            for e in model.experts
        ],
        **model.card,
    }


def _image(path: Path) -> dict[str, Any]:
    from napari_medfm.engine.intake import image_of
    from napari_medfm.readers import read_image

    loaded = read_image(path)
    image = image_of(
        loaded.data,
        path.name,
        spacing=loaded.spacing if loaded.affine is None else None,
        affine=loaded.affine,
        channel_axis=loaded.channel_axis,
    )
    channel = image.channel_axis
    return {
        "kind": "image" if image.ndim == 2 else "volume",
        "shape": list(image.shape),
        "channels": 1 if channel is None else int(image.data.shape[channel]),
        "dtype": str(image.data.dtype),
        "spacing": list(image.spacing),
        "affine": image.affine.tolist(),
        "intensity_window": [list(pair) for pair in image.window],
        "levels": [list(level.shape) for level in loaded.levels],
        **{name: _plain(value) for name, value in loaded.metadata.items()},
    }


def _plain(value: Any) -> Any:
    kept = isinstance(value, (str, int, float, bool, list, dict, type(None)))
    return value if kept else str(value)


def _provenance(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAX_JSON:
            raise BadFile(f"{path} is too large to be a provenance file")
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadFile(f"{path} cannot be read as provenance: {error}") from error
    if not isinstance(found, dict):
        raise BadFile(f"{path} is JSON, but not a provenance file")
    return found


def _show(facts: dict[str, Any], indent: str = "") -> None:
    """Print nested facts, long lists as their length."""
    width = max((len(name) for name in facts), default=0)
    for name, value in facts.items():
        if value in ("", None, [], {}):
            continue
        title = f"{indent}{str(name).replace('_', ' '):{width}}"
        if isinstance(value, dict):
            say(title.rstrip())
            _show(value, indent + "  ")
        else:
            say(f"{title}  {_short(value)}")


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        lines = [json.dumps(item) for item in value]
        return f"{len(lines)}: " + "; ".join(lines)[:200]
    if isinstance(value, list) and len(value) > _LONG:
        return f"{len(value)} values: {', '.join(map(_short, value[:_LONG]))}, ..."
    if isinstance(value, list):
        return ", ".join(map(_short, value))
    return str(value)
