"""Which image to look at next, and tables of what heads say of objects and images."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.arguments import choice_of, list_of, path_of
from napari_medfm.core.errors import BadInput
from napari_medfm.core.image import Image
from napari_medfm.core.jobs import Progress, Steps, Work
from napari_medfm.core.results import ImagePrediction, ObjectPrediction, Prediction
from napari_medfm.core.state import Labelling
from napari_medfm.engine.atomic import atomic_bytes
from napari_medfm.verbs.fitting import predict
from napari_medfm.verbs.imagelevel import bag_of
from napari_medfm.verbs.objects import labels_of_objects, objects_of
from napari_medfm.verbs.workspace import Workspace

Order = Literal["uncertainty", "similarity"]


@dataclass(frozen=True)
class ImageRow:
    """One image among many.

    Parameters
    ----------
    label
        The class that the user gave it; empty if none.
    class_name, probabilities, uncertainty
        What the head says; empty, and None, without one.
    similarity
        Cosine to the image asked for, in [-1, 1]; None if none was.
    plane
        Of a volume whose planes were sorted; None for a whole image.
    """

    image: str
    group: str
    label: str
    class_name: str = ""
    probabilities: dict[str, float] = field(default_factory=dict)
    uncertainty: float | None = None
    similarity: float | None = None
    plane: int | None = None


def rank_images(
    ws: Workspace,
    by: Order = "uncertainty",
    like: str | int | None = None,
    images: Sequence[str] | None = None,
    volume: str | None = None,
) -> Work[list[ImageRow]]:
    """Sort images: the least sure first, or those most like one of them.

    Parameters
    ----------
    by
        "uncertainty" asks the head of level "image"; "similarity" needs ``like`` and
        no head.
    like
        The image to be like; with ``volume`` the number of the plane.
    images
        Names; all if None.
    volume
        Sort the planes of this image instead.

    Raises
    ------
    BadInput
        If there is nothing to sort, no head, or no image to be like.
    """
    choice_of(by, "by", ("uncertainty", "similarity"))
    places = _places(ws, images, volume)
    wanted = None if like is None else _place(ws, like, volume)
    if by == "similarity" and wanted is None:
        raise BadInput("Say which image they should be like: like=name")
    asked: list[Work[Prediction] | None] = [None] * len(places)
    if by == "uncertainty" or "image" in ws.labelling.heads:
        asked = [_asking(ws, *place) for place in places]
    state, reader = ws.labelling, ws.planes

    def steps() -> Steps[list[ImageRow]]:
        found = []
        for done, (place, work) in enumerate(zip(places, asked, strict=True)):
            yield Progress(done, len(places), place[0].name)
            answer = None if work is None else (yield from work.steps())
            found.append(_row(state, *place, answer))
        if wanted is None:
            return sorted(found, key=lambda row: -(row.uncertainty or 0))
        rows = []
        for done, place in enumerate((wanted, *places)):
            yield Progress(done, len(places) + 1, f"comparing {place[0].name}")
            bag = yield from bag_of(reader, *place)
            rows.append(bag.mean(0))
        near = _cosines(np.stack(rows))
        order = np.argsort(-near, kind="stable")
        return [replace(found[k], similarity=float(near[k])) for k in order]

    return Work("Sorting images", steps, lambda rows: rows)


Place = tuple[Image, int | None]


def _places(
    ws: Workspace, images: Sequence[str] | None, volume: str | None
) -> list[Place]:
    if volume is None:
        return [(image, None) for image in _sources(ws, images)]
    if images is not None:
        raise BadInput(
            "Give images to sort, or a volume whose planes to sort, not both"
        )
    source = ws.image(volume)
    return [(source, plane) for plane in range(source.n_planes)]


def _place(ws: Workspace, like: str | int, volume: str | None) -> Place:
    if volume is not None:
        source = ws.image(volume)
        return source, source.plane_index(cast("int", like))
    return ws.image(cast("str", like)), None


def _asking(ws: Workspace, image: Image, plane: int | None) -> Work[Prediction]:
    planes = None if plane is None else [plane]
    return predict(ws, image.name, level="image", planes=planes)


def export_predictions(
    ws: Workspace,
    path: str | Path,
    level: Literal["object", "image"] = "image",
    images: Sequence[str] | None = None,
    volume: str | None = None,
) -> Work[Path]:
    """Write what a head says of objects or images as a table, the least sure first.

    Parameters
    ----------
    path
        A .csv file: one row an object or image with its class, the probability of each
        class, the uncertainty, 0 sure ... 1 unsure, and the class that the user gave
        it; of objects also their area or volume in units of the image's spacing.
    images
        Names; all (with objects, for objects) if None.
    volume
        Write a row for each plane of this image instead; of level "image" only.

    Raises
    ------
    BadInput
        If there is no head of this level, or nothing to ask it about.
    WriteFailed
        If the folder cannot be written.
    """
    choice_of(level, "level", ("object", "image"))
    target = path_of(path, "path")
    if target.suffix.lower() != ".csv":
        raise BadInput(f"Predictions are written as .csv, not {target.name!r}")
    if volume is not None and level == "object":
        raise BadInput("Rows of planes are for level 'image': leave volume out")
    if images is None and volume is None and level == "object":
        images = list(ws.labelling.objects)
    places = _places(ws, images, volume)
    sources = list(dict.fromkeys(image for image, _ in places))
    if level == "object":
        for source in sources:
            objects_of(ws.labelling, source.name)
    planes = None if volume is None else range(sources[0].n_planes)
    asked = [predict(ws, one.name, level=level, planes=planes) for one in sources]
    state = ws.labelling

    def steps() -> Steps[Path]:
        rows: list[dict[str, Any]] = []
        for done, (source, work) in enumerate(zip(sources, asked, strict=True)):
            yield Progress(done, len(sources), source.name)
            found = yield from work.steps()
            rows += _with_given(table_of(found), state, source)
        write_table(target, sorted(rows, key=lambda row: -row["uncertainty"]))
        return target

    return Work("Exporting predictions", steps, lambda written: written)


def table_of(found: Prediction) -> list[dict[str, Any]]:
    """Return the rows of a prediction of level "object" or "image"."""
    names = [c.name for c in found.classes]
    if isinstance(found, ObjectPrediction):
        return [
            {
                "image": found.image,
                "object": one.number,
                "class": one.class_name,
                "uncertainty": round(one.uncertainty, 6),
                **_chances(names, one.probabilities),
                "pixels": one.pixels,
                "plane": one.centre[0] if len(one.centre) == 3 else "",
                "row": one.centre[-2],
                "col": one.centre[-1],
            }
            for one in found.objects
        ]
    planes = [""] if found.planes is None else list(found.planes)
    chances = found.probabilities.reshape(len(names), -1)
    return [
        {
            "image": found.image,
            "plane": plane,
            "class": names[int(chances[:, k].argmax())],
            "uncertainty": round(float(np.atleast_1d(found.uncertainty)[k]), 6),
            **_chances(names, chances[:, k].tolist()),
        }
        for k, plane in enumerate(planes)
    ]


def write_table(target: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows as CSV; no cell can be taken for a formula.

    Raises
    ------
    WriteFailed
        If the folder cannot be written.
    """
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows({k: _inert(v) for k, v in row.items()} for row in rows)
    atomic_bytes(target, text.getvalue().encode())


def _inert(value: Any) -> Any:
    risky = isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r")
    return f"'{value}" if risky and value else value


def _chances(names: Sequence[str], chances: Sequence[float]) -> dict[str, float]:
    return {f"p_{n}": round(float(p), 6) for n, p in zip(names, chances, strict=True)}


def _sources(ws: Workspace, images: Sequence[str] | None) -> list[Image]:
    names = list(ws.images) if images is None else list_of(images, "images")
    if not names:
        raise BadInput("There are no images to ask about: use add_image first")
    return [ws.image(name) for name in names]


def _with_given(
    rows: list[dict[str, Any]], state: Labelling, image: Image
) -> list[dict[str, Any]]:
    """Add what the user said of objects or an image, and the size of objects."""
    names = {c.value: c.name for c in state.classes}
    own = labels_of_objects(state, image.name)
    for row in rows:
        if "object" not in row:
            row["labelled"] = _given(state, image.name, row["plane"])
            continue
        label = own.get(row["object"])
        row["labelled"] = "" if label is None else names.get(label.value, "")
        row["size"] = round(row["pixels"] * float(np.prod(image.spacing)), 6)
    return rows


def _given(state: Labelling, image: str, plane: int | Literal[""]) -> str:
    """Return the class that the user gave an image or plane; empty if none."""
    names = {c.value: c.name for c in state.classes}
    where = None if plane == "" else plane
    own = [
        names[a.value]
        for a in state.annotations
        if (a.level, a.image, a.plane) == ("image", image, where)
    ]
    return own[0] if own else ""


def _row(
    state: Labelling, image: Image, plane: int | None, found: Prediction | None
) -> ImageRow:
    given = _given(state, image.name, "" if plane is None else plane)
    row = ImageRow(image.name, image.group, given, plane=plane)
    if not isinstance(found, ImagePrediction):
        return row
    chances = dict(
        zip(
            (c.name for c in found.classes),
            found.probabilities.ravel().tolist(),
            strict=True,
        )
    )
    return replace(
        row,
        class_name=max(chances, key=chances.__getitem__),
        probabilities=chances,
        uncertainty=float(np.ravel(found.uncertainty)[0]),
    )


def _cosines(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Cosine of the other rows to the first, after centring and scaling features."""
    exact = rows[1:].astype(np.float64)
    spread = exact.std(0)
    scaled = (rows - exact.mean(0)) / np.where(spread > 1e-6, spread, 1)
    length = np.maximum(np.linalg.norm(scaled, axis=1), 1e-12)
    found: NDArray[np.float64] = scaled[1:] @ scaled[0] / (length[1:] * length[0])
    return found
