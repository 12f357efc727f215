"""Tokens of a volume's planes from an encoder that is three-dimensional itself.

The volume is brought to the encoder's voxel size, in thought only, and cut into *slabs*
along its planes, each as thick as the encoder's window and overlapping the next by
half. A slab is seen window by window, blended; a plane gets its tokens from the slab
whose middle is nearest, between the two layers of tokens that it lies between.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import Grid, Resize
from napari_medfm.core.jobs import Progress, Steps
from napari_medfm.core.specs import EncoderSpec, VolumeEncoder
from napari_medfm.engine.embed import check_finite
from napari_medfm.engine.resize import resized_part, resized_plane
from napari_medfm.engine.windows import ramp, starts

Layers = NDArray[np.float16]
Voxels = NDArray[np.float32]
Triple = tuple[int, int, int]
_LARGEST = np.float32(np.finfo(np.float16).max)
_OVERLAP = 0.25


@dataclass(frozen=True)
class VolumePlan:
    """Where everything lies, for one volume and one encoder; (plane, row, col) each.

    Parameters
    ----------
    shape
        Of the volume.
    content
        Voxels that it is resized to.
    patch
        Voxels a token, along each axis.
    tokens, window
        Tokens of the volume, and of one window.
    """

    shape: Triple
    content: Triple
    patch: int
    tokens: Triple
    window: Triple

    @property
    def slabs(self) -> list[int]:
        """First layer of tokens of each slab."""
        return _starts(self.tokens[0], self.window[0], 0.5)

    def slab_of(self, plane: int) -> int:
        """First layer of the slab that a plane is seen in."""
        layer = self.layer_of(plane)
        middle = (self.window[0] - 1) / 2
        return min(self.slabs, key=lambda first: abs(first + middle - layer))

    def planes_of(self, slab: int) -> list[int]:
        """Planes that are seen in a slab."""
        return [p for p in range(self.shape[0]) if self.slab_of(p) == slab]

    def layer_of(self, plane: int) -> float:
        """Where a plane lies among the layers of tokens."""
        scale = self.content[0] / self.shape[0]
        return ((plane + 0.5) * scale - 0.5 - (self.patch - 1) / 2) / self.patch

    @property
    def grid(self) -> Grid:
        """Where the tokens lie on a plane."""
        scale = tuple(c / n for c, n in zip(self.content, self.shape, strict=True))
        resize = Resize((0.0, 0.0), (scale[1], scale[2]))
        (offset,) = resize.to_pixels([[(self.patch - 1) / 2] * 2]).tolist()
        return Grid(
            *self.tokens[1:],
            (self.patch / scale[1], self.patch / scale[2]),
            (offset[0], offset[1]),
        )


def plan_volume(
    shape: Triple, spacing: tuple[float, ...] | None, spec: EncoderSpec
) -> VolumePlan:
    """Plan a volume.

    Parameters
    ----------
    spacing
        Millimetres a voxel, where known; the volume is seen as it is if None, or if the
        encoder has no voxel size of its own.
    """
    scale = [1.0, 1.0, 1.0]
    if spacing is not None and spec.spacing is not None:
        scale = [own / its for own, its in zip(spacing, spec.spacing, strict=True)]
    content = [max(1, round(n * s)) for n, s in zip(shape, scale, strict=True)]
    tokens = [math.ceil(n / spec.patch) for n in content]
    side = max(1, spec.input_size // spec.patch)
    window = [min(side, n) for n in tokens]
    return VolumePlan(
        shape,
        (content[0], content[1], content[2]),
        spec.patch,
        (tokens[0], tokens[1], tokens[2]),
        (window[0], window[1], window[2]),
    )


def slab_layers(
    read: Callable[[int], Voxels], plan: VolumePlan, slab: int, encoder: VolumeEncoder
) -> Steps[Layers]:
    """Return the tokens (layers of tokens, rows, cols, blocks, dim) of a slab.

    Parameters
    ----------
    read
        Returns a plane, float32 (rows, cols) in [0, 1].

    Raises
    ------
    BadFile
        If the encoder gives values that are not numbers.
    """
    voxels = _slab(read, plan, slab)
    corners = list(
        product(
            *(
                _starts(n, w, _OVERLAP)
                for n, w in zip(plan.tokens[1:], plan.window[1:], strict=True)
            )
        )
    )
    deep, high, wide = plan.window
    weight = np.outer(ramp(high), ramp(wide)).astype(np.float32)
    weight = weight[None, :, :, None, None]
    total: Voxels | None = None
    seen = np.zeros((1, *plan.tokens[1:], 1, 1), np.float32)
    for done, (row, col) in enumerate(corners):
        yield Progress(done, len(corners), f"embedding with {encoder.spec.title}")
        top, left = row * plan.patch, col * plan.patch
        part = voxels[:, top : top + high * plan.patch, left : left + wide * plan.patch]
        found = encoder.encode(np.ascontiguousarray(part[None]))[0]
        check_finite(found, encoder.spec)
        if total is None:
            total = np.zeros((deep, *plan.tokens[1:], *found.shape[3:]), np.float32)
        place = np.s_[:, row : row + high, col : col + wide]
        total[place] += weight * found
        seen[place] += weight
    assert total is not None  # noqa: S101  a slab has at least one window
    layers: Layers = np.clip(total / seen, -_LARGEST, _LARGEST).astype(np.float16)
    return layers


def plane_layers(layers: Layers, plan: VolumePlan, slab: int, plane: int) -> Layers:
    """Return the tokens (rows, cols, blocks, dim) of a plane from those of its slab."""
    position = min(max(plan.layer_of(plane) - slab, 0.0), len(layers) - 1.0)
    first = min(int(position), max(len(layers) - 2, 0))
    share = np.float32(position - first)
    if share == 0:
        own: Layers = layers[first].copy()
        return own
    one, other = layers[first].astype(np.float32), layers[first + 1]
    between: Layers = ((1 - share) * one + share * other).astype(np.float16)
    return between


def _slab(read: Callable[[int], Voxels], plan: VolumePlan, slab: int) -> Voxels:
    """Return the voxels that a slab sees, mirrored beyond the volume."""
    _, rows, cols = plan.content
    first = slab * plan.patch
    stop = min(first + plan.window[0] * plan.patch, plan.content[0])

    def flat(depth: slice, _: slice) -> Voxels:
        planes = [
            resized_plane(read(index)[..., None], (rows, cols)).reshape(1, -1)
            for index in range(depth.start, depth.stop)
        ]
        return np.stack(planes)

    part = slice(first, stop), slice(0, 1)
    size, into = (plan.shape[0], 1), (plan.content[0], 1)
    voxels = resized_part(flat, size, into, part).reshape(stop - first, rows, cols)
    wanted = (plan.window[0] * plan.patch, *(n * plan.patch for n in plan.tokens[1:]))
    beyond = [(0, w - n) for w, n in zip(wanted, voxels.shape, strict=True)]
    return np.pad(voxels, beyond, mode="symmetric")


def _starts(tokens: int, window: int, share: float) -> list[int]:
    """First token of each window along an axis; neighbours share a part of it."""
    return starts(tokens, window, min(window - 1, max(1, round(window * share))))
