"""``napari-medfm apply``: a trained head over many images."""

from __future__ import annotations

import json
from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_medfm.commands import options
from napari_medfm.commands.say import Stopwatch, UsageError, say, table, warn
from napari_medfm.core.errors import BadFile, BadInput, WriteFailed

if TYPE_CHECKING:
    from napari_medfm.session import Session
    from napari_medfm.verbs.trained import TrainedModel

_FORMATS = (
    *("nii.gz", "nii", "nrrd", "seg.nrrd", "tif", "ome.tif", "png", "ome.zarr"),
    *("dcm", "coco.json", "polygons.json", "geojson"),
)


class Outcome(NamedTuple):
    """What became of one image."""

    image: str
    result: str
    found: str = ""
    seconds: str = ""


def register(commands: options.Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "apply",
        help="apply a head to images",
        description="Apply a head to images and write a mask and its provenance for "
        "each. An image that fails is reported and the others go on. A mask that this "
        "head has already written is left as it is, so that an interrupted run can be "
        "started again.",
    )
    parser.add_argument("head", type=Path, metavar="HEAD")
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--format", choices=_FORMATS, default="nii.gz")
    parser.add_argument(
        "--overwrite", action="store_true", help="write all masks again"
    )
    options.add_session(parser)
    options.add_image_facts(parser)
    parser.set_defaults(run=run)


def run(args: Namespace) -> int:
    """Apply to every image; 1 if one failed."""
    from napari_medfm.verbs.headfile import read_head

    targets = _targets(args.images, args.out, args.format)
    model = read_head(args.head)
    encoder = model.card.get("encoder", {}).get("name")
    if not isinstance(encoder, str):
        raise BadFile(f"{args.head} does not say which encoder it needs")
    session = options.session_of(args, encoder=encoder)
    session.use_head(model)
    outcomes = []
    for path, target in zip(args.images, targets, strict=True):
        outcome = _outcome(session, model, path, target, args)
        outcomes.append(outcome)
        say(f"{outcome.image}: {outcome.result} {outcome.seconds}".rstrip())
    say("")
    table(("image", "result", "share of pixels", "seconds"), outcomes)
    failed = sum(outcome.result == "failed" for outcome in outcomes)
    say(f"{len(outcomes) - failed} of {len(outcomes)} images done, masks in {args.out}")
    return 1 if failed else 0


def _targets(images: Sequence[Path], folder: Path, suffix: str) -> list[Path]:
    """Return where each mask goes; never two in one place."""
    targets = [folder / f"{_stem(image)}.{suffix}" for image in images]
    twice = [target for target, count in Counter(targets).items() if count > 1]
    if twice:
        both = [str(i) for i, t in zip(images, targets, strict=True) if t == twice[0]]
        raise UsageError(
            f"{' and '.join(both)} would both be written to {twice[0]}: apply them "
            "with different --out folders"
        )
    for image, target in zip(images, targets, strict=True):
        if target.resolve() == image.resolve():
            raise UsageError(f"{target} is the image itself: choose another --out")
    return targets


def _stem(path: Path) -> str:
    from napari_medfm.readers import suffixes

    name = path.resolve().name
    for suffix in sorted(suffixes(), key=len, reverse=True):
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    return name


def _outcome(
    session: Session, model: TrainedModel, path: Path, target: Path, args: Namespace
) -> Outcome:
    watch = Stopwatch()
    try:
        if target.exists() and not args.overwrite:
            return _finished(model, path, target)
        with watch.timed():
            found = _write(session, path, target, options.image_facts(args))
    except (BadFile, BadInput, WriteFailed) as error:
        if args.debug:
            raise
        warn(f"{path}: {error}")
        return Outcome(str(path), "failed")
    return Outcome(str(path), "written", found, f"{watch.seconds:.1f}")


def _write(session: Session, path: Path, target: Path, facts: dict[str, Any]) -> str:
    name = session.add_image(path, **facts)
    try:
        made = session.predict(name)
        for sentence in session.export_masks(name, target, made).warnings:
            warn(f"{path}: {sentence}")
    finally:
        session.remove_image(name)
        session.forget_past()
    names = {c.value: c.name for c in session.classes if c.value}
    shares = {n: float((made.labels == v).mean()) for v, n in names.items()}
    return ", ".join(f"{name} {share:.1%}" for name, share in shares.items())


def _finished(model: TrainedModel, path: Path, target: Path) -> Outcome:
    """Accept a mask of an earlier run, if its provenance names this very head.

    Raises
    ------
    BadInput
        If something else wrote it.
    """
    record = target.with_name(target.name + ".provenance.json")
    try:
        head = json.loads(record.read_text("utf-8"))["head"]
    except (OSError, ValueError, KeyError, TypeError):
        head = None
    if head != json.loads(json.dumps(model.card)):
        raise BadInput(
            f"{target} exists and is not by this head: choose another --out, or add "
            "--overwrite"
        )
    return Outcome(str(path), "there already")
