"""Arguments that several commands share, and how their texts are read."""

from __future__ import annotations

import argparse
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from napari_medfm.session import Session

    Commands = _SubParsersAction[ArgumentParser]


def numbers(text: str) -> tuple[float, ...]:
    """Read "12,30.5" as numbers."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ArgumentTypeError(f"not numbers with commas between: {text!r}") from None


def position(text: str) -> tuple[float, ...]:
    """Read "row,col"."""
    found = numbers(text)
    if len(found) != 2:
        raise ArgumentTypeError(f"a position is row,col, such as 120,85: {text!r}")
    return found


def positions(text: str) -> tuple[tuple[float, ...], ...]:
    """Read "row,col row,col ..."."""
    return tuple(position(part) for part in text.split())


def box(text: str) -> tuple[float, ...]:
    """Read "row0,col0,row1,col1"."""
    found = numbers(text)
    if len(found) != 4:
        raise ArgumentTypeError(
            f"a box is row0,col0,row1,col1, such as 10,20,90,120: {text!r}"
        )
    return found


def planes(text: str) -> list[int]:
    """Read "3", "0,4,8" or "10:20" (20 not included), also mixed."""
    found: list[int] = []
    try:
        for part in text.split(","):
            first, colon, last = part.partition(":")
            found += range(int(first), int(last)) if colon else [int(first)]
    except ValueError:
        raise ArgumentTypeError(
            f"planes are numbers or ranges, such as 0,4,10:20: {text!r}"
        ) from None
    return found


def span(text: str) -> tuple[int, int]:
    """Read "first,last"."""
    found = numbers(text)
    if len(found) != 2 or any(value != int(value) for value in found):
        raise ArgumentTypeError(f"a range is first,last, such as 10,40: {text!r}")
    return int(found[0]), int(found[1])


def add_common(parser: ArgumentParser) -> None:
    """Add what every command takes."""
    parser.add_argument(
        "--debug",
        action="store_true",
        default=argparse.SUPPRESS,
        help="show the whole traceback of an error",
    )
    parser.add_argument(
        "--cache-dir",
        type=Path,
        default=argparse.SUPPRESS,
        metavar="DIR",
        help="folder for weights and embeddings (default: $NAPARI_MEDFM_CACHE, or "
        "the preferred one: napari-medfm settings)",
    )


def add_session(parser: ArgumentParser, *kinds: str) -> None:
    """Add the choice of models and where they run; ``kinds`` of models used."""
    if "encoder" in kinds:
        parser.add_argument("--encoder", default="dinov2-small", metavar="NAME")
    if "segmenter" in kinds:
        parser.add_argument("--segmenter", default="lite-medsam", metavar="NAME")
    parser.add_argument("--device", help="cpu, cuda, mps (default: as preferred)")
    add_offline(parser)


def add_offline(parser: ArgumentParser) -> None:
    """Add the switch that forbids the network."""
    parser.add_argument(
        "--offline",
        action="store_true",
        default=None,
        help="never touch the network (also NAPARI_MEDFM_OFFLINE=1)",
    )


def add_image_facts(parser: ArgumentParser) -> None:
    """Add what a file may not say about its image."""
    parser.add_argument(
        "--axes", help="one letter an axis, such as yx, yxc, zyx, czyx, where unclear"
    )
    parser.add_argument(
        "--spacing",
        type=numbers,
        metavar="N,N[,N]",
        help="physical pixel size per axis, row before column",
    )
    parser.add_argument(
        "--series", metavar="UID", help="which series, where a DICOM folder has several"
    )


def add_yes(parser: ArgumentParser) -> None:
    """Add the option not to be asked about what is to be minded."""
    parser.add_argument(
        "--yes", action="store_true", help="do not ask where there is something to mind"
    )


def add_images_folder(parser: ArgumentParser) -> None:
    """Add where to look for a project's images."""
    parser.add_argument(
        "--images",
        type=Path,
        metavar="DIR",
        help="folder in which image files that moved are looked for",
    )


def project_of(args: argparse.Namespace) -> Session:
    """Open the project of a command for reading; what is noted goes to the errors."""
    import warnings

    from napari_medfm.commands.say import warn
    from napari_medfm.project.keeping import ProjectWarning
    from napari_medfm.project.opening import load_project

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ProjectWarning)
        session = load_project(
            args.project,
            images=args.images,
            read_only=True,
            cache_dir=getattr(args, "cache_dir", None),
            device=getattr(args, "device", None),
            offline=getattr(args, "offline", None),
        )
    for note in caught:
        warn(f"{args.project}: {note.message}")
    return session


def image_facts(args: argparse.Namespace) -> dict[str, Any]:
    """Return what `add_image_facts` read, for `Session.add_image`."""
    return {"axes": args.axes, "spacing": args.spacing, "series": args.series}


def session_of(args: argparse.Namespace, **models: Any) -> Session:
    """Make the session that a command's options ask for."""
    from napari_medfm.session import Session

    for kind in ("encoder", "segmenter"):
        if hasattr(args, kind):
            models.setdefault(kind, getattr(args, kind))
    return Session(
        cache_dir=getattr(args, "cache_dir", None),
        device=args.device,
        offline=args.offline,
        **models,
    )
