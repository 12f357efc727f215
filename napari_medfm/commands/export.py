"""``napari-medfm export``: what a project holds, as files for other programs."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medfm.commands import options
from napari_medfm.commands.applying import FORMATS
from napari_medfm.commands.say import UsageError, mind, refuse_existing, say
from napari_medfm.core.errors import MedfmError

if TYPE_CHECKING:
    from napari_medfm.session import Session

_UNSAFE = re.compile(r"[^\w.-]+")
_WISHES = ("masks", "table", "dataset", "head")


def register(commands: options.Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "export",
        help="write masks, measurements, datasets and heads of a project",
        description="Write what was accepted in a project: a mask for each image, a "
        "table of measurements, a dataset that nnU-Net trains on, the head. The "
        "project is only read. What to mind is said before anything is written, and "
        "asked about unless --yes is given.",
    )
    parser.add_argument("project", type=Path, metavar="CASE.medfm")
    parser.add_argument(
        "--masks", type=Path, metavar="DIR", help="a mask for each image"
    )
    parser.add_argument("--format", choices=FORMATS, default="nii.gz")
    parser.add_argument(
        "--table", type=Path, metavar="FILE", help="measurements, .csv or .parquet"
    )
    parser.add_argument(
        "--ask-head",
        action="store_true",
        help="with --table: the head's probability and uncertainty of each object",
    )
    parser.add_argument(
        "--dataset",
        type=Path,
        metavar="DIR",
        help="images and labels for nnU-Net, such as Dataset001_Tumour",
    )
    parser.add_argument(
        "--head", type=Path, metavar="FILE", help=".head.safetensors or .onnx"
    )
    parser.add_argument(
        "--image",
        action="append",
        metavar="NAME",
        help="only this image; may be given again (default: all with accepted labels)",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace files that exist"
    )
    options.add_yes(parser)
    options.add_images_folder(parser)
    options.add_session(parser)
    parser.set_defaults(run=run)


def run(args: Namespace) -> int:
    """Write all that is asked for."""
    from napari_medfm.verbs.labelling import accepted_on

    if not any(getattr(args, wish) for wish in _WISHES):
        wishes = ", ".join(f"--{wish}" for wish in _WISHES)
        raise UsageError(f"Say what to write: {wishes}")
    session = options.project_of(args)
    names = args.image or accepted_on(session.labelling)
    masks = _masks(args, names)
    for path in (*masks.values(), args.table, args.head):
        if path is not None:
            refuse_existing(path, args.overwrite)
    mind(_said(args, session, names, masks), args.yes)
    for name, path in masks.items():
        say(f"wrote {session.export_masks(name, path)[0]}")
    deeds: list[tuple[Path | None, Callable[[Path], Path]]] = [
        (args.table, lambda path: session.export_table(path, names, args.ask_head)),
        (args.dataset, lambda path: session.export_dataset(path, names)),
        (args.head, lambda path: session.export_head(path)),
    ]
    for wanted, write in deeds:
        if wanted is not None:
            say(f"wrote {write(wanted)}")
    return 0


def _masks(args: Namespace, names: list[str]) -> dict[str, Path]:
    """Return where the mask of each image goes; never two in one place."""
    if args.masks is None:
        return {}
    if not names:
        raise MedfmError(
            f"{args.project}: nothing was accepted; --image NAME writes what its head "
            "predicts"
        )
    found: dict[str, Path] = {}
    for name in names:
        stem = _UNSAFE.sub("_", name).strip("._") or "image"
        path = args.masks / f"{stem}.{args.format}"
        if path in found.values():
            raise UsageError(
                f"Two images would be written to {path}: export one with --image"
            )
        found[name] = path
    return found


def _said(
    args: Namespace, session: Session, names: list[str], masks: dict[str, Path]
) -> list[str]:
    """Return what to mind, in plain sentences."""
    from napari_medfm.verbs.exporting import before_head, before_table

    said = [
        s for name, path in masks.items() for s in session.before_export(name, path)
    ]
    for place in (args.table, args.dataset):
        if place is not None:
            said += before_table(session.workspace, names, place)
    if args.head is not None:
        said += before_head(session.workspace)
    return said
