"""The parts of a labelling as JSON values: annotations, regions, prompts, masks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadFile
from napari_medfm.core.forms import from_form, to_form
from napari_medfm.core.geometry import Box
from napari_medfm.core.image import Image
from napari_medfm.core.labels import IGNORE, Annotation, LabelClass, Prompt
from napari_medfm.core.results import Mask
from napari_medfm.core.runs import Runs, Values
from napari_medfm.core.state import Accepted

_LEVELS, _KINDS = {"pixel", "object", "image"}, {"points", "mask"}
_TYPES = {"uint8", "uint16", "uint32", "uint64"}


@dataclass(frozen=True)
class Writer:
    """Writes parts that lie on these images."""

    images: Mapping[str, Image]

    def item(self, name: str) -> Callable[[Any], Any]:
        """Return what writes an item of a list of the labelling."""
        return self._annotation if name == "annotations" else self._accepted

    def pair(self, name: str) -> Callable[[Any, Any], Any]:
        """Return what writes a value of a mapping of the labelling."""
        return {
            "prompts": lambda _, prompt: self._prompt(prompt),
            "masks": lambda _, mask: self._mask(mask),
            "thresholds": lambda _, bias: to_form(float(bias)),
            "objects": lambda _, labels: str(Values.of(labels)),
        }[name]

    def _annotation(self, item: Annotation) -> dict[str, Any]:
        form: dict[str, Any] = {}
        if item.plane is not None:
            form["plane"] = item.plane
        if item.provenance:
            form["provenance"] = to_form(dict(item.provenance))
        if item.weight != 1:
            form["weight"] = item.weight
        return form | {
            "id": item.id,
            "image": item.image,
            "value": item.value,
            "level": item.level,
            "kind": item.kind,
            "pixels": self._pixels(item),
        }

    def _pixels(self, item: Annotation) -> Any:
        """Runs where the pixels are in order, as they are; else a list."""
        image, pixels = self.images.get(item.image), item.pixels
        if image is not None and pixels.shape[1:] == (image.ndim,) and len(pixels):
            flat = np.ravel_multi_index(tuple(pixels.T.astype(np.intp)), image.shape)
            if (np.diff(flat) > 0).all():
                return str(Runs.of_indices(flat, image.shape))
        return {"list": pixels.tolist(), "axes": int(pixels.shape[1])}

    @staticmethod
    def _accepted(item: Accepted) -> dict[str, Any]:
        return _region_form(item.region) | {
            "image": item.image,
            "plane": item.plane,
            "labels": str(Values.of(item.labels)),
            "dtype": item.labels.dtype.name,
            "over": item.over,
            "origin": item.origin,
            "provenance": to_form(item.provenance),
        }

    @staticmethod
    def _prompt(item: Prompt) -> dict[str, Any]:
        return {
            "box": None if item.box is None else list(item.box),
            "points": None if item.points is None else item.points.tolist(),
            "point_labels": None
            if item.point_labels is None
            else item.point_labels.tolist(),
            "mask": None if item.mask is None else str(Runs.of(item.mask)),
            "within": None if item.within is None else str(Runs.of(item.within)),
        }

    @staticmethod
    def _mask(item: Mask) -> dict[str, Any]:
        return _region_form(item.region) | {
            "data": str(Runs.of(item.data)),
            "score": to_form(float(item.score)),
            "image": item.image,
            "plane": item.plane,
            "provenance": to_form(item.provenance),
            "alternatives": [str(Runs.of(other)) for other in item.alternatives],
            "of_image": item.image_uid is not None,
            "stability": to_form(float(item.stability)),
            "note": item.note,
        }


class Reader:
    """Reads parts, and asks for no more memory than it may.

    Parameters
    ----------
    budget
        Bytes that all arrays together may take.
    """

    def __init__(self, budget: int) -> None:
        self._left = budget

    def on(
        self, images: Mapping[str, Image], classes: Sequence[LabelClass]
    ) -> OnImages:
        """Return what reads parts on these images, of these classes."""
        return OnImages(self, images, frozenset(c.value for c in classes))

    def spend(self, nbytes: int) -> None:
        """Take from the budget.

        Raises
        ------
        BadFile
            If it is used up.
        """
        self._left -= nbytes
        if self._left < 0:
            raise BadFile("its masks do not fit into this machine's memory")

    @staticmethod
    def whole(value: Any) -> int:
        """Check a whole number from 0.

        Raises
        ------
        BadFile
            If it is something else.
        """
        if type(value) is not int or not 0 <= value < 2**53:
            raise BadFile("a number is none, or out of range")
        return value


@dataclass(frozen=True)
class OnImages:
    """Reads parts that lie on these images and have these class values."""

    reader: Reader
    images: Mapping[str, Image]
    values: frozenset[int]

    def item(self, name: str) -> Callable[[Any], Any]:
        """Return what reads an item of a list of the labelling."""
        return {"annotations": self._annotation, "accepted": self._accepted}[name]

    def pair(self, name: str) -> Callable[[Any, Any], Any]:
        """Return what reads a value of a mapping of the labelling."""
        return {
            "prompts": self._prompt,
            "masks": self._mask,
            "thresholds": lambda _, form: _number(form),
            "objects": self._objects,
        }[name]

    def key(self, form: Any) -> Any:
        """Read (image, number), or an image alone."""
        if isinstance(form, str):
            return self._image(form).name
        image, number = form
        self._image(image)
        return image, self.reader.whole(number)

    def _image(self, name: Any) -> Image:
        if not isinstance(name, str) or name not in self.images:
            raise BadFile(f"it speaks of an image {str(name)[:40]!r} that it lacks")
        return self.images[name]

    def _value(self, value: Any) -> int:
        if type(value) is not int or value not in self.values:
            raise BadFile("a label is of no class")
        return value

    def _annotation(self, form: Mapping[str, Any]) -> Annotation:
        image = self._image(form["image"])
        if form["level"] not in _LEVELS or form["kind"] not in _KINDS:
            raise BadFile("an annotation is of no kind")
        return Annotation(
            id=self.reader.whole(form["id"]),
            image=image.name,
            value=IGNORE.value
            if form["value"] == IGNORE.value
            else self._value(form["value"]),
            level=form["level"],
            kind=form["kind"],
            pixels=self._pixels(form["pixels"], image),
            plane=self._plane(image, form["plane"]) if "plane" in form else None,
            provenance=_record(form["provenance"]) if "provenance" in form else {},
            weight=_weight(form.get("weight", 1.0)),
        )

    def _objects(self, name: Any, form: Any) -> NDArray[np.int32]:
        shape = self._image(name).shape
        text = self._values(form, shape)
        self.reader.spend(math.prod(shape) * 12)
        return text.array().astype(np.int32)

    def _pixels(self, form: Any, image: Image) -> NDArray[np.int32]:
        if not isinstance(form, str):
            axes = self.reader.whole(form["axes"])
            found = np.array(form["list"], np.int32).reshape(-1, axes)
            inside = (found >= 0).all()
            if len(found) and (axes != image.ndim or not inside):
                raise BadFile("an annotation lies beside its image")
            if (found >= np.array(image.shape[:axes])).any():
                raise BadFile("an annotation lies beside its image")
            return found
        runs = self._runs(form, (image.shape,))
        spans = runs.spans()
        self.reader.spend(int((spans[:, 1] - spans[:, 0]).sum()) * (8 + 4 * image.ndim))
        places = np.unravel_index(runs.indices(), image.shape)
        return np.column_stack(places).astype(np.int32)

    def _accepted(self, form: Mapping[str, Any]) -> Accepted:
        image, plane, dtype = self._image(form["image"]), form["plane"], form["dtype"]
        if plane is not None and (image.ndim != 3 or self._plane(image, plane) is None):
            raise BadFile("a region lies beside its image")
        region = _region(form, image)
        lift = image.shape[:-2] if plane is None else ()
        shape = (*lift, *_size(image, region))
        if dtype not in _TYPES or not isinstance(form["over"], bool):
            raise BadFile("a region is described wrongly")
        text = self._values(form["labels"], shape)
        self.reader.spend(math.prod(shape) * (8 + np.dtype(dtype).itemsize))
        labels = text.array()
        if labels.max(initial=0) > np.iinfo(dtype).max:
            raise BadFile("a label does not fit into its type")
        for value in np.unique(labels).tolist():
            if value:
                self._value(value)
        return Accepted(
            image=image.name,
            plane=plane,
            labels=labels.astype(dtype),
            over=form["over"],
            origin=_text(form["origin"]),
            provenance=_record(form["provenance"]),
            region=region,
        )

    def _prompt(self, key: tuple[str, int], form: Mapping[str, Any]) -> Prompt:
        image = self._image(key[0])
        points, labels, box = form["points"], form["point_labels"], form["box"]
        clicks = None if points is None else np.array(points, float).reshape(-1, 2)
        marks = None if labels is None else np.array(labels, bool).reshape(-1)
        if (clicks is None) != (marks is None):
            raise BadFile("clicks have no meaning")
        if clicks is not None and marks is not None and len(clicks) != len(marks):
            raise BadFile("clicks have no meaning")
        mask, within = (
            None if text is None else self._bools(text, (image.plane_shape,))
            for text in (form["mask"], form.get("within"))
        )
        return Prompt(
            box=None if box is None else Box(*map(_number, box)),
            points=clicks,
            point_labels=marks,
            mask=mask,
            within=within,
        )

    def _mask(self, key: tuple[str, int], form: Mapping[str, Any]) -> Mask:
        image = self._image(key[0])
        region = _region(form, image)
        shapes: tuple[tuple[int, ...], ...] = (image.plane_shape, image.shape)
        if region is not None:
            shapes = (_size(image, region),)
        plane = form["plane"]
        return Mask(
            data=self._bools(form["data"], shapes),
            score=_number(form["score"]),
            image=_text(form["image"]),
            plane=None if plane is None else self._plane(image, plane),
            provenance=_record(form["provenance"]),
            alternatives=tuple(self._bools(o, shapes) for o in form["alternatives"]),
            image_uid=image.uid if form["of_image"] else None,
            stability=_number(form.get("stability", 1.0)),
            note=_text(form.get("note", "")),
            region=region,
        )

    @staticmethod
    def _plane(image: Image, plane: Any) -> int:
        if type(plane) is not int or not 0 <= plane < image.n_planes:
            raise BadFile("a mask lies on no plane")
        return plane

    def _bools(self, text: Any, shapes: Sequence[tuple[int, ...]]) -> NDArray[np.bool_]:
        runs = self._runs(text, shapes)
        self.reader.spend(math.prod(runs.shape))
        return runs.mask()

    @staticmethod
    def _runs(text: Any, shapes: Sequence[tuple[int, ...]]) -> Runs:
        runs = Runs(_text(text))
        if runs.shape not in shapes:
            raise BadFile(f"a mask of shape {runs.shape} does not fit its image")
        return runs

    @staticmethod
    def _values(text: Any, shape: tuple[int, ...]) -> Values:
        found = _text(text)
        if found.partition(":")[0] != "x".join(map(str, shape)):
            raise BadFile("labels do not fit their image")
        return Values(found)


def _region_form(region: Box | None) -> dict[str, Any]:
    return {} if region is None else {"region": [int(edge) for edge in region]}


def _region(form: Mapping[str, Any], image: Image) -> Box | None:
    edges = form.get("region")
    if edges is None:
        return None
    rows, cols = image.plane_shape
    whole = isinstance(edges, list) and [type(edge) for edge in edges] == [int] * 4
    if not whole or not (
        0 <= edges[0] < edges[2] <= rows and 0 <= edges[1] < edges[3] <= cols
    ):
        raise BadFile("a region lies beside its image")
    return Box(*edges)


def _size(image: Image, region: Box | None) -> tuple[int, int]:
    if region is None:
        return image.plane_shape
    return int(region.height), int(region.width)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise BadFile("a text is none")
    return value


def _record(form: Any) -> dict[str, Any]:
    found = from_form(form)
    if not isinstance(found, dict):
        raise BadFile("a provenance is no object")
    return found


def _weight(form: Any) -> float:
    weight = _number(form)
    if not 0 < weight <= 1:
        raise BadFile("an annotation has no weight")
    return weight


def _number(form: Any) -> float:
    value = from_form(form)
    if type(value) not in (int, float):
        raise BadFile("a number is none")
    return float(value)
