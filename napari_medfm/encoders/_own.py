"""Models that the user added: a name, a network of timm's, weights in the cache."""

from __future__ import annotations

import json
import re
from pathlib import Path

from napari_medfm.core.errors import BadInput
from napari_medfm.core.specs import EncoderSpec
from napari_medfm.encoders._entry import CLIP, HALF, PLAIN, Entry, Facts, quarters, use
from napari_medfm.encoders._timm import Timm
from napari_medfm.engine.atomic import atomic_bytes
from napari_medfm.engine.weights import cache_folder

NORMALISATIONS: dict[str, Facts] = {
    "imagenet": {},
    "half": HALF,
    "clip": CLIP,
    "none": PLAIN,
}
_FOLDER = "own-models"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,60}")
_LARGEST = 1 << 16
_DAMAGED = (OSError, ValueError, LookupError, TypeError, RecursionError, OverflowError)
_SHAPE = ("patch", "input_size", "dim", "prefix_tokens", "blocks")


def facts(
    name: str,
    patch: int,
    input_size: int,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
    terms: tuple[str, bool],
) -> EncoderSpec:
    """Describe a module of the user's own; its width is found when it is tried."""
    return EncoderSpec(
        name=name,
        title=name,
        domain="general",
        architecture="the user's own",
        input_size=input_size,
        patch=patch,
        dim=0,
        prefix_tokens=0,
        blocks=(-1,),
        mean=mean,
        std=std,
        licence=terms[0],
        commercial=terms[1],
        intended_use=use("What its maker says"),
    )


def described(name: str, architecture: str, normalisation: str) -> Entry:
    """Describe a vision transformer of timm's by what timm builds.

    Raises
    ------
    BadInput
        If the name or the normalisation is not usable, or timm has no such network.
    """
    if not _NAME.fullmatch(name):
        raise BadInput(
            f"{name!r} cannot name a model: use small letters, digits, '-', '_', '.'"
        )
    if normalisation not in NORMALISATIONS:
        raise BadInput(f"Normalisations are {', '.join(NORMALISATIONS)}")
    return _entry(name, architecture, normalisation, _shape(Timm(architecture)))


def _entry(name: str, architecture: str, normalisation: str, shape: Facts) -> Entry:
    spec = EncoderSpec(
        name=name,
        title=name,
        domain="general",
        architecture=architecture,
        licence="as its maker says",
        commercial=False,
        intended_use=use("What its maker says"),
        **{
            "patch": int(shape["patch"]),
            "input_size": int(shape["input_size"]),
            "dim": int(shape["dim"]),
            "prefix_tokens": int(shape["prefix_tokens"]),
            "blocks": tuple(int(block) for block in shape["blocks"]),
            **NORMALISATIONS[normalisation],
        },
    )
    return Entry(spec, Timm(architecture))


def _shape(network: Timm) -> Facts:
    import torch

    try:
        with torch.device("meta"):
            model = network.build()
        patch = model.patch_embed.patch_size[0]
        side = model.patch_embed.img_size[0]
        depth, dim = len(model.blocks), model.embed_dim
        prefix = model.num_prefix_tokens
    except (RuntimeError, TypeError, AttributeError) as error:
        raise BadInput(
            f"{network.architecture!r} is no vision transformer of timm's ({error}): "
            "such a model is used in Python with napari_medfm.encoders.wrap"
        ) from error
    return {
        "patch": patch,
        "input_size": side,
        "dim": dim,
        "prefix_tokens": prefix,
        "blocks": quarters(depth) if depth >= 4 else (depth - 1,),
    }


def remember(entry: Entry, normalisation: str, cache_dir: Path | None) -> None:
    """Write down what `entries` needs."""
    spec = entry.spec
    told = {
        "architecture": spec.architecture,
        "normalisation": normalisation,
        **{key: getattr(spec, key) for key in _SHAPE},
    }
    path = cache_folder(cache_dir) / _FOLDER / f"{spec.name}.json"
    atomic_bytes(path, json.dumps(told).encode())


def entries(cache_dir: Path | None) -> dict[str, Entry]:
    """Return the models that were added; files that are no such notes are left out."""
    folder = cache_folder(cache_dir) / _FOLDER
    found: dict[str, Entry] = {}
    try:
        paths = sorted(folder.glob("*.json")) if folder.is_dir() else []
    except OSError:  # a cache of somebody else's
        return found
    for path in paths:
        try:
            if path.stat().st_size > _LARGEST or not _NAME.fullmatch(path.stem):
                continue
            told = json.loads(path.read_text(encoding="utf-8"))
            kind = told["normalisation"]
            found[path.stem] = _entry(path.stem, str(told["architecture"]), kind, told)
        except _DAMAGED:
            continue
    return found
