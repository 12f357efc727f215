"""``napari-medfm demo``: the whole job on a real image, with a window or without."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from napari_medfm.commands import options
from napari_medfm.commands.say import UsageError


def register(commands: options.Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "demo",
        help="do the whole job on a real image",
        description="Open napari on a real image with everything ready, or with "
        "--headless do the whole job without a screen: similarity map, mask from a box "
        "and a click, head from a few labelled points, prediction, export, and a page "
        "that shows it all. Weights that are missing are fetched; what, how large and "
        "from where is printed first.",
    )
    parser.add_argument(
        "--headless", action="store_true", help="without a screen; needs --out"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="where results go")
    parser.add_argument("--sample", metavar="NAME", help="which image")
    options.add_session(parser, "encoder", "segmenter")
    parser.set_defaults(run=run)


def run(args: Namespace) -> int:
    """Do the job without a screen."""
    if args.out is None:
        raise UsageError("demo --headless needs --out DIR, where its results go")
    from napari_medfm.commands.tour import run_tour

    run_tour(args)
    return 0
