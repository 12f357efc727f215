"""``napari-medfm segment``: one object from prompts, or all there are, as a file."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from napari_medfm.commands import options
from napari_medfm.commands.applying import encoder_of
from napari_medfm.commands.instances import write_all
from napari_medfm.commands.say import (
    Stopwatch,
    UsageError,
    refuse_existing,
    say,
    warn,
    write_mask,
)
from napari_medfm.core.errors import BadInput
from napari_medfm.core.specs import Way
from napari_medfm.engine.turned import turned

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_medfm.core.image import Image
    from napari_medfm.core.results import Mask
    from napari_medfm.session import Session


def register(commands: options.Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "segment",
        help="outline one object from a box or clicks, or all objects",
        description="Outline one object from any mix of box, clicks, lasso, stroke and "
        "an earlier mask, or every object, and write the mask with its provenance "
        "beside it.",
    )
    parser.add_argument("image", type=Path, metavar="IMAGE")
    _add_prompts(parser)
    _add_many(parser)
    parser.add_argument(
        "--plane", type=int, metavar="Z", help="plane of a volume, from 0"
    )
    parser.add_argument(
        "--axis",
        type=int,
        choices=(0, 1, 2),
        default=0,
        help="axis of a volume that counts the planes; 0 if left out",
    )
    parser.add_argument(
        "--propagate",
        action="store_true",
        help="carry the mask through the other planes of a volume",
    )
    parser.add_argument(
        "--to",
        type=options.span,
        metavar="Z0,Z1",
        help="with --propagate: first and last plane to reach",
    )
    parser.add_argument(
        "--way",
        choices=get_args(Way),
        help="with --propagate: by the segmenter's memory of the planes before, as SAM "
        "2.1 and MedSAM2 have, or by boxes handed over from plane to plane, which any "
        "segmenter can; auto, as if left out: by memory where there is one",
    )
    parser.add_argument(
        "--class-name", default="object", metavar="NAME", help="what the object is"
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help="mask file; its suffix chooses the format, such as .nii.gz or .tif",
    )
    parser.add_argument(
        "--script", type=Path, metavar="FILE", help="write the same job as Python"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace files that exist"
    )
    options.add_session(parser, "segmenter")
    options.add_image_facts(parser)
    parser.set_defaults(run=run)


def _add_prompts(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--box", type=options.box, metavar="R0,C0,R1,C1", help="around the object"
    )
    parser.add_argument(
        "--point",
        type=options.position,
        action="append",
        default=[],
        metavar="R,C",
        help="a place on the object; may be given again",
    )
    parser.add_argument(
        "--not-point",
        type=options.position,
        action="append",
        default=[],
        metavar="R,C",
        help="a place beside the object; may be given again",
    )
    parser.add_argument(
        "--polygon",
        type=options.positions,
        metavar='"R,C R,C ..."',
        help="a lasso around the object, which is not left",
    )
    parser.add_argument(
        "--scribble",
        type=options.positions,
        metavar='"R,C R,C ..."',
        help="a stroke on the object",
    )
    parser.add_argument(
        "--mask", type=Path, metavar="FILE", help="a mask to correct by the clicks"
    )


def _add_many(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--all",
        action="store_true",
        help="many objects, numbered: all that can be told apart; with --point or "
        "--box, all like the one there; with --text, all that the words name; with "
        "--head, all that it takes for the class --class-name",
    )
    parser.add_argument(
        "--head",
        type=Path,
        metavar="FILE",
        help="with --all: a head of pixels, whose finds are outlined one by one",
    )
    parser.add_argument(
        "--text",
        metavar="WORDS",
        help="with --all, for a segmenter that knows words, which is sam3: what to "
        "find, in the singular, such as 'cell nucleus'; a --box is an example then",
    )
    parser.add_argument(
        "--least",
        type=float,
        default=0.5,
        metavar="P",
        help="with --text: how sure the model must be, 0 to 1 (default: 0.5)",
    )


def run(args: Namespace) -> int:
    """Segment and write."""
    _check(args)
    session = _session(args)
    watch = Stopwatch()
    with watch.timed():
        name = session.add_image(args.image, **options.image_facts(args))
    image = session.images[name]
    say(f"{args.image}: {image.shape}, read in {watch.seconds:.1f} s")
    if args.head is None:
        session.add_class(args.class_name)
    if args.propagate and image.ndim == 2:
        raise BadInput(f"{args.image} is a picture: --propagate is for volumes")
    view = turned(image, args.axis) if args.axis else image
    view.plane_indices(args.to)
    if args.all:
        return write_all(session, name, args)
    with watch.timed():
        mask = _mask(session, name, args)
    say(
        f"mask: {int(mask.data.sum())} pixels, score {mask.score:.2f}, "
        f"{watch.seconds:.1f} s with {session.segmenter}"
    )
    if mask.note:
        warn(mask.note)
    session.accept(name, mask, args.class_name)
    write_mask(session, name, args.out)
    if args.script is not None:
        from napari_medfm.engine.atomic import atomic_bytes

        atomic_bytes(args.script, session.script().encode())
        say(f"wrote {args.script}")
    return 0


def _check(args: Namespace) -> None:
    """Refuse what cannot work before anything is loaded."""
    from napari_medfm.exporters import format_of

    prompts = [args.box, args.point, args.polygon, args.scribble, args.mask]
    _check_many(args, any(prompts[2:]))
    if not args.all and not any(prompts):
        raise UsageError(
            "segment needs --box R0,C0,R1,C1, --point R,C, another prompt, or --all"
        )
    if args.to is not None and not args.propagate:
        raise UsageError("--to goes with --propagate")
    if args.way is not None and not args.propagate:
        raise UsageError("--way goes with --propagate")
    format_of(args.out)
    if args.out.parent.exists() and not os.access(args.out.parent, os.W_OK):
        raise BadInput(f"{args.out.parent} cannot be written to: choose another folder")
    for path in (args.out, args.script):
        if path is not None:
            refuse_existing(path, args.overwrite)


def _check_many(args: Namespace, other_prompts: bool) -> None:
    """Refuse what `--all` and `--text` cannot be together with."""
    if args.all and (other_prompts or args.propagate or args.script or args.axis):
        raise UsageError(
            "--all takes --point, --not-point, --box and --text only: it finds many "
            "objects on one plane"
        )
    if args.all and args.not_point and not args.point:
        raise UsageError("--all --not-point needs a --point: what is meant")
    if args.text is not None and not args.all:
        raise UsageError("--text goes with --all: it names all that is to be found")
    if args.head is not None and not args.all:
        raise UsageError("--head goes with --all; to classify pixels: apply")
    if args.head is not None and (args.box or args.point or args.text is not None):
        raise UsageError("--all --head takes no prompts: the head says what is meant")
    if args.text is not None and args.point:
        raise UsageError("--text goes with --box as an example, not with --point")


def _session(args: Namespace) -> Session:
    """Make the session; with a head, one of the encoder it was trained on.

    Raises
    ------
    BadFile, UsageError
        If the head cannot be read, or does not know the class of pixels asked for.
    """
    if args.head is None:
        return options.session_of(args)
    from napari_medfm.verbs.headfile import read_head

    head = read_head(args.head)
    names = [one.name for one in head.classes if one.value]
    if head.level != "pixel" or args.class_name not in names:
        raise UsageError(
            f"{args.head} finds {', '.join(names)} ({head.level}s): name one of a head "
            "of pixels by --class-name"
        )
    session = options.session_of(args, encoder=encoder_of(head))
    session.use_head(head)
    return session


def _mask(session: Session, name: str, args: Namespace) -> Mask:
    points = [*args.point, *args.not_point]
    labels = [1] * len(args.point) + [0] * len(args.not_point)
    image = session.images[name]
    plane = (turned(image, args.axis) if args.axis else image).plane_index(args.plane)
    mask = session.segment(
        name,
        box=args.box,
        points=points or None,
        point_labels=labels or None,
        mask=None if args.mask is None else _earlier(image, args, plane),
        plane=args.plane,
        polygon=args.polygon,
        scribble=args.scribble,
        axis=args.axis,
    )
    if not args.propagate:
        return mask
    way: Way = args.way or "auto"
    return session.propagate(name, mask, plane=plane, to=args.to, way=way)


def _earlier(
    image: Image, args: Namespace, plane: int
) -> NDArray[np.unsignedinteger[Any]]:
    import numpy as np

    from napari_medfm.readers.labels import read_labels

    values = read_labels(args.mask, image).values
    return values if values.ndim == 2 else np.moveaxis(values, args.axis, 0)[plane]
