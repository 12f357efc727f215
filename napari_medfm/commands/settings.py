"""``napari-medfm settings``: what is preferred, what counts, and why."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from napari_medfm.commands import options
from napari_medfm.commands.say import (
    UsageError,
    agreed,
    finish,
    say,
    size,
    table,
    told,
    warn,
)
from napari_medfm.engine.preferences import (
    KEYS,
    Settled,
    preferences,
    preferences_file,
    settled,
)

_NAME = "which one: a name that the list shows"


def register(commands: options.Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "settings",
        help="show and change the preferences",
        description="Device, cache, hub, offline, and what a window begins with. What "
        "counts, in order: an option of the command, the environment, the preferences, "
        "the default. Without a word after it, it lists. Programs that are open take a "
        "change up at their next start.",
    )
    parser.set_defaults(run=run_list)
    parts = parser.add_subparsers(title="what to do", metavar="DO")
    parts.add_parser("list", help="list what counts, and why").set_defaults(
        run=run_list
    )
    _add_set(parts.add_parser("set", help="prefer something from now on"))
    add = parts.add_parser("reset", help="go back to the default")
    add.add_argument("name", metavar="NAME", help=_NAME)
    add.set_defaults(run=run_reset)
    add = parts.add_parser(
        "clear",
        help="remove the embeddings from the cache; they are computed again when "
        "needed",
    )
    add.add_argument("--yes", action="store_true", help="do not ask")
    add.set_defaults(run=run_clear)
    for part in parts.choices.values():
        options.add_common(part)


def _add_set(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help=_NAME)
    parser.add_argument("value", metavar="VALUE")
    parser.add_argument(
        "--move",
        action="store_true",
        help="with cache: bring weights and embeddings to the new folder",
    )
    parser.set_defaults(run=run_set)


def run_list(_: Namespace) -> int:
    """List what counts, and why."""
    found = {name: settled(name) for name in KEYS}
    table(
        ("name", "value", "from", "what it is"),
        [(name, now.value, now.why, KEYS[name].title) for name, now in found.items()],
    )
    say("")
    say(f"preferences are kept in {preferences_file()}")
    problem = preferences().problem
    if problem is not None:
        warn(problem)
    return 0


def run_set(args: Namespace) -> int:
    """Check a preference and keep it."""
    from napari_medfm.verbs.preferring import prefer

    name = _known(args.name)
    if args.move and name != "cache":
        raise UsageError("--move goes with cache alone")
    before = Path(settled(name).value) if name == "cache" else None
    if args.move and before is not None:
        _move(before, args.value)
    prefer(name, args.value)
    _tell(name)
    if before is not None and not args.move:
        _what_stays(before)
    return 0


def run_reset(args: Namespace) -> int:
    """Go back to the default."""
    from napari_medfm.verbs.preferring import prefer

    name = _known(args.name)
    before = Path(settled(name).value) if name == "cache" else None
    prefer(name, None)
    _tell(name)
    if before is not None:
        _what_stays(before)
    return 0


def run_clear(args: Namespace) -> int:
    """Remove embeddings, after a question."""
    from napari_medfm.engine.cacheplace import clear_embeddings, holdings
    from napari_medfm.engine.weights import cache_folder

    cache = cache_folder(args.cache_dir)
    held = finish(holdings(cache), "Counting")
    say(f"{cache}: {held.entries} embeddings, {size(held.embeddings)}")
    if not held.entries:
        return 0
    if not args.yes and not agreed(
        "Remove them? Weights, drafts and projects stay.", "to remove them"
    ):
        say("Nothing was removed")
        return 0
    say(f"removed {size(finish(clear_embeddings(cache), 'Removing'))}")
    return 0


def _known(name: str) -> str:
    if name not in KEYS:
        raise UsageError(f"There is no preference {name!r}: {', '.join(KEYS)}")
    return name


def _tell(name: str) -> None:
    now: Settled = settled(name)
    say(f"{name} is {now.value} ({now.why}), {KEYS[name].counts}")
    if now.from_environment:
        warn(f"{now.source} goes before the preferences: unset it to use them")


def _move(old: Path, value: str) -> None:
    from napari_medfm.engine.cacheplace import move_cache

    new = Path(KEYS["cache"].read(value))
    found = finish(move_cache(old, new), "Moving")
    say(f"moved {size(found.nbytes)} from {old} to {new}")
    for name in found.left:
        warn(f"{name} stays in {old}: it cannot be moved, or {new} has one already")


def _what_stays(old: Path) -> None:
    """Say what lies at a cache folder that is no longer looked at."""
    from napari_medfm.engine.cacheplace import holdings

    if Path(settled("cache").value) == old:
        return
    held = finish(holdings(old), "Counting")
    if held.models or held.entries:
        say(
            f"{old} keeps {told(held)}: they are not looked at any more. Set it back, "
            "and set the new one with --move to bring them"
        )
