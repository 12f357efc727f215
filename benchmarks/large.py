"""A large picture or volume: time, memory and disk, stage by stage.

    python benchmarks/large.py [--side 5000 10000 20000] [--encoder NAME]
    python benchmarks/large.py --volume 512 512 200

The picture is a pyramid that is made where it is looked at, so that what is measured is
the program's. Without ``--encoder`` a toy stands in that takes windows of 518 pixels in
patches of 14, as DINOv2 does, and costs almost nothing: what is left is our own share.
Memory is the resident set above what was there before the first stage. The target is a
peak under 2 GiB and CPU time in proportion to the pixels.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from napari_medfm import Session
from napari_medfm.core.lazy import LazyArray
from napari_medfm.core.specs import EncoderSpec

TARGET = 2 * 2**30
TOY = EncoderSpec(
    name="toy",
    title="Toy",
    domain="general",
    architecture="patch means",
    input_size=518,
    licence="BSD-3-Clause",
    commercial=True,
    intended_use="benchmarks",
    patch=14,
    dim=64,
    prefix_tokens=0,
    blocks=(0, 1),
)


class Toy:
    """Tokens are the mean colour of each patch, over and over."""

    spec = TOY
    weights_hash = "toy"

    def encode(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return tokens (n, rows, cols, 2, 64)."""
        n, height, width, _ = batch.shape
        patches = batch.reshape(n, height // 14, 14, width // 14, 14, 3)
        tokens = np.tile(patches.mean((2, 4)), 22)[..., : TOY.dim]
        return np.stack([tokens, np.tanh(tokens)], axis=-2).astype(np.float32)


class Memory:
    """The peak of the resident set above what it was."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._before = self._process.memory_info().rss
        self.peak = 0
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            held = self._process.memory_info().rss - self._before
            self.peak = max(self.peak, held)
            time.sleep(0.02)


def pyramid(side: int) -> list[LazyArray]:
    """A square RGB picture and its halved copies."""
    base = np.random.default_rng(0).integers(60, 200, (1024, 1024, 3), np.uint8)

    def level(size: int) -> LazyArray:
        def read(index: tuple[slice, ...]) -> NDArray[Any]:
            rows, cols = (np.arange(i.start, i.stop) % 1024 for i in index[:2])
            part: NDArray[Any] = base[np.ix_(rows, cols)][..., index[2]]
            return part

        return LazyArray((size, size, 3), np.dtype(np.uint8), read)

    return [level(side >> n) for n in range(5)]


def stage(name: str, memory: Memory, work: Callable[[], Any]) -> Any:
    memory.peak = 0
    wall, cpu = time.perf_counter(), time.process_time()
    value = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    time.sleep(0.05)
    within = "" if memory.peak < TARGET else "  ABOVE 2 GiB"
    print(
        f"  {name:<22} {wall:8.2f} s {cpu:8.2f} CPU s "
        f"{memory.peak / 2**20:7.0f} MiB{within}"
    )
    return value


def picture(side: int, encoder: Any, memory: Memory, cache: str) -> None:
    levels = pyramid(side)
    facts = {"name": "x", "levels": tuple(levels[1:]), "axes": "yxc"}
    session = Session(encoder=encoder, cache_dir=cache)
    session.add_image(levels[0], **facts)
    middle = (side // 2, side // 2)
    region = (middle[0], middle[1], middle[0] + 1000, middle[1] + 1000)
    stage("region on screen", memory, lambda: session.embed("x", region=region))
    stage("embed the rest", memory, lambda: session.embed("x"))
    maps = stage("similarity", memory, lambda: session.similarity("x", at=[middle]))
    stage("1000 x 1000 of the map", memory, lambda: maps["x"][0:1000, 0:1000])
    session.add_class("a")
    session.annotate("x", "a", points=[middle, (300, 400)])
    session.annotate("x", "background", points=[(700, 900), (1400, 100)])
    stage("fit", memory, lambda: session.fit(head="ridge"))
    stage("predict 1000 x 1000", memory, lambda: session.predict("x", region=region))
    stage("predict all", memory, lambda: session.predict("x"))
    disk = sum(f.stat().st_size for f in Path(cache).rglob("*") if f.is_file())
    print(f"  on disk {disk / 2**20:.0f} MiB")
    again = Session(encoder=encoder, cache_dir=cache)
    again.add_image(levels[0], **facts)
    stage("open again", memory, lambda: again.embed("x"))


def volume(shape: list[int], encoder: Any, memory: Memory, cache: str) -> None:
    rows, cols, planes = shape
    data = np.random.default_rng(0).integers(0, 900, (planes, rows, cols), np.int16)
    session = Session(encoder=encoder, cache_dir=cache)
    session.add_image(data, name="x", axes="zyx")
    stage("embed", memory, lambda: session.embed("x"))
    everywhere = list(range(planes))
    click = [(planes // 2, rows // 2, cols // 2)]
    stage(
        "similarity",
        memory,
        lambda: session.similarity("x", at=click, planes=everywhere),
    )
    session.add_class("a")
    session.annotate("x", "a", points=[click[0], (planes // 2, 30, 30)])
    session.annotate("x", "background", points=[(0, 70, 90), (0, 140, 100)])
    stage("fit", memory, lambda: session.fit(head="ridge"))
    stage("predict all", memory, lambda: session.predict("x"))
    again = Session(encoder=encoder, cache_dir=cache)
    again.add_image(data, name="x", axes="zyx")
    stage("open again", memory, lambda: again.embed("x", planes=[planes // 2]))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--side", type=int, nargs="+", default=[5000, 10_000, 20_000])
    parser.add_argument("--volume", type=int, nargs=3)
    parser.add_argument("--encoder")
    args = parser.parse_args()
    encoder: Any = Toy()
    if args.encoder:
        from napari_medfm import encoders

        encoder = encoders.load(args.encoder, weights=None)
        encoder.encode(np.zeros((1, 518, 518, 3), np.float32))
    memory = Memory()
    with tempfile.TemporaryDirectory() as folder:
        if args.volume:
            print(" x ".join(map(str, args.volume)))
            volume(args.volume, encoder, memory, folder)
            return
        for side in args.side:
            print(f"{side} x {side}")
            picture(side, encoder, memory, f"{folder}/{side}")


if __name__ == "__main__":
    main()
