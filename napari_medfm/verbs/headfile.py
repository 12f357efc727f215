"""Head files: arrays and a JSON card in one safetensors file, and nothing else.

Reading one runs no code: the header is JSON, the rest is numbers, and both are checked
before they are used.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard, cast

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadFile
from napari_medfm.core.labels import LabelClass, Level
from napari_medfm.engine.atomic import atomic_bytes
from napari_medfm.engine.features import KINDS
from napari_medfm.engine.projection import Projection
from napari_medfm.engine.tensors import take
from napari_medfm.heads import from_tensors
from napari_medfm.verbs.trained import Expert, TrainedModel

SUFFIX = ".head.safetensors"
SCHEMA = 1
_MAX_HEADER = 8 * 2**20
_MAX_FILE = 2 * 2**30
_MAX_EXPERTS = 16
_MAX_NUMBER = 1e300
_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "U8": "|u1",
}
_NAMES = {np.dtype(text): name for name, text in _DTYPES.items()}


def save_head(path: str | Path, model: TrainedModel) -> Path:
    """Write a model as one file; the same model gives the same bytes.

    Raises
    ------
    WriteFailed
        If the file cannot be written; what was there before is untouched.
    """
    path = Path(path)
    atomic_bytes(path, head_bytes(model))
    return path


def head_bytes(model: TrainedModel) -> bytes:
    """Return the content of a model's file; the same model gives the same bytes."""
    return _dump(model.tensors(), _description(model))


def read_head(path: str | Path) -> TrainedModel:
    """Read a model that `save_head` wrote.

    Raises
    ------
    BadFile
        If it is anything else: another format, damaged, hostile, or of a newer program.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if not 8 < size <= _MAX_FILE:
            raise BadFile(f"it has {size} bytes, which no head has")
        tensors, description = _load(path.read_bytes())
        return _model(tensors, description)
    except OSError as error:
        reason = error.strerror or str(error)
        raise BadFile(f"Cannot read the head {path}: {reason}") from error
    except BadFile as error:
        raise BadFile(
            f"{path} is not a head file of this program: {error}. Export the head "
            f"again as NAME{SUFFIX}"
        ) from error


def _description(model: TrainedModel) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "kind": "napari-medfm head",
        "recipe": model.recipe,
        "level": model.level,
        "classes": [
            {"name": c.name, "value": c.value, "colour": c.colour}
            for c in model.classes
        ],
        "experts": [
            {"features": e.kind, "head": e.head.spec.name, "weight": e.weight}
            for e in model.experts
        ],
        "smoothing": model.smoothing,
        "card": model.card,
    }


def _dump(tensors: Mapping[str, NDArray[Any]], description: dict[str, Any]) -> bytes:
    header: dict[str, Any] = {
        "__metadata__": {"napari-medfm": json.dumps(description, allow_nan=False)}
    }
    body, position = [], 0
    for name in sorted(tensors, key=lambda n: (-tensors[n].itemsize, n)):
        array = np.ascontiguousarray(tensors[name])
        header[name] = {
            "dtype": _NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [position, position + array.nbytes],
        }
        body.append(array.tobytes())
        position += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + b"".join(body)


def _load(content: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Take a safetensors file apart, trusting none of its numbers."""
    length = int.from_bytes(content[:8], "little")
    if length > min(_MAX_HEADER, len(content) - 8):
        raise BadFile("it does not begin as a safetensors file")
    header = _json(content[8 : 8 + length])
    metadata = header.pop("__metadata__", None)
    text = metadata.get("napari-medfm") if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        raise BadFile("it carries no card")
    body = memoryview(content)[8 + length :]
    tensors, end = {}, 0
    for name, entry in header.items():
        tensors[name], end = _tensor(name, entry, body, end)
    if end != len(body):
        raise BadFile("bytes follow its last tensor")
    return tensors, _json(text.encode(errors="replace"))


def _json(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text, parse_constant=_refuse, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise BadFile("its header is not JSON") from error
    if not isinstance(found, dict):
        raise BadFile("its header is not a JSON object")
    return found


def _refuse(text: str) -> float:
    raise ValueError(f"{text} is not a number here")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a name occurs twice")
    return dict(pairs)


def _tensor(
    name: str, entry: Any, body: memoryview, start: int
) -> tuple[NDArray[Any], int]:
    """Read one tensor; they follow one another without gaps, as safetensors wants."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise BadFile(f"the entry of {name[:40]!r} is malformed")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    whole = _whole(shape) and _whole(offsets) and len(offsets) == 2 and len(shape) <= 4
    if not whole or not isinstance(dtype, str) or dtype not in _DTYPES:
        raise BadFile(f"the entry of {name[:40]!r} is malformed")
    kind = np.dtype(_DTYPES[dtype])
    stop = start + math.prod(shape) * kind.itemsize
    if offsets != [start, stop] or stop > len(body):
        raise BadFile(f"the tensor {name[:40]!r} does not lie where it should")
    return np.frombuffer(body[start:stop], kind).reshape(shape), stop


def _whole(values: Any) -> bool:
    return isinstance(values, list) and all(
        type(value) is int and 0 <= value < 2**40 for value in values
    )


def _model(tensors: dict[str, NDArray[Any]], described: dict[str, Any]) -> TrainedModel:
    if described.get("kind") != "napari-medfm head":
        raise BadFile("its card is not that of a head")
    if described.get("schema") != SCHEMA:
        raise BadFile(
            f"its schema is {str(described.get('schema'))[:20]}, this program reads "
            f"{SCHEMA}: update the program"
        )
    classes = _classes(described.get("classes"))
    listed = described.get("experts")
    if not isinstance(listed, list) or not 1 <= len(listed) <= _MAX_EXPERTS:
        raise BadFile("its card lists no experts")
    bias = take(tensors, "bias", "float64", (len(classes),))
    known = (
        take(tensors, "known", "float16", (None, None)) if "known" in tensors else None
    )
    experts, used = [], {"bias"} | ({"known"} & set(tensors))
    for number, entry in enumerate(listed):
        prefix = f"expert{number}."
        own = {
            n.removeprefix(prefix): t
            for n, t in tensors.items()
            if n.startswith(prefix)
        }
        used |= {prefix + name for name in own}
        experts.append(_expert(entry, own, classes))
    if used != set(tensors):
        raise BadFile("it holds tensors that belong to no expert")
    recipe, card = described.get("recipe"), described.get("card")
    if not isinstance(recipe, str) or not _is_card(card):
        raise BadFile("its card is incomplete")
    return TrainedModel(
        recipe=recipe,
        classes=classes,
        experts=tuple(experts),
        bias=tuple(bias.tolist()),
        smoothing=_number(described.get("smoothing"), 0, 100),
        card=card,
        level=_level(str(described.get("level", "pixel")), experts),
        known=known,
    )


def _is_card(card: Any) -> TypeGuard[dict[str, Any]]:
    """Whether the parts of a card that are used have the form they are used in."""
    if not isinstance(card, dict):
        return False
    encoder, validation = card.get("encoder", {}), card.get("validation") or {}
    taught, biases = card.get("annotations", []), card.get("image_biases", {})
    tables = isinstance(encoder, dict) and isinstance(validation, dict)
    if not tables or not isinstance(taught, list) or not isinstance(biases, dict):
        return False
    return (
        isinstance(encoder.get("name", ""), str)
        and _are_numbers(validation.get("losses") or {})
        and all(
            isinstance(one, dict)
            and isinstance(one.get("image"), str)
            and type(one.get("id")) is int
            for one in taught
        )
        and all(
            _are_numbers(one) and all(re.fullmatch(r"\d{1,5}", value) for value in one)
            for one in biases.values()
        )
    )


def _are_numbers(table: Any) -> bool:
    return isinstance(table, dict) and all(
        type(value) in (int, float) and abs(value) < _MAX_NUMBER
        for value in table.values()
    )


def _level(level: str, experts: Sequence[Expert]) -> Level:
    """Check that the experts see what a head of this level is about."""
    own = {"object": "object", "bag": "image"}
    levels = {own.get(expert.kind, "pixel") for expert in experts}
    if {level} != levels:
        raise BadFile("its level does not fit its experts")
    return cast("Level", level)


def _classes(listed: Any) -> tuple[LabelClass, ...]:
    if not isinstance(listed, list) or len(listed) < 2:
        raise BadFile("its card lists fewer than two classes")
    found = []
    for entry in listed:
        if not isinstance(entry, dict) or set(entry) != {"name", "value", "colour"}:
            raise BadFile("its card lists a class wrongly")
        name, value, colour = entry["name"], entry["value"], entry["colour"]
        strings = isinstance(name, str) and isinstance(colour, str)
        if not strings or type(value) is not int or not 0 <= value <= 65535:
            raise BadFile("its card lists a class wrongly")
        found.append(LabelClass(name, value, colour))
    values = [c.value for c in found]
    if values != sorted(set(values)):
        raise BadFile("its classes are not in the order of their values")
    return tuple(found)


def _expert(
    entry: Any, tensors: dict[str, NDArray[Any]], classes: tuple[LabelClass, ...]
) -> Expert:
    if not isinstance(entry, dict) or set(entry) != {"features", "head", "weight"}:
        raise BadFile("its card lists an expert wrongly")
    kind, name = entry["features"], entry["head"]
    if kind not in KINDS or not isinstance(name, str):
        raise BadFile("its card lists an expert wrongly")
    projection = _projection(tensors) if kind == "blend" else None
    head = from_tensors(name, tensors)
    if head.classes_.tolist() != [c.value for c in classes]:
        raise BadFile("an expert knows other classes than the card")
    if projection is not None and head.width <= projection.axes.shape[1]:
        raise BadFile("its projection does not fit its head")
    return Expert(kind, head, _number(entry["weight"], 0, 1000), projection)


def _projection(tensors: dict[str, NDArray[Any]]) -> Projection:
    """Take the projection out of an expert's tensors."""
    axes = take(tensors, "projection.axes", "float32", (None, None))
    mean = take(tensors, "projection.mean", "float32", (len(axes),))
    del tensors["projection.axes"], tensors["projection.mean"]
    return Projection(mean, axes)


def _number(value: Any, low: float, high: float) -> float:
    if type(value) not in (int, float) or not low <= value <= high:
        raise BadFile("its card holds a number out of range")
    return float(value)
