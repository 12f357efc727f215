"""``napari-medfm open``: the window, on images or a project."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from napari_medfm.commands import options
from napari_medfm.commands.say import UsageError
from napari_medfm.project.layout import SUFFIX


def register(commands: options.Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "open",
        help="open the window, on images or a project",
        description="Open napari with the dock, on images or on a project. What a "
        "project has to ask, such as whether to bring back changes after its last "
        "save, is asked in the window.",
    )
    parser.add_argument("paths", nargs="*", type=Path, metavar="IMAGE or CASE.medfm")
    parser.set_defaults(run=run)


def run(args: Namespace) -> int:
    """Open it, and come back when it is closed."""
    projects = [path for path in args.paths if path.suffix == SUFFIX]
    if projects and len(args.paths) > 1:
        raise UsageError("open takes one project, or images")
    for path in args.paths:
        if not path.exists():
            raise UsageError(f"There is no {path}")
    args.window().open_paths(args.paths)
    args.window().run()
    return 0
