"""``napari-medfm drafts``: work that was never saved, by programs that ended."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medfm.commands import options
from napari_medfm.commands.say import UsageError, agreed, counted, say, table, warn
from napari_medfm.core.errors import MedfmError

if TYPE_CHECKING:
    from napari_medfm.project.drafts import FoundDraft

_WHICH = "which one: its number in the list, or its name"
_TO, _TAKE = "to discard it", "to take it over"
_MAYBE_OPEN = "It may still be open on the computer {}."


def register(commands: options.Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "drafts",
        help="bring back work that was never saved",
        description="While work in a window or on a notebook's canvas is in no "
        "project, a draft of it is kept. List the drafts of programs that ended before "
        "it was saved, open one in the window, save it as a project, or discard it. "
        "Without a word after it, it lists.",
    )
    parser.set_defaults(run=run_list)
    parts = parser.add_subparsers(title="what to do", metavar="DO")
    parts.add_parser("list", help="list them, the newest first").set_defaults(
        run=run_list
    )
    add = parts.add_parser("open", help="open one in the window")
    add.add_argument("draft", metavar="DRAFT", help=_WHICH)
    add.set_defaults(run=run_open)
    add = parts.add_parser("save", help="save one as a project")
    add.add_argument("draft", metavar="DRAFT", help=_WHICH)
    add.add_argument("project", type=Path, metavar="CASE.medfm")
    add.add_argument(
        "--yes",
        action="store_true",
        help="do not ask where it may still be open on another computer",
    )
    options.add_images_folder(add)
    add.set_defaults(run=run_save)
    add = parts.add_parser("discard", help="throw one away for good")
    add.add_argument("draft", metavar="DRAFT", help=_WHICH)
    add.add_argument("--yes", action="store_true", help="do not ask")
    add.set_defaults(run=run_discard)
    for part in parts.choices.values():
        options.add_common(part)


def run_list(_: Namespace) -> int:
    """List them."""
    from napari_medfm.project.draft import drafts_folder
    from napari_medfm.project.drafts import drafts

    found = drafts()
    if not found:
        say(f"There is no work that was not saved in {drafts_folder()}")
        return 0
    rows = [
        (number, one.words + (" (damaged)" if one.damaged else ""), one.folder.name)
        for number, one in enumerate(found, 1)
    ]
    table(("", "work", "name"), rows)
    say(f"{counted(found, 'draft')} in {drafts_folder()}")
    return 0


def run_open(args: Namespace) -> int:
    """Open one in the window, which asks what has to be asked."""
    one = _named(args.draft)
    args.window().open_paths([one.folder])
    args.window().run()
    return 0


def run_save(args: Namespace) -> int:
    """Save one as a project; it is no draft any more then."""
    import warnings

    from napari_medfm.project.keeping import ProjectWarning

    one = _named(args.draft)
    if one.elsewhere is not None and not args.yes:
        say(f"{one}")
        if not agreed(f"{_MAYBE_OPEN.format(one.elsewhere)} Take it over?", _TAKE):
            raise MedfmError(f"{one.folder.name} was left as it is")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ProjectWarning)
        session = one.open(
            images=args.images,
            salvage=one.damaged is not None,
            take_over=one.elsewhere is not None,
            cache_dir=getattr(args, "cache_dir", None),
        )
    for note in caught:
        warn(f"{one.folder.name}: {note.message}")
    try:
        say(str(session.save(args.project)))
    finally:
        session.close()
    return 0


def run_discard(args: Namespace) -> int:
    """Throw one away, once the user agrees."""
    one = _named(args.draft)
    say(f"{one}")
    where = "" if one.elsewhere is None else f"{_MAYBE_OPEN.format(one.elsewhere)} "
    question = f"{where}It cannot be brought back. Discard it?"
    if not args.yes and not agreed(question, _TO):
        raise MedfmError(f"{one.folder.name} was not discarded")
    one.discard()
    say("discarded")
    return 0


def _named(which: str) -> FoundDraft:
    """Return the draft that is meant.

    Raises
    ------
    UsageError
        If there is none of that number or name.
    """
    from napari_medfm.project.drafts import drafts

    found = drafts()
    for number, one in enumerate(found, 1):
        if which in (str(number), one.folder.name):
            return one
    raise UsageError(
        f"There is no draft {which!r}: `napari-medfm drafts` lists "
        f"{counted(found, 'draft')}"
    )
