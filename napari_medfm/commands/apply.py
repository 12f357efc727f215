"""``napari-medfm apply``: a trained head over many images."""

from __future__ import annotations

import csv
import io
import json
from argparse import Namespace
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_medfm.commands import cluster, levels, options
from napari_medfm.commands.inputs import Input, inputs_of
from napari_medfm.commands.say import Stopwatch, UsageError, finish, say, table, warn
from napari_medfm.core.errors import BadFile, BadInput, MedfmError, WriteFailed
from napari_medfm.core.lazy import counts_of
from napari_medfm.engine.atomic import atomic_bytes

if TYPE_CHECKING:
    from napari_medfm.session import Session
    from napari_medfm.verbs.trained import TrainedModel

_FORMATS = (
    *("nii.gz", "nii", "nrrd", "seg.nrrd", "tif", "ome.tif", "png", "ome.zarr"),
    *("dcm", "coco.json", "polygons.json", "geojson"),
)


SUMMARY = "apply-summary.csv"


class Outcome(NamedTuple):
    """What became of one image."""

    image: str
    result: str
    found: str = ""
    seconds: str = ""
    mask: str = ""
    error: str = ""


def register(commands: options.Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "apply",
        help="apply a head to images",
        description="Apply a head to images and write a mask and its provenance for "
        "each. Folders are looked through; a folder of DICOM files is one image. An "
        "image that fails is reported and the others go on. A mask that this head has "
        "already made of this very image is left as it is, so that an interrupted run "
        f"can be started again. DIR/{SUMMARY} tells what became of each. A head of "
        "whole images or of objects writes one table, predictions.csv; for objects, "
        "say which there are with --objects.",
    )
    parser.add_argument("head", type=Path, metavar="HEAD")
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--format", choices=_FORMATS, default="nii.gz")
    parser.add_argument(
        "--overwrite", action="store_true", help="write all masks again"
    )
    parser.add_argument(
        "--objects",
        type=Path,
        metavar="DIR",
        help="folder with a label image for each image, of the same name, for heads "
        "of objects",
    )
    options.add_session(parser)
    options.add_image_facts(parser)
    cluster.add_options(parser)
    parser.set_defaults(run=run)


def run(args: Namespace) -> int:
    """Apply to every image; 1 if one failed."""
    from napari_medfm.verbs.headfile import read_head

    inputs = inputs_of(args.images)
    if not inputs:
        raise UsageError(f"{args.images[0]} holds no image that can be read")
    targets = _targets(inputs, args.out, args.format)
    model = read_head(args.head)
    if (model.level == "object") != (args.objects is not None):
        raise UsageError(
            f"{args.head} is of level {model.level!r}: --objects DIR goes with heads "
            "of objects, and they need it"
        )
    encoder = model.card.get("encoder", {}).get("name")
    if not isinstance(encoder, str):
        raise BadFile(f"{args.head} does not say which encoder it needs")
    args.encoder = encoder
    if model.level != "pixel":
        session = options.session_of(args)
        session.use_head(model)
        return levels.run(args, session, model, inputs)
    summary = _summary(args.out)
    pairs = [(item.path, target) for item, target in zip(inputs, targets, strict=True)]
    outcomes: list[Outcome] = []
    with cluster.client_of(args) as client:
        for outcome in _outcomes(client, model, pairs, args):
            outcomes.append(outcome)
            _write_summary(summary, outcomes)
            say(f"{outcome.image}: {outcome.result} {outcome.seconds}".rstrip())
    say("")
    header = ("image", "result", "share of pixels", "seconds")
    table(header, [outcome[: len(header)] for outcome in outcomes])
    failed = sum(outcome.result == "failed" for outcome in outcomes)
    say(f"{len(outcomes) - failed} of {len(outcomes)} images done, masks in {args.out}")
    return 1 if failed else 0


def _summary(folder: Path) -> Path:
    """Return where the summary goes; a file there that is none of ours stays."""
    path = folder / SUMMARY
    if path.exists():
        with path.open("rb") as stream:
            if not stream.read(64).startswith(b"image,result,"):
                raise UsageError(f"{path} is not a summary of this command: move it")
    return path


def _write_summary(path: Path, outcomes: Sequence[Outcome]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(Outcome._fields)
    writer.writerows(outcomes)
    atomic_bytes(path, text.getvalue().encode())


def _targets(inputs: Sequence[Input], folder: Path, suffix: str) -> list[Path]:
    """Return where each mask goes; never two in one place."""
    targets = [folder / f"{item.place}.{suffix}" for item in inputs]
    pairs = list(zip(inputs, targets, strict=True))
    twice = [target for target, count in Counter(targets).items() if count > 1]
    if twice:
        both = [str(item.path) for item, target in pairs if target == twice[0]]
        raise UsageError(
            f"{' and '.join(both)} would both be written to {twice[0]}: apply them "
            "with different --out folders"
        )
    for item, target in pairs:
        if target.resolve() == item.path.resolve():
            raise UsageError(f"{target} is the image itself: choose another --out")
    return targets


def _outcomes(
    client: Any, model: TrainedModel, pairs: list[tuple[Path, Path]], args: Namespace
) -> Iterable[Outcome]:
    """Write every mask, here or on the workers."""
    if client is None:
        session = options.session_of(args)
        session.use_head(model)
        yield from (_outcome(session, model, *pair, args) for pair in pairs)
        return
    head, calls = args.head.absolute(), []
    for path, target in pairs:
        job = cluster.Job.of(args, path, options.image_facts(args))
        calls.append((job, head, target.absolute(), args.overwrite))
    found = finish(cluster.each(client, apply_on_worker, calls), "Applying the head")
    for (path, _), outcome in zip(pairs, found, strict=True):
        if isinstance(outcome, MedfmError):
            outcome = Outcome(str(path), "failed", error=str(outcome))
        if outcome.error:
            warn(f"{path}: {outcome.error}")
        yield outcome


def apply_on_worker(
    job: cluster.Job, head: Path, target: Path, overwrite: bool
) -> Outcome:
    """Write one mask, on a worker."""
    session = job.session()
    model = session.use_head(head)
    args = Namespace(**job.image_facts(), overwrite=overwrite, debug=False)
    return _outcome(session, model, Path(job.path), target, args)


def _outcome(
    session: Session, model: TrainedModel, path: Path, target: Path, args: Namespace
) -> Outcome:
    watch, facts = Stopwatch(), options.image_facts(args)
    try:
        if target.exists() and not args.overwrite:
            return _finished(session, model, (path, target), facts)
        with watch.timed():
            found = _write(session, path, target, facts)
    except (BadFile, BadInput, WriteFailed, MemoryError) as error:
        if args.debug:
            raise
        why = str(error) or "not enough memory"
        warn(f"{path}: {why}")
        return Outcome(str(path), "failed", error=why)
    seconds = f"{watch.seconds:.1f}"
    return Outcome(str(path), "written", found, seconds, str(target))


def _write(session: Session, path: Path, target: Path, facts: dict[str, Any]) -> str:
    name = session.add_image(path, **facts)
    try:
        made = session.predict(name)
        for sentence in session.export_masks(name, target, made).warnings:
            warn(f"{path}: {sentence}")
    finally:
        session.remove_image(name)
        session.forget_past()
    counts = counts_of(made.labels)
    names = {c.value: c.name for c in session.classes if c.value}
    shares = {n: counts[v] / counts.total() for v, n in names.items()}
    return ", ".join(f"{name} {share:.1%}" for name, share in shares.items())


def _finished(
    session: Session,
    model: TrainedModel,
    pair: tuple[Path, Path],
    facts: dict[str, Any],
) -> Outcome:
    """Accept a mask of an earlier run, if this head made it of this very image.

    Known by what is in them: head, pixels and affine as its provenance has them, and
    the mask file as it was written.

    Raises
    ------
    BadInput
        If anything else is there.
    """
    from napari_medfm.exporters import file_digest

    path, target = pair
    record = target.with_name(target.name + ".provenance.json")
    try:
        told = json.loads(record.read_text("utf-8"))
        told = told["head"], told["image"], told["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        told = None, {}, None
    why = None
    if told[0] != json.loads(json.dumps(model.card)):
        why = "is not by this head"
    elif told[2] != file_digest(target):
        why = "was changed since it was written"
    elif not _is_of(session, path, told[1], facts):
        why = f"was made of other pixels than {path.name} has now"
    if why is not None:
        raise BadInput(
            f"{target} exists and {why}: choose another --out, or add --overwrite"
        )
    return Outcome(str(path), "there already", mask=str(target))


def _is_of(session: Session, path: Path, told: Any, facts: dict[str, Any]) -> bool:
    name = session.add_image(path, **facts)
    try:
        image = session.images[name]
        here = image.sha256(), image.affine.tolist()
        return isinstance(told, dict) and here == (
            told.get("sha256"),
            told.get("affine"),
        )
    finally:
        session.remove_image(name)
        session.forget_past()
