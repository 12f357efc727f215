"""Labelled pixels as heads see them: rows of features with weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.labels import Annotation
from napari_medfm.engine.features import Kind, PlaneFeatures
from napari_medfm.engine.projection import Projection
from napari_medfm.engine.sums import RidgeSums, fold
from napari_medfm.engine.uncertainty import landmarks

_MOST_ROWS = 256
_FEW_ROWS = 16
_KNOWN_ROWS = 8


@dataclass(frozen=True, eq=False)
class Example:
    """What one annotation says about one plane.

    Parameters
    ----------
    annotation, image, group, plane, value, gesture
        Where it comes from, and the class value it gives.
    pixels
        Positions (n, 2) on the plane, at most 256, chosen by a fixed seed.
    token_index, token_weight
        Tokens nearest to *all* its pixels (at most 256) and how much each was painted,
        on average 1.
    features
        Of the plane; rows are taken from it when a head asks.
    weight
        1 if it is certain, less if it is only probable.
    """

    annotation: int
    image: str
    group: str
    plane: int
    value: int
    gesture: str
    pixels: NDArray[np.int32]
    token_index: NDArray[np.intp]
    token_weight: NDArray[np.float64]
    features: PlaneFeatures
    weight: float = 1.0

    def rows(
        self, kind: Kind, projection: Projection | None = None
    ) -> NDArray[np.float32]:
        """Return feature rows (n, width): one a token, or for filters one a pixel.

        A blend needs the projection of its tokens, and has one row a pixel too.
        """
        if projection is not None:
            return projection.rows(self.features, self.pixels)
        if kind == "filters":
            index = self.pixels[:, 0] * self.features.shape[1] + self.pixels[:, 1]
            return self.features.rows(kind, index)
        return self.features.rows(kind, self.token_index)

    def weights(self, kind: Kind) -> NDArray[np.float64]:
        """Return the weight of each of `rows`."""
        if kind in ("filters", "blend"):
            share = self.token_weight.sum() / len(self.pixels)
            return np.full(len(self.pixels), share * self.weight)
        return self.token_weight * self.weight

    @cached_property
    def sums(self) -> RidgeSums:
        """What ridge regression needs of its tokens."""
        return RidgeSums.of(self.rows("tokens"), self.value, self.weights("tokens"))


def examples_of(
    annotation: Annotation, group: str, features: Mapping[int, PlaneFeatures]
) -> tuple[Example, ...]:
    """Turn an annotation into examples: one a click, or one a plane for a mask.

    Parameters
    ----------
    group
        Patient, slide or centre of the image.
    features
        Of each plane it touches; plane 0 of a picture.
    """
    pixels = annotation.pixels
    if pixels.shape[1] == 2:
        pixels = np.insert(pixels, 0, 0, axis=1)
    return tuple(
        _example(annotation, group, plane, gesture, features[plane])
        for plane in np.unique(pixels[:, 0]).tolist()
        for gesture in _gestures(annotation, pixels[pixels[:, 0] == plane, 1:])
    )


def _gestures(
    annotation: Annotation, pixels: NDArray[np.int32]
) -> list[NDArray[np.int32]]:
    """Each click stands for itself, so that one can be held out without the others."""
    return list(pixels[:, None]) if annotation.kind == "points" else [pixels]


def _example(
    annotation: Annotation,
    group: str,
    plane: int,
    pixels: NDArray[np.int32],
    features: PlaneFeatures,
) -> Example:
    seed = [annotation.id, plane]
    grid = features.grid
    near = grid.nearest(pixels)
    tokens, counts = near @ (grid.cols, 1), np.ones(1)
    if len(pixels) > 1:
        tokens, counts = np.unique(tokens, return_counts=True)
    chosen = _chosen(seed, len(tokens))
    counts = counts[chosen].astype(np.float64)
    return Example(
        annotation=annotation.id,
        image=annotation.image,
        group=group,
        plane=plane,
        value=annotation.value,
        gesture=annotation.kind,
        pixels=pixels[_chosen(seed, len(pixels))],
        token_index=tokens[chosen].astype(np.intp),
        token_weight=counts / counts.mean(),
        features=features,
        weight=annotation.weight,
    )


def _chosen(seed: list[int], count: int) -> NDArray[np.intp]:
    if count <= _MOST_ROWS:
        return np.arange(count)
    rng = np.random.default_rng(seed)
    return np.sort(rng.choice(count, _MOST_ROWS, replace=False))


def certain(examples: Sequence[Example]) -> list[Example]:
    """Return what was labelled for certain; of classes with nothing such, all."""
    sure = {example.value for example in examples if example.weight == 1}
    return [e for e in examples if e.weight == 1 or e.value not in sure]


def stacked(
    examples: Sequence[Example], kind: Kind, projection: Projection | None = None
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float64]]:
    """Join the rows, class values and weights of examples, in their order."""
    rows = [example.rows(kind, projection) for example in examples]
    values = [np.full(len(r), e.value) for r, e in zip(rows, examples, strict=True)]
    weights = [example.weights(kind) for example in examples]
    return (
        np.concatenate(rows),
        np.concatenate(values).astype(np.int64),
        np.concatenate(weights),
    )


def token_sums(examples: Sequence[Example]) -> RidgeSums:
    """Add what ridge regression needs of the tokens of examples, in their order.

    Large annotations keep their own sums; clicks are summed together, class by class,
    from their rows, which is faster than keeping a matrix for each.
    """
    few = [e for e in examples if len(e.token_index) <= _FEW_ROWS]
    parts = [e.sums for e in examples if len(e.token_index) > _FEW_ROWS]
    for value in sorted({e.value for e in few}):
        rows, _, weights = stacked([e for e in few if e.value == value], "tokens")
        parts.append(RidgeSums.of(rows, value, weights))
    return fold(parts)


def known_tokens(examples: Sequence[Example]) -> NDArray[np.float16]:
    """Return tokens that lie near all labelled ones, for novelty."""
    parts = []
    for example in [e for e in examples if e.weight == 1] or examples:
        step = -(-len(example.token_index) // _KNOWN_ROWS)
        parts.append(example.features.rows("tokens", example.token_index[::step]))
    return landmarks(np.concatenate(parts))
