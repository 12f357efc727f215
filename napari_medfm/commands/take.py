"""``napari-medfm import``: labels of other programs, into a format or a project."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from napari_medfm.commands import options
from napari_medfm.commands.say import UsageError, say, table, write_mask


def register(commands: options.Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "import",
        help="bring labels of other programs into another format or a project",
        description="Read labels of an image that another program made (NIfTI, NRRD, "
        "TIFF, PNG, OME-Zarr, DICOM-SEG, RTSTRUCT, COCO, GeoJSON), with their class "
        "names, at their place on the image, and write them in another format, "
        "measure them, or begin a project with image and labels. No model is loaded.",
    )
    parser.add_argument("image", type=Path, metavar="IMAGE")
    parser.add_argument("labels", type=Path, metavar="LABELS")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help="mask file, its suffix chooses the format; .csv or .parquet for "
        "measurements; or a new project, NAME.medfm",
    )
    parser.add_argument(
        "--class-name",
        metavar="NAME",
        help="take all labels as this one class, such as numbered objects",
    )
    parser.add_argument(
        "--anywhere",
        action="store_true",
        help="take a label map pixel by pixel, also if it says it lies elsewhere",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace a mask file that exists"
    )
    options.add_session(parser)
    options.add_image_facts(parser)
    parser.set_defaults(run=run)


def run(args: Namespace) -> int:
    """Read, say what is there, and write."""
    from napari_medfm.exporters import format_of
    from napari_medfm.project.layout import SUFFIX

    is_project = args.out.suffix == SUFFIX
    is_table = args.out.suffix.lower() in (".csv", ".parquet")
    if not is_project and not is_table:
        format_of(args.out)
    if args.out.exists() and (is_project or not args.overwrite):
        way = "choose another name" + ("" if is_project else " or add --overwrite")
        raise UsageError(f"{args.out} exists: {way}")
    session = options.session_of(args)
    name = session.add_image(args.image, **options.image_facts(args))
    session.import_labels(name, args.labels, args.class_name, args.anywhere)
    labels = session.labels(name)
    rows = [(c.name, c.value, int((labels == c.value).sum())) for c in session.classes]
    table(("class", "value", "pixels"), [row for row in rows if row[2]])
    if is_project:
        say(str(session.save(args.out)))
        session.close()
        return 0
    if is_table:
        say(f"wrote {session.export_table(args.out)}")
        return 0
    write_mask(session, name, args.out)
    return 0
