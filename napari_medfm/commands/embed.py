"""``napari-medfm embed``: compute what an encoder sees, once, for later clicks."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medfm.commands import cluster, options
from napari_medfm.commands.say import Stopwatch, finish, say, warn
from napari_medfm.core.errors import BadFile, BadInput

if TYPE_CHECKING:
    from napari_medfm.engine.tiles import Cell
    from napari_medfm.session import Session

_PLANES, _BLOCK = 2, 6


def register(commands: options.Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "embed",
        help="compute and keep the embeddings of images",
        description="Compute the embeddings of images and keep them in the cache "
        "folder, so that the window and later commands need not wait. What is there "
        "already is not computed again, so that an interrupted run can be started "
        "again. Of slides, bare glass is left out.",
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
    cluster.add_options(parser)
    parser.set_defaults(run=run)


def run(args: Namespace) -> int:
    """Embed every image; 1 if one failed."""
    session = options.session_of(args)
    failed = 0
    with cluster.client_of(args) as client:
        for path in args.images:
            try:
                _embed(session, client, path, args)
            except (BadFile, BadInput) as error:
                failed += 1
                warn(f"{path}: {error}")
    if len(args.images) > 1:
        say(f"{len(args.images) - failed} of {len(args.images)} images embedded")
    return 1 if failed else 0


def _embed(session: Session, client: Any, path: Path, args: Namespace) -> None:
    facts, planes = options.image_facts(args), args.planes
    name = session.add_image(path, **facts)
    count = session.images[name].n_planes if planes is None else len(planes)
    watch = Stopwatch()
    try:
        with watch.timed():
            if client is None:
                session.embed(name, planes=planes)
            else:
                job = cluster.Job.of(args, path, facts)
                pieces = pieces_of(session, name, planes)
                calls = [(embed_piece, job, piece) for piece in pieces]
                steps = cluster.each(client, cluster.on_worker, calls)
                for error in filter(None, finish(steps, str(path))):
                    raise error
    finally:
        session.remove_image(name)
        session.forget_past()
    what = "1 plane" if count == 1 else f"{count} planes"
    say(f"{path}: {what} with {session.encoder} in {watch.seconds:.1f} s")


Piece = tuple[list[int], "list[Cell]"]


def pieces_of(session: Session, name: str, planes: Sequence[int] | None) -> list[Piece]:
    """Cut the embedding of an image into tasks: some planes, or a block of one.

    The windows around a block are seen for its neighbours too, once for each.
    """
    from napari_medfm.verbs.planes import is_large

    image, reader = session.images[name], session.workspace.planes
    wanted = image.plane_indices(planes)
    if not is_large(image):
        return [(wanted[i : i + _PLANES], []) for i in range(0, len(wanted), _PLANES)]
    found: list[Piece] = []
    for plane in wanted:
        tiled = reader.tiled(image, plane)
        if tiled is not None:
            ready = tiled.ready()
            cells = [cell for cell in tiled.wanted if cell not in ready]
            blocks: dict[Cell, list[Cell]] = {}
            for row, col in cells:
                blocks.setdefault((row // _BLOCK, col // _BLOCK), []).append((row, col))
            found += [([plane], block) for block in blocks.values()]
    return found


def embed_piece(session: Session, name: str, piece: Piece) -> None:
    """Do one task, on a worker."""
    planes, cells = piece
    if not cells:
        session.embed(name, planes=planes)
        return
    tiled = session.workspace.planes.tiled(session.images[name], planes[0])
    if tiled is not None:
        for _ in tiled.embed(cells, sample=False):
            pass
