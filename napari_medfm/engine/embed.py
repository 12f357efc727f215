"""Tokens of a plane: resized, mirrored, shifted, blended, interleaved."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadFile
from napari_medfm.core.geometry import Grid
from napari_medfm.core.jobs import Progress, Steps
from napari_medfm.core.specs import Encoder, EncoderSpec
from napari_medfm.engine.resize import resized_plane
from napari_medfm.engine.windows import (
    DEFAULT_POLICY,
    WindowPlan,
    WindowPolicy,
    plan_windows,
    ramp,
)

Tokens = NDArray[np.float16]
Pixels = NDArray[np.float32]
_VERSION = 1
_BATCH_TOKENS = 1400
_LARGEST = np.float32(np.finfo(np.float16).max)


def embedding_key(
    pixels_sha: str,
    window: Sequence[Sequence[float]],
    encoder: Encoder,
    shifts: bool,
    policy: WindowPolicy = DEFAULT_POLICY,
) -> str:
    """Name an embedding by all that decides it.

    Parameters
    ----------
    pixels_sha
        Content hash of the plane, dtype and shape included.
    window
        Intensities shown as 0 and 1, per channel.

    Returns
    -------
    SHA-256 in hexadecimal.
    """
    spec = encoder.spec
    facts = {
        "version": _VERSION,
        "pixels": pixels_sha,
        "window": [[float(value) for value in pair] for pair in window],
        "encoder": spec.name,
        "weights": encoder.weights_hash,
        "preprocessing": [spec.input_size, spec.patch, spec.mean, spec.std],
        "blocks": spec.blocks,
        "shifts": bool(shifts),
        "policy": asdict(policy),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def embed_rgb(
    rgb: Pixels,
    encoder: Encoder,
    *,
    shifts: bool = True,
    policy: WindowPolicy = DEFAULT_POLICY,
) -> Steps[tuple[Tokens, Grid]]:
    """Compute the tokens of one plane.

    Parameters
    ----------
    rgb
        float32 (rows, cols, 3) in [0, 1].
    shifts
        Four passes, half a patch apart, interleaved into a grid of half the stride;
        one pass if False.

    Returns
    -------
    layers
        float16 (rows, cols, layers, dim).
    grid
        Where they lie on the plane.

    Raises
    ------
    BadInput
        If the plane is empty.
    BadFile
        If the encoder gives values that are not numbers.
    """
    plan = plan_windows(rgb.shape[:2], encoder.spec, shifts=shifts, policy=policy)
    canvas = _canvas(rgb, plan)
    finer = len(plan.shifts)
    layers: Tokens | None = None
    batches = list(_batches(plan))
    done, total = 0, len(batches) * len(plan.passes)
    for number, shift in enumerate(plan.passes):
        blend = _Blend(plan)
        for corners in batches:
            yield Progress(done, total, f"embedding with {encoder.spec.title}")
            blend.add(corners, encoder.encode(_windows(canvas, plan, shift, corners)))
            done += 1
        tokens = blend.result()
        check_finite(tokens, encoder.spec)
        if layers is None:
            grid = plan.grid
            layers = np.empty((grid.rows, grid.cols, *tokens.shape[2:]), np.float16)
        row, col = divmod(number, finer)
        layers[row::finer, col::finer] = np.clip(tokens, -_LARGEST, _LARGEST)
    assert layers is not None  # noqa: S101  a plan has at least one pass
    return layers, plan.grid


def _canvas(rgb: Pixels, plan: WindowPlan) -> Pixels:
    """Resize the plane, antialiased, and mirror it out to all that the passes see."""
    resized = resized_plane(rgb, plan.content)
    return np.pad(resized, (*plan.margin, (0, 0)), mode="symmetric")


def _batches(plan: WindowPlan) -> Iterator[list[tuple[int, int]]]:
    """Cut the windows into batches that a CPU's cache likes."""
    size = max(1, _BATCH_TOKENS // (plan.window[0] * plan.window[1]))
    corners = list(plan.corners)
    for first in range(0, len(corners), size):
        yield corners[first : first + size]


def _windows(
    canvas: Pixels,
    plan: WindowPlan,
    shift: tuple[int, int],
    corners: list[tuple[int, int]],
) -> Pixels:
    height, width = (n * plan.patch for n in plan.window)
    pieces = []
    for row, col in corners:
        top = row * plan.patch + shift[0] - plan.shifts[0]
        left = col * plan.patch + shift[1] - plan.shifts[0]
        pieces.append(canvas[top : top + height, left : left + width])
    return np.ascontiguousarray(np.stack(pieces), np.float32)


class _Blend:
    """Overlapping windows of one pass, averaged; a window's middle weighs most."""

    def __init__(self, plan: WindowPlan) -> None:
        self._plan = plan
        rows, cols = (ramp(n) for n in plan.window)
        self._weight = np.outer(rows, cols).astype(np.float32)[..., None, None]
        self._sum: Pixels | None = None
        self._seen = np.zeros((*plan.tokens, 1, 1), np.float32)

    def add(self, corners: list[tuple[int, int]], tokens: Pixels) -> None:
        """Add windows (n, rows, cols, layers, dim) at their corners."""
        if len(self._plan.corners) == 1:
            self._sum = tokens[0]
            return
        if self._sum is None:
            self._sum = np.zeros((*self._plan.tokens, *tokens.shape[3:]), np.float32)
        height, width = self._plan.window
        for (row, col), window in zip(corners, tokens, strict=True):
            place = np.s_[row : row + height, col : col + width]
            self._sum[place] += self._weight * window
            self._seen[place] += self._weight

    def result(self) -> Pixels:
        """Return the tokens of the pass, (rows, cols, layers, dim)."""
        assert self._sum is not None  # noqa: S101  a plan has at least one window
        if len(self._plan.corners) > 1:
            self._sum /= self._seen
        return self._sum


def check_finite(tokens: NDArray[np.floating], spec: EncoderSpec) -> None:
    """Refuse what an encoder with damaged weights gives.

    Raises
    ------
    BadFile
        If there is a value that is not a number.
    """
    if not np.isfinite(tokens).all():
        raise BadFile(
            f"{spec.name} gave values that are not numbers: its weights are damaged; "
            "fetch them again"
        )
