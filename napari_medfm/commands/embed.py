"""``napari-medfm embed``: compute what an encoder sees, once, for later clicks."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medfm.commands import options
from napari_medfm.commands.say import Stopwatch, say, warn
from napari_medfm.core.errors import BadFile, BadInput

if TYPE_CHECKING:
    from napari_medfm.session import Session


def register(commands: options.Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "embed",
        help="compute and keep the embeddings of images",
        description="Compute the embeddings of images and keep them in the cache "
        "folder, so that the window and later commands need not wait. What is there "
        "already is not computed again.",
    )
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    parser.add_argument(
        "--planes",
        type=options.planes,
        metavar="0,4,10:20",
        help="planes of a volume (default: all)",
    )
    options.add_session(parser, "encoder")
    options.add_image_facts(parser)
    parser.set_defaults(run=run)


def run(args: Namespace) -> int:
    """Embed every image; 1 if one failed."""
    session = options.session_of(args)
    failed = 0
    for path in args.images:
        try:
            _embed(session, path, args.planes, options.image_facts(args))
        except (BadFile, BadInput) as error:
            failed += 1
            warn(f"{path}: {error}")
    if len(args.images) > 1:
        say(f"{len(args.images) - failed} of {len(args.images)} images embedded")
    return 1 if failed else 0


def _embed(
    session: Session, path: Path, planes: Sequence[int] | None, facts: dict[str, object]
) -> None:
    name = session.add_image(path, **facts)  # type: ignore[arg-type]
    count = session.images[name].n_planes if planes is None else len(planes)
    watch = Stopwatch()
    try:
        with watch.timed():
            session.embed(name, planes=planes)
    finally:
        session.remove_image(name)
        session.forget_past()
    what = "1 plane" if count == 1 else f"{count} planes"
    say(f"{path}: {what} with {session.encoder} in {watch.seconds:.1f} s")
