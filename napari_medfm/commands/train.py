"""``napari-medfm train``: a head from the labels of a project, tested honestly."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_medfm.commands import options
from napari_medfm.commands.say import UsageError, mind, refuse_existing, say, warn
from napari_medfm.core.errors import BadInput, MedfmError

if TYPE_CHECKING:
    from napari_medfm.engine.validate import Report
    from napari_medfm.session import Session
    from napari_medfm.verbs.trained import TrainedModel


def register(commands: options.Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "train",
        help="train a head on the labels of a project, and test it",
        description="Train a head on the labels of a project, test it on images (or "
        "parts of the one there is) that were left out, and write it with what came "
        "of the test. Nothing is written into the project. Licences of the models are "
        "said before the file is written, and asked about unless --yes is given.",
    )
    parser.add_argument("project", type=Path, metavar="CASE.medfm")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help=".head.safetensors"
    )
    parser.add_argument(
        "--head", default="auto", metavar="NAME", help="how (default: auto)"
    )
    parser.add_argument(
        "--level",
        default="pixel",
        choices=("pixel", "object", "image"),
        help="which labels (default: pixel)",
    )
    parser.add_argument(
        "--class-weight",
        action="append",
        default=[],
        type=_weight,
        metavar="CLASS=WEIGHT",
        help="how much a missed pixel of a class matters, such as tumour=3",
    )
    parser.add_argument(
        "--rest",
        action="store_true",
        help="on every plane with marks, what nobody marked is probably background",
    )
    parser.add_argument("--json", action="store_true", help="the test, for programs")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace a file that exists"
    )
    options.add_yes(parser)
    options.add_images_folder(parser)
    options.add_session(parser)
    parser.set_defaults(run=run)


def run(args: Namespace) -> int:
    """Train, test, write."""
    from napari_medfm.verbs.exporting import before_head

    refuse_existing(args.out, args.overwrite)
    if not args.out.name.endswith((".safetensors", ".onnx")):
        raise UsageError(f"{args.out} should end in .head.safetensors, or in .onnx")
    if args.level != "pixel" and args.rest:
        raise UsageError("--rest is about pixels: leave it out")
    session = options.project_of(args)
    if args.rest:
        _add_rest(session)
    weights = dict(args.class_weight) or None
    head = session.fit(args.head, args.level, weights)
    report = _tested(session, head, args.level)
    if args.json:
        say(json.dumps(None if report is None else report.as_dict(), indent=1))
    elif report is not None:
        say(report.lines())
    mind(before_head(session.workspace, args.level), args.yes)
    say(f"wrote {session.export_head(args.out, args.level)}")
    return 0


def _weight(text: str) -> tuple[str, float]:
    name, _, weight = text.rpartition("=")
    try:
        return name, float(weight)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not CLASS=WEIGHT") from None


def _add_rest(session: Session) -> None:
    """Say of every plane with marks that its rest is probably background.

    Planes that have no rest, being marked all over, are passed over with a warning.
    """
    marked: set[tuple[str, int | None]] = set()
    for annotation in session.annotations:
        if annotation.level == "pixel":
            pixels = annotation.pixels
            volume = pixels.shape[1] == 3
            planes = np.unique(pixels[:, 0]).tolist() if volume else [None]
            marked.update((annotation.image, plane) for plane in planes)
    for image, plane in sorted(marked, key=str):
        try:
            session.annotate_rest(image, plane=plane)
        except BadInput as error:
            where = image if plane is None else f"{image}, plane {plane}"
            warn(f"{where}: {error}")


def _tested(session: Session, head: TrainedModel, level: str) -> Report | None:
    """Test the recipe that was chosen; None, with a warning, where nothing can be."""
    try:
        return session.report(head.recipe, level)  # type: ignore[arg-type]
    except MedfmError as error:
        warn(f"not tested: {error}")
        return None
