"""``napari-medfm similar``: where a picture looks like places, or fits words."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

from napari_medfm.commands import options
from napari_medfm.commands.say import Stopwatch, UsageError, refuse_existing, say
from napari_medfm.core.errors import BadInput


def register(commands: options.Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "similar",
        help="map where an image looks like places, or fits words",
        description="Write a map, float32 TIFF in [-1, 1], of where an image looks "
        "like the places given or fits the words given; or, with --which, say which "
        "of several words fits the whole picture.",
    )
    parser.add_argument("image", type=Path, metavar="IMAGE")
    for name, words in (
        ("--at", "a place that is"),
        ("--not-at", "a place that is not"),
    ):
        parser.add_argument(
            name,
            type=options.position,
            action="append",
            default=[],
            metavar="R,C",
            help=f"{words} meant; may be given again",
        )
    for name, words in (("--text", "words that say"), ("--not-text", "words for")):
        what = "what is meant" if name == "--text" else "what else there is"
        parser.add_argument(
            name,
            action="append",
            default=[],
            metavar="WORDS",
            help=f"{words} {what}, for an encoder that knows texts; may be given again",
        )
    parser.add_argument(
        "--which",
        action="append",
        default=[],
        metavar="WORDS",
        help="one of the words that the picture is judged by; give at least two",
    )
    parser.add_argument(
        "--sentence",
        action="append",
        metavar="'a photo of {}'",
        help="a sentence that the words are put into; may be given again",
    )
    parser.add_argument(
        "--plane", type=int, metavar="Z", help="plane of a volume, from 0"
    )
    parser.add_argument(
        "--region",
        type=options.box,
        metavar="R0,C0,R1,C1",
        help="write only this part; of a slide, only it is read",
    )
    parser.add_argument("--out", type=Path, metavar="FILE.tif", help="the map")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace a file that exists"
    )
    options.add_session(parser, "encoder")
    options.add_image_facts(parser)
    parser.set_defaults(run=run)


def run(args: Namespace) -> int:
    """Map and write, or judge and print."""
    _check(args)
    session = options.session_of(args)
    name = session.add_image(args.image, **options.image_facts(args))
    image, watch = session.images[name], Stopwatch()
    if args.which:
        found = session.zero_shot(
            name, args.which, plane=args.plane, templates=args.sentence
        )
        for words, share in sorted(found.items(), key=lambda item: -item[1]):
            say(f"{share:7.1%}  {words}")
        return 0
    plane = image.plane_index(args.plane)
    with watch.timed():
        found_map = session.similarity(name, **_asked(args, image.ndim, plane))[name]
        part = found_map if image.ndim == 2 else found_map[plane]
        _write(args.out, part, image, args.region)
    say(f"wrote {args.out} ({watch.seconds:.1f} s with {session.encoder})")
    return 0


def _check(args: Namespace) -> None:
    """Refuse what cannot work before anything is loaded."""
    places, words = bool(args.at), bool(args.text)
    if args.which:
        if places or words or args.out:
            raise UsageError("--which goes without places, --text and --out")
        return
    if places == words:
        raise UsageError("similar needs --at R,C or --text WORDS, and not both")
    if args.out is None:
        raise UsageError("similar needs --out FILE.tif")
    if args.out.suffix.lower() not in {".tif", ".tiff"}:
        raise UsageError(f"a map is a TIFF: --out ends in .tif, not {args.out.name!r}")
    refuse_existing(args.out, args.overwrite)


def _asked(args: Namespace, ndim: int, plane: int) -> dict[str, Any]:
    if args.text:
        return {
            "text": args.text,
            "against_text": args.not_text,
            "templates": args.sentence,
            "planes": [plane],
        }
    lift = () if ndim == 2 else (plane,)
    return {
        "at": [(*lift, *place) for place in args.at],
        "against": [(*lift, *place) for place in args.not_at],
        "planes": [plane],
        "region": args.region,
    }


def _write(
    path: Path, found: Any, image: Any, region: tuple[float, ...] | None
) -> None:
    """Write a map, or a part of it, with the size of its pixels."""
    import numpy as np
    import tifffile

    from napari_medfm.core.geometry import Box
    from napari_medfm.engine.atomic import atomic_path

    whole = Box(0, 0, *image.plane_shape)
    box = whole if region is None else Box.of(region).rounded()
    part = np.asarray(found[box.clipped(image.plane_shape).slices], np.float32)
    if not np.isfinite(part).any():
        raise BadInput("There is no tissue in that region: nothing was compared")
    with atomic_path(path) as temporary:
        tifffile.imwrite(temporary, part, metadata={"axes": "YX"}, compression="zlib")
