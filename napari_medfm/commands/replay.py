"""``napari-medfm replay``: make every mask of a project again, and compare."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medfm.commands import options
from napari_medfm.commands.say import Stopwatch, finish, say, warn
from napari_medfm.core.errors import BadInput

if TYPE_CHECKING:
    from napari_medfm.session import Session


def register(commands: options.Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "replay",
        help="make every mask of a project again and compare",
        description="Make every mask of a project again from its images and its "
        "journal, and compare bit for bit with what was recorded. Nothing is written "
        "into the project. On another processor or with other libraries numbers may "
        "be rounded otherwise.",
    )
    parser.add_argument("project", type=Path, metavar="CASE.medfm")
    parser.add_argument(
        "--check",
        action="store_true",
        help="stop at the first difference, instead of going on to the end",
    )
    options.add_images_folder(parser)
    options.add_session(parser)
    parser.set_defaults(run=run)


def run(args: Namespace) -> int:
    """Replay; 1 if anything differs."""
    from napari_medfm.project.replaying import replay

    recorded = options.project_of(args)
    missing = recorded.project.missing if recorded.project else {}
    for text in missing.values():
        raise BadInput(text)
    fresh = _fresh(args, recorded)
    watch = Stopwatch()
    with watch.timed():
        steps = replay(recorded, fresh, stop=args.check)
        done = finish(steps, f"Replaying {args.project.name}")
    say(
        f"{args.project}: {done.calls} calls done again in {watch.seconds:.1f} s, "
        f"{done.masks} results compared"
    )
    if done.difference is not None:
        warn(f"{args.project}: {done.difference}")
        return 1
    say("everything is the same, bit for bit")
    return 0


def _fresh(args: Namespace, recorded: Session) -> Session:
    """Make an empty session with the models that the project began with."""
    encoder, segmenter = recorded.workspace.first_models
    return options.session_of(args, encoder=encoder, segmenter=segmenter)
