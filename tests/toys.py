"""Tiny models with known behaviour, so that the whole chain runs in milliseconds."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from napari_medfm.core.geometry import Box
from napari_medfm.core.specs import Decoded, EncoderSpec, Found, SegmenterSpec, Tracked

ENCODER = EncoderSpec(
    name="toy-encoder",
    title="Toy encoder",
    domain="general",
    architecture="patch means and spreads",
    input_size=112,
    licence="BSD-3-Clause",
    commercial=True,
    intended_use="tests",
    patch=14,
    dim=6,
    prefix_tokens=0,
    blocks=(0, 1),
)
SEGMENTER = SegmenterSpec(
    name="toy-segmenter",
    title="Toy segmenter",
    domain="general",
    architecture="grey value like the middle of the box",
    input_size=64,
    licence="BSD-3-Clause",
    commercial=True,
    intended_use="tests",
    prompts=frozenset({"box"}),
    normalisation="minmax",
)


class ToyEncoder:
    """Tokens are the mean and spread of each patch's colours."""

    def __init__(self, delay: float = 0.0) -> None:
        self.spec = ENCODER
        self.weights_hash = "toy"
        self.delay = delay
        self.calls = 0
        self.threads: set[str] = set()

    def encode(self, batch):
        self.calls += 1
        self.threads.add(threading.current_thread().name)
        time.sleep(self.delay)
        n, height, width, _ = batch.shape
        assert height % 14 == 0
        assert width % 14 == 0
        patches = batch.reshape(n, height // 14, 14, width // 14, 14, 3)
        early = np.concatenate([patches.mean((2, 4)), patches.std((2, 4))], -1)
        late = np.tanh(2 * early)
        return np.stack([early, late], axis=-2).astype(np.float32)


class OtherToy(ToyEncoder):
    """Another encoder, which sees nothing but a little of the red."""

    def __init__(self) -> None:
        super().__init__()
        self.spec = replace(ENCODER, name="other-toy", title="Other toy")
        self.weights_hash = "other"

    def encode(self, batch):
        tokens = super().encode(batch)
        tokens[..., 1:] = 0
        return np.round(tokens, 1)


@dataclass(frozen=True, eq=False)
class ToyCrop:
    grey: np.ndarray

    @property
    def nbytes(self):
        return self.grey.nbytes


class ToySegmenter:
    """Inside is what lies in the box and is as bright as the box's middle.

    It is less sure of masks that the box cuts off.
    """

    def __init__(self, delay: float = 0.0) -> None:
        self.spec = SEGMENTER
        self.weights_hash = "toy"
        self.delay = delay
        self.encodes = 0
        self.decodes = 0

    def encode(self, crop):
        self.encodes += 1
        time.sleep(self.delay)
        return ToyCrop(crop.mean(-1))

    def decode(
        self,
        embedding,
        *,
        boxes=None,
        points=None,
        point_labels=None,
        low_res=None,
        multimask=False,
    ):
        self.decodes += 1
        grey = embedding.grey
        masks, scores = [], []
        for box in boxes or []:
            row, col = (
                int(np.clip(v, 0, n - 1)) for v, n in zip(box.centre, grey.shape)
            )
            logits = 3 - 24 * np.abs(grey - grey[row, col])
            inside = np.zeros(grey.shape, bool)
            place = Box(*box).rounded().clipped(grey.shape).slices
            inside[place] = True
            masks.append(np.where(inside, logits, -5))
            part = logits[place] > 0
            edge = np.concatenate([part[0], part[-1], part[:, 0], part[:, -1]])
            scores.append(1 - 0.5 * edge.mean() if part.any() else 0)
        logits = np.stack(masks).astype(np.float32)[:, None]
        quality = np.array(scores, np.float32)[:, None]
        return Decoded(logits, quality, logits[:, :, ::4, ::4])


class ToyNamer(ToySegmenter):
    """It knows the words "bright" and "grey", and what is as bright as an example.

    It is as sure of a thing as that is round: how much of its box it fills.
    """

    def __init__(self, delay: float = 0.0) -> None:
        super().__init__(delay)
        prompts = SEGMENTER.prompts | {"text"}
        self.spec = replace(SEGMENTER, name="toy-namer", prompts=prompts)
        self.told: list[tuple[str, list[bool]]] = []

    def find(self, embedding, *, text="", boxes=(), box_labels=(), least=0.5):
        self.told.append((text, list(box_labels)))
        grey = embedding.grey
        known = {"bright": [1.0], "grey": [0.4]}.get(text, [])
        middles = [grey[tuple(int(v) for v in Box(*box).centre)] for box in boxes]
        wanted = known + [m for m, on in zip(middles, box_labels, strict=True) if on]
        barred = [m for m, on in zip(middles, box_labels, strict=True) if not on]
        near = np.zeros(grey.shape, bool)
        for value in wanted:
            near |= np.abs(grey - value) < 0.2
        for value in barred:
            near &= np.abs(grey - value) >= 0.2
        pieces, _ = ndimage.label(near)
        found = []
        for number, place in enumerate(ndimage.find_objects(pieces), 1):
            mask = pieces == number
            score = float(mask[place].mean()) if mask.sum() >= 16 else 0.0
            if score > least:
                found.append((score, np.where(mask, 3, -3).astype(np.float32)))
        found.sort(key=lambda pair: -pair[0])
        logits = [mask for _, mask in found] or [np.zeros(grey.shape, np.float32)]
        return Found(
            np.stack(logits)[: len(found)],
            np.array([score for score, _ in found], np.float32),
        )


class StubbornSegmenter(ToySegmenter):
    """Whatever it is asked, it sees the brightest thing only."""

    def decode(self, embedding, *, boxes=None, **_):
        self.decodes += 1
        grey = embedding.grey
        logits = np.where(grey > 0.75, 4, -4).astype(np.float32)
        logits = np.repeat(logits[None, None], len(boxes), 0)
        quality = np.full((len(boxes), 1), 0.9, np.float32)
        return Decoded(logits, quality, logits[:, :, ::4, ::4])


class ToyTracker(ToySegmenter):
    """It remembers how bright the object was, and follows what overlaps."""

    def __init__(self, delay: float = 0.0) -> None:
        super().__init__(delay)
        self.told: list[tuple[str, int]] = []

    def track(self, planes):
        self.planes = planes
        return ToyTrack(self)


class ToyTrack:
    def __init__(self, tracker: ToyTracker) -> None:
        self.tracker = tracker
        self.seen: dict[int, np.ndarray] = {}
        self.grey: list[float] = []

    def show(self, plane, rgb, mask):
        self.tracker.told.append(("show", plane))
        self.grey.append(float(rgb.mean(-1)[mask].mean()))
        self.seen[plane] = mask

    def find(self, plane, rgb, *, backward):
        self.tracker.told.append(("back" if backward else "on", plane))
        time.sleep(self.tracker.delay)
        logits = 3 - 12 * np.abs(rgb.mean(-1) - np.mean(self.grey))
        before = self.seen[plane + 1 if backward else plane - 1]
        self.seen[plane] = logits > 0
        shared = np.count_nonzero(before & self.seen[plane])
        return Tracked(logits.astype(np.float32), shared - 9.5)
