"""Texts against pictures: maps of where a text applies, and which text fits a picture.

The vectors of a name's sentences are averaged, as in Radford et al., Learning
transferable visual models from natural language supervision, 2021.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadInput
from napari_medfm.core.specs import EncoderSpec, TextEncoder
from napari_medfm.engine.resize import resized_plane

Floats = NDArray[np.float32]


class JointTokens:
    """The picture tower of a text encoder as an `Encoder` of one joint layer."""

    def __init__(self, encoder: TextEncoder) -> None:
        self._encoder = encoder

    @property
    def spec(self) -> EncoderSpec:
        """Facts: one layer, as wide as the joint space."""
        own = self._encoder.spec
        name = f"{own.name} joint"
        return replace(own, name=name, dim=own.joint, blocks=(own.blocks[-1],))

    @property
    def weights_hash(self) -> str:
        """SHA-256 of the weights in use."""
        return self._encoder.weights_hash

    def encode(self, batch: Floats) -> Floats:
        """Vectors (n, rows, cols, 1, joint) of places."""
        return self._encoder.encode_joint(batch)[0][..., None, :]


def vectors_of(
    encoder: TextEncoder, names: Sequence[str], templates: Sequence[str] | None = None
) -> Floats:
    """Return unit vectors (n, joint) of names, each the mean of its sentences.

    Parameters
    ----------
    templates
        Sentences with "{}" where the name goes; the encoder's own if None.

    Raises
    ------
    BadInput
        If a name is empty, or a template has no place for it.
    """
    sentences = tuple(encoder.spec.templates if templates is None else templates)
    if not sentences or any("{}" not in sentence for sentence in sentences):
        raise BadInput(f'Each template needs a "{{}}" where the name goes: {sentences}')
    if not names or not all(name.strip() for name in names):
        raise BadInput("Give at least one text, and no empty ones")
    asked = [s.replace("{}", name) for name in names for s in sentences]
    each = encoder.encode_text(asked).reshape(len(names), len(sentences), -1)
    return _unit(each.mean(1))


def text_map(
    tokens: NDArray[np.floating], like: Floats, unlike: Floats, sharpness: float
) -> Floats:
    """Score places against texts.

    Parameters
    ----------
    tokens
        (rows, cols, joint).
    like, unlike
        Unit vectors (n, joint) of texts that are meant, and that are not; there may be
        none of the latter.
    sharpness
        What cosines are multiplied by before the softmax.

    Returns
    -------
    float32 (rows, cols) in [-1, 1]
        Against other texts: the probability of those meant, 0.5 as 0. Without: the
        cosine to the nearest text, after the plane's mean vector is taken off.
    """
    rows, cols, width = tokens.shape
    flat = tokens.reshape(-1, width).astype(np.float32)
    if not len(unlike):
        near: Floats = _unit(flat - flat.mean(0)) @ like.T
        best: Floats = near.max(1).clip(-1, 1).reshape(rows, cols)
        return best
    every = np.concatenate([like, unlike])
    shares = _softmax(sharpness * (_unit(flat) @ every.T))
    score: Floats = 2 * shares[:, : len(like)].sum(1) - 1
    return score.reshape(rows, cols)


def picture_vector(encoder: TextEncoder, rgb: Floats) -> Floats:
    """Return the unit vector (joint,) of a whole picture (rows, cols, 3) in [0, 1]."""
    spec = encoder.spec
    scale = spec.input_size / max(rgb.shape[:2])
    rows, cols = (
        max(1, round(side * scale / spec.patch)) * spec.patch for side in rgb.shape[:2]
    )
    whole = encoder.encode_joint(resized_plane(rgb, (rows, cols))[None])[1]
    unit: Floats = _unit(whole)[0]
    return unit


def shares_of(picture: Floats, texts: Floats, sharpness: float) -> Floats:
    """Return the probability (n,) of each text for a picture; they add up to 1."""
    shares: Floats = _softmax(sharpness * (picture @ texts.T)[None])[0]
    return shares


def _unit(values: Floats) -> Floats:
    length = np.linalg.norm(values, axis=-1, keepdims=True)
    unit: Floats = (values / np.maximum(length, 1e-12)).astype(np.float32)
    return unit


def _softmax(logits: Floats) -> Floats:
    grown = np.exp(logits - logits.max(1, keepdims=True))
    shares: Floats = (grown / grown.sum(1, keepdims=True)).astype(np.float32)
    return shares
