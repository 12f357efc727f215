"""``napari-medfm models list|info|fetch|import|export|add``: models and weights."""

from __future__ import annotations

import json
import textwrap
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medfm.commands import options
from napari_medfm.commands.say import agreed, finish, say, size, table
from napari_medfm.core.errors import BadInput, MissingWeights
from napari_medfm.engine.weights import way_out

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from napari_medfm.core.specs import ModelSpec

_DOMAINS = ("general", "pathology", "radiology", "ophthalmology")
_TASKS = ("features", "text", "slide", "masks")


def register(commands: options.Commands) -> None:
    """Add the command and its own."""
    parser = commands.add_parser("models", help="list, describe, fetch, import models")
    parser.set_defaults(needs=parser)
    subs = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_list(subs)
    _add_info(subs)
    _add_fetch(subs)
    _add_import(subs)
    _add_export(subs)
    _add_add(subs)
    for sub in subs.choices.values():
        options.add_common(sub)


def _add_list(subs: options.Commands) -> None:
    parser = subs.add_parser("list", help="one line a model")
    parser.add_argument("--domain", choices=_DOMAINS)
    parser.add_argument("--task", choices=_TASKS, help="what it answers")
    parser.add_argument("--licence", metavar="NAME", help="such as MIT, Apache-2.0")
    parser.add_argument(
        "--commercial", action="store_true", help="only where the licence allows it"
    )
    parser.add_argument(
        "--open", action="store_true", help="only those that ask for no access"
    )
    parser.add_argument(
        "--loadable", action="store_true", help="only those that can be loaded here"
    )
    parser.add_argument(
        "--max-mb", type=float, metavar="MB", help="only downloads up to this size"
    )
    parser.add_argument(
        "--installed", action="store_true", help="only those whose weights are here"
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run_list)


def _add_info(subs: options.Commands) -> None:
    parser = subs.add_parser("info", help="a card of one model")
    _add_name(parser)
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run_info)


def _add_fetch(subs: options.Commands) -> None:
    parser = subs.add_parser("fetch", help="download a model's weights, after asking")
    _add_name(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    options.add_offline(parser)
    parser.set_defaults(run=run_fetch)


def _add_import(subs: options.Commands) -> None:
    parser = subs.add_parser(
        "import", help="take weights from a file you have, or from a bundle"
    )
    parser.add_argument("name", metavar="NAME|BUNDLE")
    parser.add_argument("file", type=Path, metavar="FILE", nargs="?")
    parser.set_defaults(run=run_import)


def _add_export(subs: options.Commands) -> None:
    parser = subs.add_parser(
        "export", help="pack weights that are here for a machine without a network"
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE.tar")
    parser.add_argument("names", nargs="*", metavar="NAME", help="all if none is named")
    parser.set_defaults(run=run_export)


def _add_add(subs: options.Commands) -> None:
    parser = subs.add_parser("add", help="add an encoder of your own")
    _add_name(parser)
    parser.add_argument("file", type=Path, metavar="FILE", help="its weights")
    parser.add_argument(
        "--architecture",
        required=True,
        metavar="TIMM",
        help="timm's name of the network, such as vit_small_patch14_dinov2",
    )
    parser.add_argument(
        "--normalisation",
        choices=("imagenet", "half", "clip", "none"),
        default="imagenet",
    )
    parser.set_defaults(run=run_add)


def _add_name(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")


def run_list(args: Namespace) -> int:
    """Print the table of models."""
    from napari_medfm.verbs.choosing import listed

    wanted = {
        "domain": args.domain,
        "task": args.task,
        "licence": args.licence,
        "commercial": args.commercial or None,
        "gated": False if args.open else None,
        "loadable": args.loadable or None,
        "installed": args.installed or None,
        "max_size": None if args.max_mb is None else args.max_mb * 1e6,
    }
    found = [(m.kind, m.spec, m.here) for m in listed(args.cache_dir, **wanted)]
    if args.json:
        say(json.dumps([_facts(*row) for row in found], indent=1))
        return 0
    header = ("name", "kind", "domain", "download", "licence", "weights")
    table(header, (_row(*row) for row in found))
    return 0


def _row(kind: str, spec: ModelSpec, here: bool) -> tuple[str, ...]:
    licence = spec.licence.partition(" (")[0]
    licence += "" if spec.commercial else ", not commercial"
    states = {"no": spec.absent, "here": here, "gated": spec.gated, "-": True}
    state = next(name for name, holds in states.items() if holds)
    return (spec.name, kind, spec.domain, download_size(spec), licence, state)


def download_size(spec: ModelSpec) -> str:
    """Say how large a model's download is; "-" where that is not known."""
    known = [source.size for source in spec.sources if source.size]
    return size(max(known)) if known else "-"


def _facts(kind: str, spec: ModelSpec, here: bool) -> dict[str, Any]:
    facts = {"kind": kind, "installed": here, **asdict(spec)}
    return {
        name: sorted(value) if isinstance(value, frozenset) else value
        for name, value in facts.items()
    }


def run_info(args: Namespace) -> int:
    """Print one model's facts."""
    kind, spec, here = entry(args.name, args.cache_dir)
    facts = _facts(kind, spec, here)
    if args.json:
        say(json.dumps(facts, indent=1))
        return 0
    for line in _card(kind, spec, here):
        say(line)
    return 0


def _card(kind: str, spec: ModelSpec, here: bool) -> Iterator[str]:
    """Yield a card: what it is for first, then what may be done with it, then facts."""
    yield f"{spec.title}  ({spec.name}, {kind}, {spec.domain})"
    yield ""
    yield spec.intended_use
    yield ""
    for name, value in _sections(spec, here):
        first, *rest = textwrap.wrap(value, 66) or [""]
        yield f"{name:14}  {first}"
        yield from (f"{'':16}{line}" for line in rest)


def _sections(spec: ModelSpec, here: bool) -> Iterator[tuple[str, str]]:
    use = "allowed" if spec.commercial else "NOT for commercial use"
    yield "licence", f"{spec.licence}; commercial use: {use}"
    if spec.absent:
        yield "cannot load", spec.absent
    elif here:
        yield "weights", "on this machine"
    else:
        yield "weights", f"not here. {way_out(spec)}"
    if spec.gated:
        yield "access", f"asked for at {spec.page}"
    millions = f", {spec.parameters} million parameters" if spec.parameters else ""
    yield "network", f"{spec.architecture}{millions}"
    yield from _details(spec)
    for source in spec.sources:
        digest = f", SHA-256 {source.sha256}" if source.sha256 else ""
        large = f", {size(source.size)}" if source.size else ""
        yield "source", f"{source.kind} {source.ref}{large}{digest}"
    if spec.needs:
        yield "needs", ", ".join(spec.needs)
    if spec.page:
        yield "page", spec.page
    checked = "checked" if spec.verified else "NOT checked"
    yield "facts", f"{checked} against its own code or card. {spec.notes}"


def _details(spec: ModelSpec) -> Iterator[tuple[str, str]]:
    from napari_medfm.core.specs import EncoderSpec, SegmenterSpec

    if spec.input_size:
        yield "input", f"made for {spec.input_size} pixels a side"
    if isinstance(spec, SegmenterSpec):
        yield "prompts", ", ".join(sorted(spec.prompts))
    if isinstance(spec, EncoderSpec) and spec.patch:
        yield "tokens", f"one for {spec.patch} pixels, {spec.dim} numbers"
        if spec.mpp:
            yield "scale", f"{spec.mpp} microns a pixel"
        if spec.joint:
            yield "texts", f"a space of {spec.joint} numbers shared with texts"


def entry(name: str, cache_dir: Path | None) -> tuple[str, ModelSpec, bool]:
    """Return kind, facts and whether the weights are here.

    Raises
    ------
    BadInput
        If there is no such model, listing those near.
    """
    from napari_medfm import encoders, segmenters

    spec: ModelSpec
    for spec in segmenters.specs():
        if spec.name == name:
            return "segmenter", spec, segmenters.is_installed(name, cache_dir)
    for spec in encoders.specs(cache_dir):
        if spec.name == name:
            return "encoder", spec, encoders.is_installed(name, cache_dir)
    from difflib import get_close_matches

    known = [s.name for s in (*encoders.specs(), *segmenters.specs())]
    near = get_close_matches(name, known, 3)
    meant = f"did you mean {', '.join(near)}? " if near else ""
    raise BadInput(
        f"There is no model {name!r}: {meant}`napari-medfm models list` shows all"
    )


def run_fetch(args: Namespace) -> int:
    """Say what, how large and from where; ask; download."""
    fetch(args.name, args.cache_dir, args.offline, ask=not args.yes)
    return 0


def fetch(
    name: str, cache_dir: Path | None, offline: bool | None, *, ask: bool
) -> None:
    """Fetch a model's weights unless they are here, telling the user about it.

    Raises
    ------
    UsageError
        If the user must be asked but nobody can answer.
    MissingWeights
        If offline, refused, or no source could be reached.
    """
    from napari_medfm import encoders, segmenters
    from napari_medfm.engine.fetching import hosts_of

    kind, spec, here = entry(name, cache_dir)
    if here:
        say(f"{name}: the weights are here already")
        return
    hosts = hosts_of(spec) or "no known host"
    say(f"{name}: {spec.title}")
    say(f"  download {download_size(spec)} from {hosts}; licence {spec.licence}")
    if ask and not agreed("Download?", "to download"):
        raise MissingWeights(f"{name} was not fetched: nothing was downloaded")
    if kind == "encoder":
        steps = encoders.fetch(name, cache_dir=cache_dir, offline=offline)
    else:
        steps = segmenters.fetch(name, cache_dir=cache_dir, offline=offline)
    path = finish(steps, f"Fetching {name}")
    say(f"  {size(path.stat().st_size)} in {path}")


def run_import(args: Namespace) -> int:
    """Check a weights file, or a bundle of them, and keep it in the cache."""
    from napari_medfm import encoders, segmenters

    if args.file is None:
        return _import_bundle(Path(args.name), args.cache_dir)
    kind, _, _ = entry(args.name, args.cache_dir)
    folder = encoders if kind == "encoder" else segmenters
    path = folder.import_file(args.name, args.file, cache_dir=args.cache_dir)
    say(f"{args.name}: {size(path.stat().st_size)} kept in {path}")
    return 0


def _import_bundle(path: Path, cache_dir: Path | None) -> int:
    from napari_medfm.engine.bundles import read_bundle
    from napari_medfm.engine.weights import cache_folder

    models = finish(read_bundle(path, cache_folder(cache_dir)), "Unpacking")
    say(f"taken from {path}: {', '.join(models)}")
    return 0


def run_export(args: Namespace) -> int:
    """Pack weights of the cache into one file."""
    from napari_medfm.engine.bundles import write_bundle
    from napari_medfm.engine.weights import cache_folder

    cache = cache_folder(args.cache_dir)
    names = args.names or sorted(
        folder.parent.name for folder in cache.glob("weights/*/model.safetensors")
    )
    if not names:
        raise MissingWeights(f"{cache} holds no weights: fetch or import some first")
    for name in names:
        spec = entry(name, args.cache_dir)[1]
        terms = "" if spec.commercial else ", not for commercial use"
        say(f"  {name}: licence {spec.licence}{terms}")
    path = finish(write_bundle(cache, names, args.bundle), "Packing")
    say(f"{size(path.stat().st_size)} in {path}: each licence goes with its weights")
    say(f"there: napari-medfm models import {path.name}")
    return 0


def run_add(args: Namespace) -> int:
    """Add an encoder of the user's own, with its weights."""
    from napari_medfm import encoders

    spec = encoders.add(
        args.name,
        args.file,
        args.architecture,
        normalisation=args.normalisation,
        cache_dir=args.cache_dir,
    )
    say(f"{spec.name}: {spec.dim} numbers for {spec.patch} pixels; --encoder knows it")
    return 0
