"""Write measurements of what was accepted."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_medfm.core.arguments import list_of, path_of
from napari_medfm.core.errors import BadInput
from napari_medfm.core.image import Image
from napari_medfm.core.jobs import Progress, Steps, Work
from napari_medfm.core.labels import LabelClass
from napari_medfm.core.results import Prediction
from napari_medfm.core.state import Labelling
from napari_medfm.engine.atomic import atomic_bytes, atomic_path
from napari_medfm.engine.measure import Belief, Measurement, measure
from napari_medfm.verbs.fitting import predict
from napari_medfm.verbs.labelling import accepted_on, label_map
from napari_medfm.verbs.workspace import Workspace

_SUFFIXES = (".csv", ".parquet")
_TEXT = ("image", "class", "unit")
_WHOLE = ("value", "object", "pixels")
_COLUMNS = (
    *("image", "class", "value", "object", "pixels", "unit", "size"),
    *("diameter_max", "diameter_equivalent", "plane", "row", "col"),
    *("world_z", "world_y", "world_x"),
    *("intensity_mean", "intensity_std", "intensity_min", "intensity_max"),
    *("intensity_median", "probability", "uncertainty"),
)


def export_table(
    ws: Workspace,
    path: str | Path,
    images: Sequence[str] | None = None,
    ask_head: bool = False,
) -> Work[Path]:
    """Write one row per accepted object: class, size, diameters, place, intensity.

    Lengths are in ``unit``, that of the spacing; sizes in its square for pictures, its
    cube for volumes. An empty unit means that the file of the image named none.

    Parameters
    ----------
    path
        A .csv or .parquet file.
    images
        Names; every image with accepted labels if None.
    ask_head
        Also predict each image with the head, and write the mean probability of the
        object's class and the mean uncertainty inside it.

    Raises
    ------
    BadInput
        If nothing was accepted, the suffix is another, there is no head to ask, or
        pyarrow is missing for .parquet.
    WriteFailed
        If the folder cannot be written.
    """
    target, state = path_of(path, "path"), ws.labelling
    _check_suffix(target)
    if not isinstance(ask_head, bool):
        raise BadInput("ask_head is True or False")
    names = accepted_on(state) if images is None else list_of(images, "images")
    if not names:
        raise BadInput("Nothing to measure: accept a mask or prediction first")
    sources = [ws.image(name) for name in names]
    asked = [predict(ws, one.name) if ask_head else None for one in sources]

    def steps() -> Steps[Path]:
        rows: list[dict[str, Any]] = []
        for done, (source, work) in enumerate(zip(sources, asked, strict=True)):
            yield Progress(done, len(sources), f"measuring {source.name}")
            found = None if work is None else (yield from work.steps())
            rows += _rows(state, source, found)
        _write(target, rows)
        return target

    return Work("Exporting the table", steps, lambda written: written)


def _check_suffix(target: Path) -> None:
    if target.suffix.lower() not in _SUFFIXES:
        raise BadInput(
            "Tables are written as .csv or .parquet, not "
            f"{target.suffix or 'nothing'!r}"
        )
    if target.suffix.lower() == ".parquet":
        import importlib.util

        if importlib.util.find_spec("pyarrow") is None:
            raise BadInput("To write .parquet: pip install pyarrow; or write .csv")


def _rows(
    state: Labelling, source: Image, found: Prediction | None
) -> list[dict[str, Any]]:
    labels = label_map(state, source)
    return [
        _row(source, one, item)
        for one in state.classes
        if one.value
        for item in measure(labels, source, one.value, _belief(found, one.value))
    ]


def _belief(found: Prediction | None, value: int) -> Belief | None:
    if found is None or value not in found.values:
        return None
    row = found.values.index(value)
    return Belief(found.probabilities[row], found.uncertainty)


def _row(image: Image, label_class: LabelClass, item: Measurement) -> dict[str, Any]:
    world = (None,) * (3 - image.ndim) + item.world
    return {
        "image": image.name,
        "class": label_class.name,
        "value": item.value,
        "object": item.number,
        "pixels": item.pixels,
        "unit": image.metadata.get("unit") or "",
        "size": item.size,
        "diameter_max": item.diameter_max,
        "diameter_equivalent": item.diameter_equivalent,
        "plane": item.centre[0] if image.ndim == 3 else None,
        "row": item.centre[-2],
        "col": item.centre[-1],
        **dict(zip(("world_z", "world_y", "world_x"), world, strict=True)),
        "intensity_mean": item.intensity_mean,
        "intensity_std": item.intensity_std,
        "intensity_min": item.intensity_min,
        "intensity_max": item.intensity_max,
        "intensity_median": item.intensity_median,
        "probability": item.probability,
        "uncertainty": item.uncertainty,
    }


def _write(target: Path, rows: list[dict[str, Any]]) -> None:
    if target.suffix.lower() == ".csv":
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, _COLUMNS)
        writer.writeheader()
        writer.writerows(
            {k: "" if v is None else _inert(v) for k, v in row.items()} for row in rows
        )
        atomic_bytes(target, text.getvalue().encode())
        return
    with atomic_path(target) as temporary:
        _parquet(temporary, rows)


def _inert(value: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula."""
    risky = isinstance(value, str) and value.startswith(
        ("=", "+", "-", "@", "\t", "\r")
    )
    return f"'{value}" if risky else value


def _parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {**dict.fromkeys(_TEXT, pa.string()), **dict.fromkeys(_WHOLE, pa.int64())}
    schema = pa.schema([(name, kinds.get(name, pa.float64())) for name in _COLUMNS])
    pq.write_table(pa.Table.from_pylist(rows, schema), path)
