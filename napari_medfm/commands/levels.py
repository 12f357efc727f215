"""``napari-medfm apply`` with a head of objects or whole images: tables, no masks."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medfm.commands import options
from napari_medfm.commands.applying import PREDICTIONS
from napari_medfm.commands.inputs import Input, stem_of
from napari_medfm.commands.say import UsageError, say, warn
from napari_medfm.core.errors import BadFile, BadInput, WriteFailed

if TYPE_CHECKING:
    from napari_medfm.session import Session
    from napari_medfm.verbs.trained import TrainedModel

Rows = list[dict[str, Any]]


def run(
    args: Namespace,
    session: Session,
    model: TrainedModel,
    inputs: Sequence[Input],
) -> int:
    """Classify every image, or its objects; 1 if one failed."""
    from napari_medfm.verbs.ranking import write_table

    target = args.out / PREDICTIONS
    if target.exists() and not args.overwrite:
        raise UsageError(f"{target} exists: choose another --out, or add --overwrite")
    rows: Rows = []
    failed = 0
    for path, _ in inputs:
        try:
            found = _rows(session, path, model, args)
        except (BadFile, BadInput, WriteFailed) as error:
            if args.debug:
                raise
            failed += 1
            warn(f"{path}: {error}")
            continue
        rows += [{**row, "image": str(path)} for row in found]
        say(f"{path}: {_summary(found)}")
    if rows:
        write_table(target, sorted(rows, key=lambda row: -row["uncertainty"]))
        say(f"wrote {target}, the least sure first")
    say(f"{len(inputs) - failed} of {len(inputs)} images done")
    return 1 if failed else 0


def _rows(
    session: Session,
    path: Path,
    model: TrainedModel,
    args: Namespace,
) -> Rows:
    from napari_medfm.verbs.ranking import table_of

    name = session.add_image(path, **options.image_facts(args))
    try:
        if model.level == "object":
            session.use_objects(name, _objects(args.objects, stem_of(path)))
        return table_of(session.predict(name, level=model.level))
    finally:
        session.remove_image(name)
        session.forget_past()


def _objects(folder: Path, wanted: str) -> Any:
    import numpy as np

    from napari_medfm.readers import read_image

    found = sorted(p for p in folder.iterdir() if stem_of(p) == wanted)
    found = [p for p in found if not p.name.endswith(".json")]
    if len(found) != 1:
        raise BadInput(f"{folder} holds {len(found)} label images named {wanted}")
    return np.asarray(read_image(found[0]).data)


def _summary(rows: Rows) -> str:
    if len(rows) == 1:
        return f"{rows[0]['class']}, uncertainty {rows[0]['uncertainty']:.2f}"
    names = [row["class"] for row in rows]
    counts = {name: names.count(name) for name in sorted(set(names))}
    return ", ".join(f"{count} {name}" for name, count in counts.items())
