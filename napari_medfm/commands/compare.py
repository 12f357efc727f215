"""``napari-medfm compare``: several encoders on the labels of a project."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

from napari_medfm.commands import options
from napari_medfm.commands.say import UsageError, refuse_existing, say, table, warn


def register(commands: options.Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "compare",
        help="compare encoders on the labels of a project",
        description="Train the same recipe on the labels of a project with each "
        "encoder, test it on images (or parts of the one there is) that were left "
        "out, and say which did best and whether the labels are enough to tell. "
        "Nothing is written into the project.",
    )
    parser.add_argument("project", type=Path, metavar="CASE.medfm")
    parser.add_argument("encoders", nargs="+", metavar="ENCODER")
    parser.add_argument(
        "--head",
        default="logistic",
        metavar="NAME",
        help="what to train on each (default: logistic)",
    )
    parser.add_argument(
        "--level",
        default="pixel",
        choices=("pixel", "object", "image"),
        help="which labels (default: pixel)",
    )
    parser.add_argument("--json", action="store_true", help="all of it, for programs")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the table")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace a file that exists"
    )
    options.add_images_folder(parser)
    options.add_session(parser)
    parser.set_defaults(run=run)


def run(args: Namespace) -> int:
    """Compare and print."""
    if args.csv is not None and args.csv.suffix.lower() != ".csv":
        raise UsageError(f"{args.csv} should end in .csv")
    if args.csv is not None:
        refuse_existing(args.csv, args.overwrite)
    session = options.project_of(args)
    found = session.compare(args.encoders, head=args.head, level=args.level)
    rows = found.rows()
    if args.json:
        say(json.dumps(found.as_dict(), indent=1))
    else:
        table(list(rows[0]), [list(row.values()) for row in rows])
        say(found.verdict)
    for sentence in found.warnings:
        warn(sentence)
    if args.csv is not None:
        from napari_medfm.verbs.ranking import write_table

        write_table(args.csv, rows)
        say(f"wrote {args.csv}")
    return 0
