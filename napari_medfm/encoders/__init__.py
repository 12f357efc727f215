"""Image encoders: one file, one SPEC, one family.

A file of this folder whose name does not start with an underscore adds an encoder. It
has a ``SPEC`` (an `EncoderSpec`) and a ``MODEL`` that reads weights and builds it.
"""

from __future__ import annotations

import pkgutil
from difflib import get_close_matches
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from napari_medfm.core.errors import BadInput
from napari_medfm.core.jobs import Steps
from napari_medfm.core.specs import Encoder, EncoderSpec
from napari_medfm.engine import weights as files

if TYPE_CHECKING:
    from torch import Tensor


class Family(Protocol):
    """What a file's ``MODEL`` offers."""

    def tensors(self, path: Path) -> dict[str, Tensor]:
        """Read a weights file of any layout the model is published in, and check it."""

    def load(
        self,
        spec: EncoderSpec,
        tensors: dict[str, Tensor],
        weights_hash: str,
        device: str | None,
    ) -> Encoder:
        """Build the encoder."""


def specs() -> tuple[EncoderSpec, ...]:
    """Return the facts of every encoder, by name."""
    return tuple(spec for spec, _ in _catalogue().values())


def spec_of(name: str) -> EncoderSpec:
    """Return the facts of one encoder.

    Raises
    ------
    BadInput
        If there is none of that name, listing the nearest.
    """
    return _entry(name)[0]


def load(
    name: str,
    *,
    device: str | None = None,
    cache_dir: Path | None = None,
    offline: bool | None = None,
    weights: Path | None = None,
) -> Encoder:
    """Build an encoder from weights that are on this machine; never downloads.

    Parameters
    ----------
    device
        "cpu", "cuda", "mps"; the best there is if None.
    cache_dir
        Where `fetch` put the weights; the user's cache folder if None.
    weights
        A weights file, or a folder with one, to use instead.

    Raises
    ------
    MissingWeights
        If there are none; the message says how to get them.
    BadFile
        If the file is damaged, or of another model.
    """
    spec, model = _entry(name)
    path = files.locate(spec, weights=weights, cache_dir=cache_dir)
    tensors = model.tensors(path)
    digest = files.weights_hash(path, tensors)
    return model.load(spec, tensors, digest, device)


def fetch(
    name: str, *, cache_dir: Path | None = None, offline: bool | None = None
) -> Steps[Path]:
    """Download an encoder's weights, convert them once and return where they are.

    Raises
    ------
    MissingWeights
        If no source could be reached; the message names each with its reason.
    """
    spec, model = _entry(name)
    return (
        yield from files.fetch(
            spec, cache_dir=cache_dir, offline=offline, convert=model.tensors
        )
    )


def import_file(name: str, path: Path, *, cache_dir: Path | None = None) -> Path:
    """Check a weights file the user has, convert it and keep it in the cache."""
    spec, model = _entry(name)
    return files.import_file(spec, path, cache_dir=cache_dir, convert=model.tensors)


def is_installed(name: str, cache_dir: Path | None = None) -> bool:
    """Whether `load` would find weights."""
    return files.is_here(spec_of(name), cache_dir=cache_dir)


def _entry(name: str) -> tuple[EncoderSpec, Family]:
    catalogue = _catalogue()
    if name not in catalogue:
        near = get_close_matches(name, catalogue, n=3, cutoff=0.4) or list(catalogue)
        raise BadInput(
            f"There is no encoder {name!r}: did you mean {' or '.join(near)}? "
            "`napari-medfm models list` shows all"
        )
    return catalogue[name]


@lru_cache(maxsize=1)
def _catalogue() -> dict[str, tuple[EncoderSpec, Family]]:
    found = {}
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("_"):
            plugin = import_module(f"{__name__}.{module.name}")
            found[plugin.SPEC.name] = (plugin.SPEC, plugin.MODEL)
    return dict(sorted(found.items()))
