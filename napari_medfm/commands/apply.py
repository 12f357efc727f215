"""``napari-medfm apply``: a trained head over many images."""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medfm.commands import cluster, levels, options
from napari_medfm.commands.applying import (
    FAILED,
    FORMATS,
    PREDICTIONS,
    SUMMARY,
    Applying,
    Outcome,
    encoder_of,
    summary_in,
    targets_of,
    to_mind,
    write_summary,
)
from napari_medfm.commands.inputs import inputs_of
from napari_medfm.commands.say import UsageError, finish, mind, say, table, warn
from napari_medfm.core.errors import MedfmError
from napari_medfm.core.jobs import finished

if TYPE_CHECKING:
    from napari_medfm.verbs.refining import How
    from napari_medfm.verbs.trained import TrainedModel


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
        "say which there are with --objects. What to mind (licences of the models, "
        "names of patients in names of files) is said before anything is written, and "
        "asked about unless --yes is given.",
    )
    parser.add_argument("head", type=Path, metavar="HEAD")
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--format", choices=FORMATS, default="nii.gz")
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
    options.add_yes(parser)
    parser.add_argument(
        "--refine",
        choices=("guided", "crf", "walker", "clean", "snap"),
        help="refine each mask: along the picture's edges, without crumbs, or outlined "
        "anew by the segmenter",
    )
    parser.add_argument(
        "--threshold",
        action="append",
        default=[],
        type=_threshold,
        metavar="CLASS=SHARE",
        help="from which probability on a class counts, such as tumour=0.7; can be "
        "given for several classes",
    )
    options.add_session(parser)
    options.add_image_facts(parser)
    cluster.add_options(parser)
    parser.set_defaults(run=run)


def _threshold(text: str) -> tuple[str, float]:
    name, _, share = text.rpartition("=")
    try:
        value = float(share)
    except ValueError:
        value = 0.0
    if not name or not 0 < value < 1:
        raise ArgumentTypeError(f"{text!r} is not CLASS=SHARE with a share in (0, 1)")
    return name, value


def run(args: Namespace) -> int:
    """Apply to every image; 1 if one failed."""
    from napari_medfm.verbs.headfile import read_head

    inputs = inputs_of(args.images)
    if not inputs:
        raise UsageError(f"{args.images[0]} holds no image that can be read")
    targets = targets_of(inputs, args.out, args.format)
    model = read_head(args.head)
    if (model.level == "object") != (args.objects is not None):
        raise UsageError(
            f"{args.head} is of level {model.level!r}: --objects DIR goes with heads "
            "of objects, and they need it"
        )
    _check_wishes(args, model)
    args.encoder = encoder_of(model)
    pairs = [(item.path, target) for item, target in zip(inputs, targets, strict=True)]
    _mind(args, model, pairs)
    if model.level != "pixel":
        session = options.session_of(args)
        session.use_head(model)
        return levels.run(args, session, model, inputs)
    summary = summary_in(args.out)
    outcomes: list[Outcome] = []
    with cluster.client_of(args) as client:
        for outcome in _outcomes(client, model, pairs, args):
            outcomes.append(outcome)
            write_summary(summary, outcomes)
            say(f"{outcome.image}: {outcome.result} {outcome.seconds}".rstrip())
    say("")
    header = ("image", "result", "share of pixels", "seconds")
    table(header, [outcome[: len(header)] for outcome in outcomes])
    failed = sum(outcome.result == FAILED for outcome in outcomes)
    say(f"{len(outcomes) - failed} of {len(outcomes)} images done, masks in {args.out}")
    return 1 if failed else 0


def _check_wishes(args: Namespace, model: TrainedModel) -> None:
    """Refuse thresholds of classes that the head lacks, and what only pixels have.

    Raises
    ------
    UsageError
        If so.
    """
    if model.level != "pixel" and (args.refine or args.threshold):
        raise UsageError("--refine and --threshold go with heads of pixels")
    names = [c.name for c in model.classes]
    for name, _ in args.threshold:
        if name not in names:
            raise UsageError(f"The head knows no {name!r}; it knows {', '.join(names)}")


def _mind(args: Namespace, model: TrainedModel, pairs: list[tuple[Path, Path]]) -> None:
    """Say what to mind before anything is written; see `mind`."""
    if model.level != "pixel":
        pairs = [(path, args.out / PREDICTIONS) for path, _ in pairs]
    steps = to_mind(model, pairs, args.out)
    mind(finish(steps, "Looking at what to mind"), args.yes)


def _outcomes(
    client: Any, model: TrainedModel, pairs: list[tuple[Path, Path]], args: Namespace
) -> Iterator[Outcome]:
    """Write every mask, here or on the workers."""
    if client is None:
        session = options.session_of(args)
        session.use_head(model)
        facts = options.image_facts(args)
        run = Applying(
            session,
            model,
            facts,
            args.overwrite,
            args.debug,
            args.refine,
            dict(args.threshold),
        )
        found: Iterable[Any] = (finished(run.one(*pair)) for pair in pairs)
    else:
        head, calls = args.head.absolute(), []
        for path, target in pairs:
            job = cluster.Job.of(args, path, options.image_facts(args))
            wishes = args.overwrite, args.refine, dict(args.threshold)
            calls.append((job, head, target.absolute(), wishes))
        steps = cluster.each(client, apply_on_worker, calls)
        found = finish(steps, "Applying the head")
    for (path, _), outcome in zip(pairs, found, strict=True):
        if isinstance(outcome, MedfmError):
            outcome = Outcome(str(path), FAILED, error=str(outcome))
        for text in filter(None, (outcome.error, outcome.notes)):
            warn(f"{path}: {text}")
        yield outcome


def apply_on_worker(
    job: cluster.Job,
    head: Path,
    target: Path,
    wishes: tuple[bool, How | None, dict[str, float]],
) -> Outcome:
    """Write one mask, on a worker.

    Parameters
    ----------
    wishes
        Whether to overwrite, how to refine, and thresholds.
    """
    overwrite, refine, thresholds = wishes
    session = job.session()
    model = session.use_head(head)
    run = Applying(
        session,
        model,
        job.image_facts(),
        overwrite,
        refine=refine,
        thresholds=thresholds,
    )
    return finished(run.one(Path(job.path), target))
