"""Encoders whose tokens say where and what they saw."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medfm.core.specs import EncoderSpec

SCALE = 2048


def spec_of(patch, input_size, dim=6):
    return EncoderSpec(
        name="compass",
        title="Compass",
        domain="general",
        architecture="patch means",
        input_size=input_size,
        licence="BSD-3-Clause",
        commercial=True,
        intended_use="tests",
        patch=patch,
        dim=dim,
        prefix_tokens=0,
        blocks=(0,),
    )


class Compass:
    """Tokens are the mean colour of each patch, in two halves that float16 can hold."""

    weights_hash = "compass"

    def __init__(self, patch=14, input_size=112):
        self.spec = spec_of(patch, input_size)
        self.batches = []

    def encode(self, batch):
        assert batch.dtype == np.float32
        assert batch.flags.c_contiguous
        self.batches.append(batch.shape)
        p = self.spec.patch
        n, height, width, _ = batch.shape
        patches = batch.reshape(n, height // p, p, width // p, p, 3)
        means = patches.mean((2, 4), dtype=np.float64)
        coarse = means.astype(np.float16).astype(np.float64)
        halves = np.concatenate([coarse, (means - coarse) * SCALE], -1)
        return halves[:, :, :, None].astype(np.float32)


def colours(layers):
    """What a `Compass` saw: float64 (rows, cols, 3)."""
    tokens = layers[:, :, 0].astype(np.float64)
    return tokens[..., :3] + tokens[..., 3:] / SCALE


@pytest.fixture
def compass():
    return Compass


@pytest.fixture
def seen():
    return colours


@pytest.fixture
def run():
    """Drain a generator; return its answer and what it yielded."""

    def drain(steps):
        yielded = []
        try:
            while True:
                yielded.append(next(steps))
        except StopIteration as stop:
            return stop.value, yielded

    return drain
