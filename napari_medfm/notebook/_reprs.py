"""How sessions, masks, predictions, heads and models look at the end of a cell."""

from __future__ import annotations

import base64
import io
import sys
from collections.abc import Callable, Iterable
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.bridge.looks import MASK, colour_of
from napari_medfm.core.image import Image
from napari_medfm.core.labels import LabelClass, rgb
from napari_medfm.core.lazy import counts_of
from napari_medfm.core.results import Mask, Prediction
from napari_medfm.core.specs import ModelSpec
from napari_medfm.engine.plots import Ink
from napari_medfm.engine.sentences import figures, sentences
from napari_medfm.engine.validate import Report
from napari_medfm.notebook._view import Region, picture_of
from napari_medfm.session import LoadedHead, Session
from napari_medfm.verbs.trained import TrainedModel

_SIZE = 320


def register() -> None:
    """Tell a running notebook how our values look; does nothing elsewhere."""
    shell = sys.modules.get("IPython")
    running = None if shell is None else shell.get_ipython()
    if running is None:
        return
    formatter = running.display_formatter.formatters["text/html"]
    for kind, look in _LOOKS.items():
        formatter.for_type(kind, look)


def session_html(session: Session) -> str:
    """Return images with their labels, classes and models."""
    images = "".join(
        f"<figure style='margin:0 12px 0 0'>{_labelled(session, image)}"
        f"<figcaption>{escape(name)} · {_size(image)}</figcaption></figure>"
        for name, image in session.images.items()
    )
    counts = {c.value: 0 for c in session.classes}
    for annotation in session.annotations:
        counts[annotation.value] = counts.get(annotation.value, 0) + 1
    rows = [
        ("Encoder", escape(session.encoder)),
        ("Segmenter", escape(session.segmenter)),
        ("Classes", _legend(session.classes, counts)),
        ("Head", "none yet" if session.head is None else escape(session.head.recipe)),
    ]
    return f"<div style='display:flex;flex-wrap:wrap'>{images}</div>{_table(rows)}"


def mask_html(mask: Mask) -> str:
    """Return a mask (of a volume: its fullest plane), its score and its model."""
    plane, index = _fullest(mask.data)
    colour = np.array(rgb(MASK), np.uint8)
    where = mask.plane if index is None else index
    rows = [
        ("Mask of", escape(mask.image)),
        ("Plane", "" if where is None else str(where)),
        ("Pixels", f"{int(mask.data.sum()):,}"),
        ("Score", f"{mask.score:.2f} (the model's own guess)"),
        ("Model", escape(str((mask.provenance.get("model") or {}).get("name", "")))),
    ]
    return _png(plane[..., None] * colour) + _table(rows)


def prediction_html(prediction: Prediction) -> str:
    """Return the predicted classes in their colours, with the share of each."""
    labels, index = _fullest(prediction.labels)
    counts = counts_of(prediction.labels)
    share = {v: counts[v] / counts.total() for v in prediction.values}
    colours = {c.value: colour_of(c) for c in prediction.classes}
    picture = np.zeros((*labels.shape, 3), np.uint8)
    for value, colour in colours.items():
        if value:
            picture[labels == value] = rgb(colour)
    rows = [
        ("Prediction of", escape(prediction.image)),
        ("Plane shown", "" if index is None else str(index)),
        *(
            (_chip(c) + escape(c.name), f"{share[c.value]:.1%}")
            for c in prediction.classes
        ),
    ]
    return _png(picture) + _table(rows)


def head_html(head: TrainedModel | LoadedHead) -> str:
    """Return a head's card: what it is, how it was made, how good it is."""
    model = head.model if isinstance(head, LoadedHead) else head
    card = model.card
    encoder = card.get("encoder") or {}
    rows = [
        ("Recipe", escape(model.recipe)),
        ("Classes", _legend(model.classes, {})),
        ("Encoder", escape(f"{encoder.get('name')} · {encoder.get('licence')}")),
        *(
            (escape(str(key)), _plain(value))
            for key, value in card.items()
            if key not in {"encoder", "recipe", "classes"}
        ),
    ]
    return _table(rows)


def report_html(report: Report) -> str:
    """Return a report in sentences, with its plots."""
    said = "".join(f"<li>{escape(text)}</li>" for text in sentences(report))
    plots = "".join(
        f"<figure style='margin:0 12px 12px 0'><figcaption>{escape(title)}</figcaption>"
        f"{svg}</figure>"
        for title, svg in figures(report, {}, Ink())
    )
    return (
        f"<b>{escape(report.recipe)}</b><ul>{said}</ul>"
        "<div style='display:flex;flex-wrap:wrap;padding:8px;background:white;"
        "color:#333'>"
        f"{plots}</div>"
    )


def model_html(spec: ModelSpec) -> str:
    """Return a model's card."""
    commercial = "allowed" if spec.commercial else "not allowed"
    rows = [
        ("Model", f"<b>{escape(spec.title)}</b> ({escape(spec.name)})"),
        ("For", escape(spec.intended_use)),
        ("Domain", escape(spec.domain)),
        ("Architecture", escape(spec.architecture)),
        ("Licence", f"{escape(spec.licence)}; commercial use {commercial}"),
        ("Access", "gated: accept its terms first" if spec.gated else "open"),
        ("Notes", escape(spec.notes)),
    ]
    return _table(rows)


_LOOKS: dict[type, Callable[[Any], str]] = {
    Session: session_html,
    Mask: mask_html,
    Prediction: prediction_html,
    TrainedModel: head_html,
    LoadedHead: head_html,
    Report: report_html,
    ModelSpec: model_html,
}


def _labelled(session: Session, image: Image) -> str:
    """Return a thumbnail of the middle plane, labels over it."""
    from PIL import Image as Picture

    rows, cols = image.plane_shape
    scale = min(1.0, _SIZE / max(rows, cols))
    region = Region(
        0, 0, rows, cols, max(1, round(rows * scale)), max(1, round(cols * scale))
    )
    plane = image.n_planes // 2
    base = Picture.open(io.BytesIO(picture_of(image, plane, region))).convert("RGB")
    pixels = np.array(base, np.float32)
    if any(item.image == image.name for item in session.labelling.accepted):
        labels = session.labels(image.name).reshape(image.n_planes, rows, cols)[plane]
        seen = labels[region.nearest(image.plane_shape, labels.shape)]
        for label_class in session.classes[1:]:
            inside = seen == label_class.value
            tint = np.array(rgb(label_class.colour), np.float32)
            pixels[inside] = 0.5 * pixels[inside] + 0.5 * tint
    return _png(pixels.astype(np.uint8))


def _fullest(data: Any) -> tuple[NDArray[Any], int | None]:
    if len(data.shape) == 2:
        step = max(1, max(data.shape) // (4 * _SIZE))
        return np.asarray(data[::step, ::step]), None
    index = int(np.argmax((data > 0).sum((1, 2))))
    return data[index], index


def _png(pixels: NDArray[np.uint8]) -> str:
    from PIL import Image as Picture

    picture = Picture.fromarray(pixels)
    picture.thumbnail((_SIZE, _SIZE), Picture.Resampling.NEAREST)
    held = io.BytesIO()
    picture.save(held, "PNG")
    code = base64.b64encode(held.getvalue()).decode()
    return f"<img src='data:image/png;base64,{code}' alt=''>"


def _size(image: Image) -> str:
    return " x ".join(map(str, image.shape))


def _chip(label_class: LabelClass) -> str:
    colour = colour_of(label_class)
    return (
        f"<span style='display:inline-block;width:.8em;height:.8em;background:{colour};"
        "border:1px solid #808080;margin-right:.4em'></span>"
    )


def _legend(classes: Iterable[LabelClass], counts: dict[int, int]) -> str:
    return "<br>".join(
        _chip(c)
        + escape(c.name)
        + (f" · {counts[c.value]} marks" if counts.get(c.value) else "")
        for c in classes
    )


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        inside = [(escape(str(k)), _plain(v)) for k, v in value.items()]
        return _table(inside)
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)) and len(value) > 8:
        return f"{len(value)} entries"
    return escape(str(value))


def _table(rows: Iterable[tuple[str, str]]) -> str:
    """Return rows of name and (already escaped) value; those without value left out."""
    cells = "".join(
        f"<tr><th style='text-align:left'>{name}</th>"
        f"<td style='text-align:left'>{value}</td></tr>"
        for name, value in rows
        if value
    )
    return f"<table>{cells}</table>"
