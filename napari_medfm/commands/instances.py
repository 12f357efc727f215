"""``napari-medfm segment --all``: many objects of a plane, as a map of numbers."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

import numpy as np

from napari_medfm.commands.say import Stopwatch, counted, say, warn
from napari_medfm.core.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_medfm.session import Session


def write_all(session: Session, name: str, args: Namespace) -> int:
    """Outline the objects and write them: 0 is nothing, 1 ... n the objects.

    Raises
    ------
    BadInput
        If there is none.
    """
    from napari_medfm.core.labels import LabelClass
    from napari_medfm.engine.provenance import provenance_of
    from napari_medfm.exporters import export_labels, format_of, sentences_about
    from napari_medfm.verbs.classes import PALETTE
    from napari_medfm.verbs.models import model_facts

    image = session.images[name]
    watch = Stopwatch()
    with watch.timed():
        found, what = _found(session, name, args)
    count = int(found.max(initial=0))
    if not count:
        raise BadInput(
            f"{args.image}: nothing was found ({what}). Outline one object by --box or "
            "--point without --all, or train a head and give it by --head"
        )
    objects = counted(range(count), "object")
    say(f"{objects}, {watch.seconds:.1f} s with {session.segmenter}")
    labels = np.zeros(image.shape, np.uint16)
    labels[... if image.ndim == 2 else image.plane_index(args.plane)] = found
    classes = [
        LabelClass(
            f"{args.class_name} {number}", number, PALETTE[number % len(PALETTE)]
        )
        for number in range(1, count + 1)
    ]
    content = {
        "what": what,
        "plane": args.plane,
        "model": model_facts(session.workspace.segmenter.get()),
    }
    head = session.labelling.head
    card = None if head is None else head.card
    facts = provenance_of(image, classes=classes, head=card, content=content)
    for sentence in sentences_about(args.out, image, format_of(args.out), facts):
        warn(sentence)
    for path in export_labels(args.out, labels, image, classes, facts):
        say(f"wrote {path}")
    return 0


def _found(
    session: Session, name: str, args: Namespace
) -> tuple[NDArray[np.int32], str]:
    """Return the objects asked for, and what they are, in words."""
    plane, box = args.plane, args.box
    if args.head is not None:
        found = session.segment_class(name, args.class_name, plane=plane)
        return found, f"every {args.class_name} that {args.head.name} finds"
    if args.text is not None:
        like = [] if box is None else [box]
        found = session.segment_named(
            name, args.text, like=like, plane=plane, least=args.least
        )
        return found, f"every object that {args.text!r} names"
    if box is None and not args.point:
        found = session.segment_all(name, plane=plane)
        return found, "every object that the segmenter tells apart"
    mask = None if box is None else session.segment(name, box=box, plane=plane)
    found = session.segment_like(
        name, at=args.point, against=args.not_point, plane=plane, mask=mask
    )
    return found, "every object like the one that was shown"
