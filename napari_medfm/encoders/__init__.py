"""Image encoders: a catalogue of facts, and loaders that build what it names.

A file of this folder whose name does not start with an underscore is a page of the
catalogue: ``ENTRIES``, a tuple of (SPEC, network). Installed packages add theirs
through the entry point group ``napari_medfm.encoders``; a weights file for one of
timm's networks is added with `add`; any torch module is used through `wrap`.
"""

from __future__ import annotations

import pkgutil
import warnings
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from napari_medfm.core.errors import BadInput, MissingWeights
from napari_medfm.core.jobs import Steps
from napari_medfm.core.names import meant
from napari_medfm.core.specs import Encoder, EncoderSpec, VolumeEncoder
from napari_medfm.encoders import _own as own
from napari_medfm.encoders._entry import Entry
from napari_medfm.encoders._network import Network, Weights
from napari_medfm.engine import weights as files

GROUP = "napari_medfm.encoders"
_DEFAULT = "dinov2-small"


def specs(cache_dir: Path | None = None) -> tuple[EncoderSpec, ...]:
    """Return the facts of every encoder, by name."""
    return tuple(entry.spec for entry in _entries(cache_dir).values())


def spec_of(name: str, cache_dir: Path | None = None) -> EncoderSpec:
    """Return the facts of one encoder.

    Raises
    ------
    BadInput
        If there is none of that name, listing the nearest.
    """
    return _entry(name, cache_dir).spec


def load(
    name: str,
    *,
    device: str | None = None,
    cache_dir: Path | None = None,
    offline: bool | None = None,
    weights: Path | None = None,
) -> Encoder:
    """Build an encoder of planes from weights on this machine; never downloads.

    Parameters
    ----------
    device
        "cpu", "cuda", "mps"; if None as preferred, else the best there is.
    cache_dir
        Where `fetch` put the weights; the user's cache folder if None.
    weights
        A weights file, or a folder with one, to use instead.

    Raises
    ------
    MissingWeights
        If there are none, or the model is not public; the message says what to do.
    MissingPackage
        If the model needs a package that is not installed.
    BadFile
        If the file is damaged, or of another model.
    BadInput
        If there is no such encoder, or it reads volumes.
    """
    spec, network = _loadable(name, cache_dir)
    if spec.dimension == 3:
        raise BadInput(
            f"{spec.title} reads volumes, not planes: a session uses it by its name; "
            f"napari_medfm.encoders.load_volume({name!r}) gives its tokens"
        )
    encoder: Encoder = _load(spec, network, weights, cache_dir, device)
    return encoder


def load_volume(
    name: str,
    *,
    device: str | None = None,
    cache_dir: Path | None = None,
    offline: bool | None = None,
    weights: Path | None = None,
) -> VolumeEncoder:
    """Build an encoder of volumes; parameters and errors as for `load`."""
    spec, network = _loadable(name, cache_dir)
    if spec.dimension != 3:
        raise BadInput(f"{spec.title} reads planes: use napari_medfm.encoders.load")
    encoder: VolumeEncoder = _load(spec, network, weights, cache_dir, device)
    return encoder


def fetch(
    name: str, *, cache_dir: Path | None = None, offline: bool | None = None
) -> Steps[Path]:
    """Download an encoder's weights, convert them once and return where they are.

    Raises
    ------
    MissingWeights
        If no source could be reached; the message names each with its reason.
    MissingPackage
        If the model needs a package that is not installed.
    """
    spec, network = _loadable(name, cache_dir)
    return (
        yield from files.fetch(
            spec, cache_dir=cache_dir, offline=offline, convert=network.tensors
        )
    )


def import_file(name: str, path: Path, *, cache_dir: Path | None = None) -> Path:
    """Check a weights file the user has, convert it and keep it in the cache."""
    spec, network = _loadable(name, cache_dir)
    return files.import_file(spec, path, cache_dir=cache_dir, convert=network.tensors)


def add(
    name: str,
    path: Path,
    architecture: str,
    *,
    normalisation: str = "imagenet",
    cache_dir: Path | None = None,
) -> EncoderSpec:
    """Add a model of one's own to the catalogue of this machine, with its weights.

    Parameters
    ----------
    path
        Weights file.
    architecture
        timm's name of the network, such as "vit_small_patch14_dinov2".
    normalisation
        "imagenet", "half" (mean and spread 0.5), "clip" or "none".

    Raises
    ------
    BadInput
        If the name is taken, or timm has no such network.
    BadFile
        If the file does not hold that network's weights.
    """
    if name in _catalogue():
        raise BadInput(f"{name!r} is in the catalogue: give your model another name")
    entry = own.described(name, architecture, normalisation)
    assert entry.network is not None  # noqa: S101  `described` builds one
    files.import_file(
        entry.spec, path, cache_dir=cache_dir, convert=entry.network.tensors
    )
    own.remember(entry, normalisation, cache_dir)
    return entry.spec


def wrap(  # noqa: PLR0913  one keyword per fact
    module: Any,
    *,
    patch: int,
    input_size: int = 224,
    name: str = "own-module",
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406),
    std: tuple[float, float, float] = (0.229, 0.224, 0.225),
    licence: str = "the user's own",
    commercial: bool = True,
    tokens: Callable[[Any], Any] | None = None,
    device: str | None = None,
    trust: bool = False,
) -> Encoder:
    """Use any `torch.nn.Module`, or an exported network, as a session's encoder.

    Parameters
    ----------
    module
        The module, or the path of a TorchScript, ``torch.export`` or ONNX file.
    patch
        Pixels a token.
    input_size
        Pixels along a side it was made for.
    mean, std
        What RGB in [0, 1] is normalised with.
    tokens
        What to call with pictures (n, 3, height, width) instead of the module; it
        answers (n, tokens, dim) or (n, dim, rows, cols).
    trust
        Whether a program file may run, which is with your rights.

    Raises
    ------
    BadInput
        If the answer is no grid of tokens, or a program file is not trusted.
    BadFile
        If the file is no exported network.
    """
    from napari_medfm.encoders._modules import module_encoder, program_encoder

    spec = own.facts(name, patch, input_size, mean, std, (licence, commercial))
    if isinstance(module, (str, Path)):
        return program_encoder(Path(module), spec, trust=trust, device=device)
    return module_encoder(module, spec, device=device, tokens=tokens)


def is_installed(name: str, cache_dir: Path | None = None) -> bool:
    """Whether `load` would find weights."""
    return files.is_here(spec_of(name, cache_dir), cache_dir=cache_dir)


def check_installed(name: str, cache_dir: Path | None = None) -> None:
    """Refuse an encoder that `load` would find no weights of.

    Raises
    ------
    MissingWeights
        If so, with the way to get them.
    """
    files.locate(_loadable(name, cache_dir)[0], cache_dir=cache_dir)


def _load(
    spec: EncoderSpec,
    network: Network,
    weights: Path | None,
    cache_dir: Path | None,
    device: str | None,
) -> Any:
    path = files.locate(spec, weights=weights, cache_dir=cache_dir)
    tensors = network.tensors(path)
    digest = files.weights_hash(path, tensors)
    return network.load(spec, Weights(tensors, digest, path.parent), device)


def _loadable(name: str, cache_dir: Path | None) -> tuple[EncoderSpec, Network]:
    spec, network = _entry(name, cache_dir)
    if network is None:
        raise MissingWeights(f"{spec.title} cannot be loaded here: {spec.absent}")
    return spec, network


def _entry(name: str, cache_dir: Path | None) -> Entry:
    catalogue = _entries(cache_dir)
    if name not in catalogue:
        near = meant(name, [_DEFAULT, *catalogue]) or [_DEFAULT]
        raise BadInput(
            f"There is no encoder {name!r}: did you mean "
            f"{' or '.join(near)}? "
            "`napari-medfm models list` shows all"
        )
    return catalogue[name]


def _entries(cache_dir: Path | None) -> dict[str, Entry]:
    remembered = own.entries(cache_dir)
    if not remembered:
        return _catalogue()
    return dict(sorted({**remembered, **_catalogue()}.items()))


@lru_cache(maxsize=1)
def _catalogue() -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("_"):
            page = import_module(f"{__name__}.{module.name}")
            found |= {entry.spec.name: entry for entry in page.ENTRIES}
    for point in entry_points(group=GROUP):
        try:
            added = point.load().ENTRIES
        except (ImportError, AttributeError) as error:
            warnings.warn(
                f"The encoders of {point.value} are left out: {error}", stacklevel=2
            )
            continue
        found = {entry.spec.name: entry for entry in added} | found
    return dict(sorted(found.items()))
