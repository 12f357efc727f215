"""``napari-medfm ledger``: what labelling a project cost."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import astuple, fields
from pathlib import Path

from napari_medfm.commands import options
from napari_medfm.commands.say import UsageError, refuse_existing, say, table


def register(commands: options.Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "ledger",
        help="what labelling a project cost",
        description="Clicks, strokes, edits and seconds for each image of a project, "
        "and the share of what was accepted that nobody changed. Seconds are those "
        "between gestures; a gap longer than a minute counts as a minute.",
    )
    parser.add_argument("project", type=Path, metavar="CASE.medfm")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write a table")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write a .png")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace files that exist"
    )
    options.add_images_folder(parser)
    parser.set_defaults(run=run)


def run(args: Namespace) -> int:
    """Print the ledger, and write it where asked."""
    from napari_medfm.project.ledger import Effort, write_ledger

    for path, suffix in ((args.csv, ".csv"), (args.plot, ".png")):
        if path is None:
            continue
        if path.suffix.lower() != suffix:
            raise UsageError(f"{path} should end in {suffix}")
        refuse_existing(path, args.overwrite)
    efforts = options.project_of(args).ledger()
    header = [field.name for field in fields(Effort)]
    rows = [astuple(effort) for effort in efforts]
    table(header, [["" if cell is None else cell for cell in row] for row in rows])
    for path in filter(None, (args.csv, args.plot)):
        write_ledger(path, efforts)
        say(f"wrote {path}")
    return 0
