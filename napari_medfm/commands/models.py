"""``napari-medfm models list|info|fetch|import``: the models and their weights."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medfm.commands import options
from napari_medfm.commands.say import UsageError, finish, say, size, table
from napari_medfm.core.errors import BadInput, MissingWeights

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from napari_medfm.core.specs import ModelSpec

_DOMAINS = ("general", "pathology", "radiology", "ophthalmology")


def register(commands: options.Commands) -> None:
    """Add the command and its four."""
    parser = commands.add_parser("models", help="list, describe, fetch, import models")
    parser.set_defaults(needs=parser)
    subs = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_list(subs)
    _add_info(subs)
    _add_fetch(subs)
    _add_import(subs)
    for sub in subs.choices.values():
        options.add_common(sub)


def _add_list(subs: options.Commands) -> None:
    parser = subs.add_parser("list", help="one line a model")
    parser.add_argument("--domain", choices=_DOMAINS)
    parser.add_argument(
        "--installed", action="store_true", help="only those whose weights are here"
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run_list)


def _add_info(subs: options.Commands) -> None:
    parser = subs.add_parser("info", help="all that is known of one model")
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
    parser = subs.add_parser("import", help="take weights from a file you have")
    _add_name(parser)
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.set_defaults(run=run_import)


def _add_name(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")


def run_list(args: Namespace) -> int:
    """Print the table of models."""
    from napari_medfm import encoders, segmenters

    rows: list[tuple[str, ModelSpec, bool]] = []
    for kind, folder in (("encoder", encoders), ("segmenter", segmenters)):
        for spec in folder.specs():
            here = folder.is_installed(spec.name, args.cache_dir)
            if args.domain in (None, spec.domain) and (here or not args.installed):
                rows.append((kind, spec, here))
    if args.json:
        say(json.dumps([_facts(*row) for row in rows], indent=1))
        return 0
    header = ("name", "kind", "domain", "download", "licence", "weights")
    table(header, (_row(*row) for row in rows))
    return 0


def _row(kind: str, spec: ModelSpec, here: bool) -> tuple[str, ...]:
    licence = spec.licence.partition(" (")[0]
    licence += "" if spec.commercial else ", not commercial"
    state = "here" if here else "gated" if spec.gated else "-"
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
    sources = facts.pop("sources")
    width = max(map(len, facts))
    for name, value in facts.items():
        if value not in ("", None):
            say(f"{name.replace('_', ' '):{width}}  {_plain(value)}")
    for source in spec.sources:
        digest = f", SHA-256 {source.sha256}" if source.sha256 else ""
        large = f", {size(source.size)}" if source.size else ""
        say(f"{'source':{width}}  {source.kind} {source.ref}{large}{digest}")
    if not sources:
        say(f"{'source':{width}}  only from a file you have: models import")
    return 0


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return str(value)


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
    for spec in encoders.specs():
        if spec.name == name:
            return "encoder", spec, encoders.is_installed(name, cache_dir)
    from difflib import get_close_matches

    known = [s.name for s in (*encoders.specs(), *segmenters.specs())]
    near = get_close_matches(name, known, 3, 0.4) or known
    raise BadInput(f"No model {name!r}: there are {', '.join(near)} (models list)")


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

    kind, spec, here = entry(name, cache_dir)
    if here:
        say(f"{name}: the weights are here already")
        return
    hosts = " or ".join(dict.fromkeys(s.host for s in spec.sources)) or "no known host"
    say(f"{name}: {spec.title}")
    say(f"  download {download_size(spec)} from {hosts}; licence {spec.licence}")
    if ask and not _agreed():
        raise MissingWeights(f"{name} was not fetched: nothing was downloaded")
    if kind == "encoder":
        steps = encoders.fetch(name, cache_dir=cache_dir, offline=offline)
    else:
        steps = segmenters.fetch(name, cache_dir=cache_dir, offline=offline)
    path = finish(steps, f"Fetching {name}")
    say(f"  {size(path.stat().st_size)} in {path}")


def _agreed() -> bool:
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError("Nobody is there to be asked: add --yes to download")
    sys.stdout.write("Download? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def run_import(args: Namespace) -> int:
    """Check a weights file and keep it in the cache."""
    from napari_medfm import encoders, segmenters

    kind, _, _ = entry(args.name, args.cache_dir)
    folder = encoders if kind == "encoder" else segmenters
    path = folder.import_file(args.name, args.file, cache_dir=args.cache_dir)
    say(f"{args.name}: {size(path.stat().st_size)} kept in {path}")
    return 0
