"""What heads see of a plane: tokens, deep tokens, filters; each computed once."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import Grid
from napari_medfm.core.results import Embedding
from napari_medfm.engine.filters import filter_bank, filter_count, tones

Floats = NDArray[np.float32]
Kind = Literal["tokens", "deep", "filters", "blend", "object", "bag"]
"""Rows of planes, a blend of two; and of objects and images, seen elsewhere."""
KINDS: tuple[Kind, ...] = ("tokens", "deep", "filters", "blend", "object", "bag")
_FLOOR = 1e-3


@dataclass(frozen=True, eq=False)
class Standard:
    """What the features of a plane are centred and scaled by.

    Parameters
    ----------
    mean, power
        Of the tokens: (blocks, dim), and the root of the mean power (blocks, 1).
    tones
        Of the channels, see `napari_medfm.engine.filters.tones`.
    """

    mean: Floats
    power: Floats
    tones: Floats

    @classmethod
    def of(cls, layers: NDArray[np.float16], channels: Floats) -> Standard:
        """Measure tokens (..., blocks, dim) and channels (rows, cols, channels)."""
        means, powers = [], []
        for block in range(layers.shape[-2]):
            values = layers[..., block, :].astype(np.float32)
            mean = values.mean(tuple(range(values.ndim - 1)))
            means.append(mean)
            powers.append(max(float(np.sqrt(np.square(values - mean).mean())), _FLOOR))
        power = np.array(powers, np.float32)[:, None]
        return cls(np.stack(means), power, tones(channels))


@dataclass(frozen=True, eq=False)
class PlaneFeatures:
    """The features of one plane. Build it with `plane_features`; any thread may read.

    It may also be a part of a plane too large to be held: then positions are counted
    from its own first pixel, and ``standard`` is the whole plane's.

    Token features are centred on the plane and scaled to unit power, block by block:
    what is common to a whole image says more about the scanner than about the tissue.

    Parameters
    ----------
    layers
        float16 (rows, cols, blocks, dim), as the encoder gave them.
    grid
        Where the tokens lie.
    channels
        float32 (height, width, channels) in [0, 1].
    key, encoder
        Of the embedding.
    origin
        Position of its first pixel on the plane.
    standard
        What it is centred by; measured on itself if None.
    """

    layers: NDArray[np.float16]
    grid: Grid
    channels: Floats
    key: str
    encoder: str
    origin: tuple[int, int] = (0, 0)
    standard: Standard | None = None
    _lock: Any = field(default_factory=threading.Lock, repr=False)
    _bank_lock: Any = field(default_factory=threading.Lock, repr=False)

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the plane."""
        return self.channels.shape[0], self.channels.shape[1]

    @property
    def nbytes(self) -> int:
        """Memory held now, including what was computed on demand."""
        made = [vars(self).get(name) for name in ("_tokens", "_bank")]
        parts = [
            self.layers,
            self.channels,
            *(part for part in made if part is not None),
        ]
        return sum(int(part.nbytes) for part in parts)

    def width(self, kind: Kind) -> int:
        """Return the numbers per row of a kind."""
        blocks, dim = self.layers.shape[2:]
        counts = {"tokens": dim, "deep": blocks * dim}
        return counts.get(kind) or filter_count(self.channels.shape[-1])

    @property
    def tokens(self) -> Floats:
        """The encoder's output (rows * cols, dim)."""
        with self._lock:
            return self._tokens

    @property
    def deep(self) -> Floats:
        """All blocks side by side (rows * cols, blocks * dim); not kept in memory."""
        return self.rows("deep", slice(None))

    @property
    def filters(self) -> NDArray[np.float16]:
        """The filter bank (height, width, filters); tokens never wait for it."""
        with self._bank_lock:
            return self._bank

    def rows(self, kind: Kind, index: Any) -> Floats:
        """Return rows of a kind as float32 (n, width).

        Parameters
        ----------
        index
            Of tokens (row by row over the grid), or for filters of pixels (row by row
            over the plane): a slice or an array.
        """
        part: Floats
        if kind == "tokens":
            part = self.tokens[index]
        elif kind == "filters":
            bank = self.filters.reshape(-1, self.width(kind))
            part = bank[index].astype(np.float32)
        else:
            mean, power = self._standard.mean, self._standard.power
            flat = self.layers.reshape(-1, *self.layers.shape[2:])
            part = (flat[index].astype(np.float32) - mean) / power
            part = part.reshape(len(part), -1)
        return part

    @cached_property
    def _standard(self) -> Standard:
        return self.standard or Standard.of(self.layers, self.channels)

    @cached_property
    def _tokens(self) -> Floats:
        mean, power = self._standard.mean, self._standard.power
        tokens: Floats = self.layers[:, :, -1].astype(np.float32) - mean[-1]
        tokens /= power[-1]
        return tokens.reshape(-1, tokens.shape[-1])

    @cached_property
    def _bank(self) -> NDArray[np.float16]:
        return filter_bank(self.channels, self._standard.tones)


def plane_features(embedding: Embedding, channels: Floats) -> PlaneFeatures:
    """Describe a plane by its embedding and its channels (height, width, channels)."""
    return PlaneFeatures(
        layers=embedding.layers,
        grid=embedding.grid,
        channels=channels,
        key=embedding.key,
        encoder=embedding.encoder,
    )
