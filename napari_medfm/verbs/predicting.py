"""Apply a trained model to a plane at full resolution."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import Grid
from napari_medfm.engine.features import Kind, PlaneFeatures
from napari_medfm.engine.probability import decide
from napari_medfm.engine.threads import one_blas_thread
from napari_medfm.engine.uncertainty import novelty, uncertainty
from napari_medfm.engine.upsample import corners, upsample_maps
from napari_medfm.verbs.trained import Expert, TrainedModel

Floats = NDArray[np.float32]
_CHUNK = 8192
_FINE = ("filters", "blend")
_LARGE = 600_000
_TOKENS = 8000


def predict_plane(
    model: TrainedModel,
    features: PlaneFeatures,
    biases: Mapping[int, float] | None = None,
) -> tuple[NDArray[Any], Floats, Floats]:
    """Label every pixel of a plane.

    Parameters
    ----------
    biases
        This image's own correction: class value -> number added to its logit.

    Returns
    -------
    labels, probabilities, uncertainty
        Class values, uint8 (uint16 above 255) (height, width); float32
        (classes, height, width) in the order of ``model.classes``; and where one more
        label would teach most, in [0, 1]: one minus the margin between the two most
        probable classes, times the novelty of the place if the model knows what it was
        taught (`napari_medfm.engine.uncertainty`).

    Raises
    ------
    BadInput
        If the model was made for features of another width: another encoder, or another
        number of channels.
    """
    logits = plane_logits(model, features, biases)
    labels, probabilities, margin = decide(logits, model.values)
    if model.known is None:
        return labels, probabilities, margin
    return labels, probabilities, uncertainty(margin, _novelty(model.known, features))


def plane_logits(
    model: TrainedModel,
    features: PlaneFeatures,
    biases: Mapping[int, float] | None = None,
) -> Floats:
    """Return the logits float32 (classes, height, width) that decide.

    Raises
    ------
    BadInput
        As `predict_plane`.
    """
    check_fits(model, features)
    shift = _shift(model, biases)
    grid = features.grid
    coarse = [expert for expert in model.experts if expert.kind not in _FINE]
    fine = [expert for expert in model.experts if expert.kind in _FINE]
    maps = np.tile(shift[:, None], grid.rows * grid.cols)
    for expert in coarse:
        maps += _all_rows(expert, features, grid.rows * grid.cols).T
    logits = upsample_maps(maps.reshape(-1, grid.rows, grid.cols), grid, features.shape)
    for expert in fine:
        logits += _fine_maps(expert, features)
    return _smoothed(logits, model.smoothing)


def pixel_logits(
    experts: Sequence[Expert], features: PlaneFeatures, pixels: NDArray[np.integer]
) -> list[Floats]:
    """Return each expert's own logits (n, classes) at pixels (n, 2).

    The same numbers that `plane_logits` adds there, before weights and smoothing, at
    the cost of these pixels only.
    """
    found = []
    index, weight = corners(features.grid, pixels)
    flat = pixels[:, 0] * features.shape[1] + pixels[:, 1]
    for expert in experts:
        if expert.projection is not None:
            rows = expert.projection.rows(features, pixels)
            found.append(expert.head.decision_function(rows))
            continue
        if expert.kind == "filters":
            found.append(expert.head.decision_function(features.rows("filters", flat)))
            continue
        tokens, inverse = np.unique(index, return_inverse=True)
        scores = expert.head.decision_function(features.rows(expert.kind, tokens))
        around = scores[inverse.reshape(index.shape)]
        found.append((around * weight[..., None]).sum(1))
    return found


def _novelty(known: NDArray[np.float16], features: PlaneFeatures) -> Floats:
    """How new every pixel of a plane is; of many tokens every second speaks."""
    grid = features.grid
    step = math.ceil(math.sqrt(grid.rows * grid.cols / _TOKENS))
    stride = (grid.stride[0] * step, grid.stride[1] * step)
    coarse = Grid(-(-grid.rows // step), -(-grid.cols // step), stride, grid.offset)
    tokens = features.tokens.reshape(grid.rows, grid.cols, -1)[::step, ::step]
    new = novelty(tokens.reshape(-1, tokens.shape[-1]), known.astype(np.float32))
    maps = new.reshape(1, coarse.rows, coarse.cols)
    everywhere: Floats = upsample_maps(maps, coarse, features.shape)[0]
    return everywhere


def check_fits(model: TrainedModel, features: PlaneFeatures) -> None:
    """Refuse features of another encoder or another number of channels.

    Raises
    ------
    BadInput
        If a width does not fit.
    """
    if model.known is not None:
        _check_tokens(features, "tokens", model.known.shape[1])
    for expert in model.experts:
        kind, want = expert.kind, expert.head.width
        if expert.projection is not None:
            _check_tokens(features, "deep", len(expert.projection.mean))
            kind, want = "filters", want - expert.projection.axes.shape[1]
        if kind != "filters":
            _check_tokens(features, kind, want)
        elif features.width(kind) != want:
            raise BadInput(
                "This head was trained on images with another number of channels "
                f"({want} filters, here {features.width(kind)}): use it on images of "
                "that kind"
            )


def _check_tokens(features: PlaneFeatures, kind: Kind, want: int) -> None:
    have = features.width(kind)
    if have != want:
        raise BadInput(
            f"This head was made with another encoder ({want} features a token; "
            f"{features.encoder!r} gives {have}): use the encoder named in its card"
        )


def _shift(model: TrainedModel, biases: Mapping[int, float] | None) -> Floats:
    shift = np.array(model.bias, np.float32)
    for value, bias in (biases or {}).items():
        if value in model.values:
            shift[model.values.index(value)] += bias
    return shift


def _all_rows(expert: Expert, features: PlaneFeatures, count: int) -> Floats:
    """Weighted logits (count, classes) of every token or pixel, a chunk at a time."""
    parts = []
    with one_blas_thread():
        if expert.kind == "tokens" and expert.head.spec.linear:
            parts.append(expert.head.decision_function(features.tokens))
        else:
            for first in range(0, count, _CHUNK):
                rows = features.rows(expert.kind, slice(first, first + _CHUNK))
                parts.append(expert.head.decision_function(rows))
    logits: Floats = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return logits if expert.weight == 1 else logits * np.float32(expert.weight)


def _fine_maps(expert: Expert, features: PlaneFeatures) -> Floats:
    """Weighted logits (classes, height, width) of an expert that looks at pixels.

    On a large plane every second pixel of every second row is asked, and the rest
    interpolated: what is smoothed afterwards needs no more.
    """
    height, width = features.shape
    step = 1 if height * width <= _LARGE else 2
    lattice = Grid(-(-height // step), -(-width // step), (step, step), (0.0, 0.0))
    cols = np.arange(0, width, step)
    rows_at_once = max(1, _CHUNK // len(cols))
    maps = expert.projection.maps(features) if expert.projection is not None else None
    parts = []
    for first in range(0, lattice.rows, rows_at_once):
        down = np.arange(first, min(first + rows_at_once, lattice.rows)) * step
        flat = (down[:, None] * width + cols).ravel()
        rows = features.rows("filters", flat)
        if maps is not None:
            band = slice(down[0], down[-1] + 1, step)
            tokens = upsample_maps(maps, features.grid, features.shape, band)
            beside = np.moveaxis(tokens[:, :, cols], 0, -1).reshape(len(rows), -1)
            rows = np.hstack([rows, beside])
        parts.append(expert.head.decision_function(rows))
    logits = np.concatenate(parts).T * np.float32(expert.weight)
    found = np.ascontiguousarray(logits).reshape(-1, lattice.rows, lattice.cols)
    return found if step == 1 else upsample_maps(found, lattice, features.shape)


def _smoothed(logits: Floats, sigma: float) -> Floats:
    if sigma <= 0:
        return logits
    from scipy.ndimage import gaussian_filter

    for row in logits:
        gaussian_filter(row, sigma, truncate=3, output=row)
    return logits
