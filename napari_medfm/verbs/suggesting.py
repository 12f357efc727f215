"""Where to label next, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_medfm.engine.features import PlaneFeatures
from napari_medfm.engine.uncertainty import (
    k_centre,
    margin_uncertainty,
    novelty,
    uncertainty,
)
from napari_medfm.verbs.examples import Example
from napari_medfm.verbs.predicting import check_fits, pixel_logits
from napari_medfm.verbs.trained import TrainedModel

_CANDIDATES = 512
_POOL = 8
_NOVEL = 0.7
_UNSURE = 0.5


@dataclass(frozen=True)
class Suggestion:
    """A place worth a label.

    Parameters
    ----------
    position
        (row, col) on the plane, whole pixels.
    plane
        Plane of the volume; 0 for a picture.
    uncertainty
        Margin times novelty, in [0, 1].
    reason
        One sentence for the user.
    """

    position: tuple[int, int]
    plane: int
    uncertainty: float
    reason: str


def suggest(
    features: Sequence[tuple[int, PlaneFeatures]],
    model: TrainedModel,
    labelled: Sequence[Example],
    n: int = 5,
) -> list[Suggestion]:
    """Choose places that are unsure, unlike what is labelled, and unlike one another.

    The most uncertain tokens of all planes are thinned by greedy k-centre. Uncertainty
    is that of predictions, margin times novelty, with all labelled tokens as what is
    known.

    Parameters
    ----------
    features
        Plane and features of each place to choose from.
    labelled
        What has been labelled, on any image.

    Raises
    ------
    BadInput
        If the model does not fit the features.
    """
    known = [example.rows("tokens") for example in labelled]
    seen = np.concatenate(known) if known else np.empty((0, 0), np.float32)
    found = [
        _candidates(plane, part, model, seen)
        for plane, part in sorted(features, key=lambda f: (f[0], f[1].origin))
    ]
    if not found or n < 1:
        return []
    score = np.concatenate([part.score for part in found])
    rows = np.concatenate([part.rows for part in found])
    order = np.argsort(-score, kind="stable")[: max(n * _POOL, n)]
    places = [place for part in found for place in part.places]
    chosen = k_centre(rows[order], 0, n)
    return [places[order[i]] for i in chosen]


@dataclass(frozen=True, eq=False)
class _Candidates:
    score: NDArray[np.float32]
    rows: NDArray[np.float32]
    places: list[Suggestion]


def _candidates(
    plane: int,
    features: PlaneFeatures,
    model: TrainedModel,
    seen: NDArray[np.float32],
) -> _Candidates:
    check_fits(model, features)
    grid = features.grid
    step = max(1, int(np.ceil(np.sqrt(grid.rows * grid.cols / _CANDIDATES))))
    rows, cols = np.mgrid[step // 2 : grid.rows : step, step // 2 : grid.cols : step]
    tokens = np.stack([rows.ravel(), cols.ravel()], 1)
    limits = np.array(features.shape) - 1
    pixels = np.clip(np.rint(grid.to_pixels(tokens)), 0, limits).astype(np.intp)
    parts = pixel_logits(model.experts, features, pixels)
    logits = np.array(model.bias) + sum(
        expert.weight * part for expert, part in zip(model.experts, parts, strict=True)
    )
    own = features.rows("tokens", tokens @ [grid.cols, 1])
    unsure = margin_uncertainty(logits)
    new = novelty(own, seen)
    names = {c.value: c.name for c in model.classes}
    best = np.argsort(-logits, axis=1, kind="stable")[:, :2]
    score = uncertainty(unsure, new)
    places = [
        Suggestion(
            (int(pixel[0]) + features.origin[0], int(pixel[1]) + features.origin[1]),
            plane,
            float(value),
            _reason([names[model.values[k]] for k in pair], float(u), float(d)),
        )
        for pixel, value, pair, u, d in zip(
            pixels, score, best, unsure, new, strict=True
        )
    ]
    return _Candidates(score, own, places)


def _reason(rivals: list[str], unsure: float, new: float) -> str:
    first, second = rivals
    unlike = "Unlike anything you labelled" if new > _NOVEL else ""
    if unsure > _UNSURE:
        undecided = f"the head is undecided between {first} and {second}"
        return f"{unlike}; {undecided}" if unlike else f"T{undecided[1:]}"
    guess = f"the head takes it for {first} rather than {second}"
    return f"{unlike or 'The least sure place that is left'}; {guess}"
