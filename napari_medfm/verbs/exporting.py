"""Write masks and heads, and say what to mind before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.arguments import choice_of, path_of
from napari_medfm.core.errors import BadInput
from napari_medfm.core.image import Image
from napari_medfm.core.jobs import Progress, Steps, Work
from napari_medfm.core.labels import Annotation, LabelClass, Level
from napari_medfm.core.lazy import values_of
from napari_medfm.core.results import Mask, Prediction, Written
from napari_medfm.core.runs import Runs, Values
from napari_medfm.core.state import Labelling
from napari_medfm.engine.atomic import atomic_bytes
from napari_medfm.engine.provenance import licence_notes, models_in, provenance_of
from napari_medfm.exporters import (
    export_labels,
    format_of,
    licence_sentences,
    patient_sentences,
    sentences_about,
)
from napari_medfm.verbs.accepting import accepted_region, check_of
from napari_medfm.verbs.advising import with_report
from napari_medfm.verbs.fitting import predict
from napari_medfm.verbs.headfile import save_head
from napari_medfm.verbs.labelling import contributions, label_map
from napari_medfm.verbs.onnxhead import onnx_bytes
from napari_medfm.verbs.overlaps import overlaps_of
from napari_medfm.verbs.workspace import Workspace


def export_masks(
    ws: Workspace,
    image: str,
    path: str | Path,
    what: Prediction | Mask | Runs | Values | NDArray[Any] | None = None,
    class_name: str | None = None,
) -> Work[Written]:
    """Write an image's label map, with its provenance beside it.

    Parameters
    ----------
    path
        Where to; the suffix chooses the format.
    what
        A prediction, a mask, or an array of class values of the image's shape. If
        None: what was accepted; if nothing was, what the head predicts; if there is no
        head, the masks in hand, as class 1.
    class_name
        Class of a mask or boolean array; the first class if there is just one.

    Returns
    -------
    Written
        The files written, a list; its ``warnings`` say what to mind about them.

    Raises
    ------
    BadInput
        If there is nothing to write, it is of another image, or the format is unknown
        or does not fit.
    WriteFailed
        If the folder cannot be written; what was there is as it was.
    """
    source, state = ws.image(image), ws.labelling
    target = path_of(path, "path")
    overlaps = what is None and "overlap" in format_of(target).keeps
    if what is None:
        content = _content(ws, source)
    else:
        given = _given(ws, source, what, class_name)
        content = partial(_at_once, given)
    classes = _classes(state, what)

    def steps() -> Steps[Written]:
        yield Progress(0, 1, "collecting")
        labels, facts = yield from content()
        yield Progress(0, 1, f"writing {target.name}")
        record = record_of(state, source, classes, facts)
        whole = overlaps_of(state, source) if overlaps else None
        return export_labels(target, labels, source, classes, record, whole)

    return Work(f"Exporting {image}", steps, lambda written: written)


def before_export(ws: Workspace, image: str, path: str | Path) -> list[str]:
    """Return, in plain sentences, what to mind before an image's labels are written.

    Non-commercial models they were made with, names and numbers of patients that the
    file would carry, and what the format cannot hold. Nothing is written.

    Parameters
    ----------
    path
        Where they would be written.

    Raises
    ------
    BadInput
        If the image is unknown, or the format is.
    """
    source, state = ws.image(image), ws.labelling
    target = path_of(path, "path")
    notes = licence_notes(
        models_in([a.provenance for a in state.accepted if a.image == image])
    )
    if not _has_labels(state, image):
        used = [m.provenance for (name, _), m in state.masks.items() if name == image]
        used += [] if state.head is None else [state.head.card]
        notes = licence_notes(models_in(used))
    return sentences_about(target, source, format_of(target), {"licence_notes": notes})


def before_table(ws: Workspace, images: Sequence[str], path: str | Path) -> list[str]:
    """Return what to mind before measurements or a dataset of images are written."""
    file, state = path_of(path, "path").name, ws.labelling
    made = [a.provenance for a in state.accepted if a.image in images]
    said = licence_sentences(licence_notes(models_in(made)))
    for name in images:
        image = ws.image(name)
        said += patient_sentences(file, name, image.source, None)
    return list(dict.fromkeys(said))


def before_head(ws: Workspace, level: Level = "pixel") -> list[str]:
    """Return what to mind before a head is written."""
    heads = {"pixel": ws.labelling.head, **ws.labelling.heads}
    model = heads.get(level)
    notes = licence_notes(models_in(None if model is None else model.card))
    return [f"This head is {note}: what it makes inherits that" for note in notes]


Content = tuple[NDArray[np.unsignedinteger[Any]], dict[str, Any]]


def _content(ws: Workspace, image: Image) -> Callable[[], Steps[Content]]:
    """Choose what is written, and take its snapshot."""
    state = ws.labelling
    if _has_labels(state, image.name):
        return lambda: _accepted(state, image)
    if state.head is not None:
        prediction = predict(ws, image.name)
        return lambda: _predicted(prediction)
    in_hand = {p: m for (name, p), m in state.masks.items() if name == image.name}
    if in_hand:
        stack = _stack(image, in_hand)
        regions = [{"plane": p, **m.provenance} for p, m in in_hand.items()]
        facts = {"what": "masks in hand", "regions": regions}
        return partial(_at_once, (stack, facts))
    raise BadInput(
        f"Nothing to export for {image.name!r}: accept a mask or train a head first"
    )


def record_of(
    state: Labelling,
    image: Image,
    classes: Sequence[LabelClass],
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the provenance of labels of an image.

    Parameters
    ----------
    facts
        What they are and how each was made: ``{"what": ..., "regions": [...]}``.
    """
    head = _head_in(facts)
    return provenance_of(
        image,
        annotations=_taught(state, image.name, head),
        classes=classes,
        head=head,
        content=facts,
    )


def accepted_facts(state: Labelling, image: Image) -> dict[str, Any]:
    """Return what the accepted labels of an image are made of."""
    regions = [
        {
            "plane": a.plane,
            "origin": a.origin,
            "pixels": pixels,
            "values": [v for v in values_of(a.labels) if v],
            **a.provenance,
        }
        for a, pixels in contributions(state, image)
    ]
    return {"what": "accepted labels", "regions": regions}


def _at_once(content: Content) -> Steps[Content]:
    yield Progress(0, 1, "collecting")
    return content


def _accepted(state: Labelling, image: Image) -> Steps[Content]:
    yield Progress(0, 1, "collecting")
    return label_map(state, image), accepted_facts(state, image)


def _predicted(work: Work[Prediction]) -> Steps[Content]:
    found: Prediction = yield from work.steps()
    return found.labels, {"what": "prediction", "regions": [found.provenance]}


def _given(ws: Workspace, image: Image, what: Any, class_name: str | None) -> Content:
    """Return what the caller wants written, with how it was made."""
    if isinstance(what, Prediction):
        check_of(what, image)
        return what.labels, {"what": "prediction", "regions": [what.provenance]}
    state = ws.labelling
    if class_name is None and len(state.classes) == 1:
        state, class_name = state.but(classes=_classes(state, what)), _OBJECT.name
    item = accepted_region(
        state,
        image,
        what,
        class_name,
        None,
        None,
        getattr(what, "provenance", None),
        getattr(what, "region", None),
    )
    alone = state.but(accepted=(item,))
    kind = "mask" if item.over else "given labels"
    facts = {"plane": item.plane, "origin": item.origin, **item.provenance}
    return label_map(alone, image), {"what": kind, "regions": [facts]}


_OBJECT = LabelClass("object", 1, "#e69f00")


def _classes(state: Labelling, what: Any) -> tuple[LabelClass, ...]:
    if isinstance(what, Prediction) and what.classes:
        return what.classes
    return state.classes if len(state.classes) > 1 else (*state.classes, _OBJECT)


def _head_in(facts: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the card of the head that the labels came from; the last, if several."""
    cards = [region["head"] for region in facts["regions"] if "head" in region]
    return cards[-1] if cards else None


def _taught(
    state: Labelling, image: str, head: Mapping[str, Any] | None
) -> list[Annotation]:
    """Return the annotations of an image that a head was trained on."""
    card = {} if head is None else head
    learned = {(a["image"], a["id"]) for a in card.get("annotations", ())}
    return [a for a in state.annotations if (image, a.id) in learned]


def _stack(image: Image, masks: Mapping[int, Mask]) -> NDArray[np.uint8]:
    labels = np.zeros((image.n_planes, *image.plane_shape), np.uint8)
    for plane, mask in masks.items():
        part = (...,) if mask.region is None else mask.region.slices
        labels[plane][part][mask.data] = 1
    return labels.reshape(image.shape)


def export_head(ws: Workspace, path: str | Path, level: Level = "pixel") -> Work[Path]:
    """Write the session's head as one safetensors file with its card, or as ONNX.

    The card holds the `report` of the same labels, if one was made.

    Parameters
    ----------
    path
        A .head.safetensors file, which this program reads again; or an .onnx file, from
        features to probabilities without the encoder, for other programs.
    level
        Which of the session's heads.

    Raises
    ------
    BadInput
        If there is no head, or it cannot be written as ONNX.
    WriteFailed
        If the folder cannot be written.
    """
    choice_of(level, "level", get_args(Level))
    heads = {"pixel": ws.labelling.head, **ws.labelling.heads}
    model = heads.get(level)
    if model is None:
        raise BadInput("There is no head yet: annotate two classes and fit first")
    model = with_report(ws, model)
    target = path_of(path, "path")
    if not target.name.endswith((".safetensors", ".onnx")):
        raise BadInput(
            f"A head's file ends in .head.safetensors or .onnx, not {target.name!r}"
        )

    def steps() -> Steps[Path]:
        yield Progress(0, 1, f"writing {target.name}")
        if target.suffix == ".onnx":
            atomic_bytes(target, onnx_bytes(model))
        else:
            save_head(target, model)
        return target

    return Work("Exporting the head", steps, lambda written: written)


def _has_labels(state: Labelling, name: str) -> bool:
    return any(item.image == name for item in state.accepted)
