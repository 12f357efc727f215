"""Embedding a plane against the bare forward passes of the same windows.

    python benchmarks/embedding.py [--encoder dinov2-small] [--size 256 1024]

Every window is encoded twice in a row, once for the embedding and once bare, so that
what else runs on the machine hits both alike. Times are CPU seconds; on an idle machine
of two cores the wall time is half of them. The target is a ratio of at most 1.10.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_medfm import encoders
from napari_medfm.core.specs import Encoder, EncoderSpec
from napari_medfm.engine.embed import embed_rgb

TARGET = 1.10


class Twice:
    """An encoder that encodes each batch once more and times that."""

    def __init__(self, encoder: Encoder) -> None:
        self.spec: EncoderSpec = encoder.spec
        self.weights_hash = encoder.weights_hash
        self.windows = 0
        self.bare = 0.0
        self._encoder = encoder

    def encode(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Encode, and again for the clock; every other time the clock's goes first."""
        self.windows += len(batch)
        if self.windows % 2:
            self._bare(batch)
            return self._encoder.encode(batch)
        tokens = self._encoder.encode(batch)
        self._bare(batch)
        return tokens

    def _bare(self, batch: NDArray[np.float32]) -> None:
        start = time.process_time()
        self._encoder.encode(batch)
        self.bare += time.process_time() - start


def measure(encoder: Encoder, size: int) -> float:
    """Embed a square plane and return the ratio."""
    picture = np.random.default_rng(0).random((size, size, 3), dtype=np.float32)
    twice = Twice(encoder)
    wall, start = time.perf_counter(), time.process_time()
    for _ in embed_rgb(picture, twice):
        pass
    embed = time.process_time() - start - twice.bare
    wall = time.perf_counter() - wall
    ratio = embed / twice.bare
    print(
        f"{size} x {size} px: {twice.windows} windows, embed {embed:.2f} CPU s, "
        f"bare {twice.bare:.2f} CPU s, ratio {ratio:.3f} "
        f"({'within' if ratio <= TARGET else 'above'} {TARGET:.2f}); "
        f"wall time of both {wall:.1f} s"
    )
    return ratio


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--encoder", default="dinov2-small")
    parser.add_argument("--size", type=int, nargs="+", default=[256, 1024])
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--device")
    args = parser.parse_args()
    encoder = encoders.load(args.encoder, weights=args.weights, device=args.device)
    encoder.encode(np.zeros((1, 140, 140, 3), np.float32))
    for size in args.size:
        measure(encoder, size)


if __name__ == "__main__":
    main()
