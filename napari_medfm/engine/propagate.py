"""An object of some planes carried through a volume, until it ends.

On the planes where the object is known, a small linear model learns to tell it from
what is around it (`appearance`). On the next plane this says where the object is
likely; the segmenter is asked for the box of the mask before, for the box of what is
likely, and for one between; the outline that agrees best is taken, without what clearly
looks like the surroundings. The object ends where what is found no longer looks like
it. Between two known planes the way is interpolated, so there is no end to find.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.geometry import Box
from napari_medfm.core.jobs import Progress, Steps
from napari_medfm.core.labels import Prompt
from napari_medfm.core.specs import Segmenter
from napari_medfm.engine.appearance import Appearance, Sight
from napari_medfm.engine.crops import Crop, CropCache, plan_crop
from napari_medfm.engine.proposals import ROOM, grown
from napari_medfm.engine.stability import iou

Bools = NDArray[np.bool_]
_NEAR = 0.25
_UNLIKE = -0.3
_ENDED = 0.05
_SMALLEST = 9
_OVERLAP = 0.3
_THICK = 3.0
_SETTLED = 0.95


@dataclass(frozen=True, eq=False)
class Stack:
    """A volume as propagation reads it.

    Parameters
    ----------
    read_rgb, plane_key
        A plane's pixels, float32 (rows, cols, 3) in [0, 1], and their name.
    shape, spacing
        Planes first. Planes far apart may change more.
    """

    read_rgb: Callable[[int], NDArray[np.float32]]
    plane_key: Callable[[int], str]
    shape: tuple[int, int, int]
    spacing: Sequence[float] = (1.0, 1.0, 1.0)

    @property
    def ease(self) -> float:
        """1 for planes close together, up to 2: more change is then expected."""
        apart = self.spacing[0] / min(self.spacing[1:])
        return float(np.clip(apart / _THICK, 1, 2))


def propagate(
    stack: Stack,
    known: Mapping[int, Bools],
    to: tuple[int, int],
    segmenter: Segmenter,
    cache: CropCache,
    before: Bools | None = None,
) -> Steps[Bools]:
    """Carry an object through a volume.

    Parameters
    ----------
    known
        Plane -> bool (rows, cols). An empty mask says that the object is not there.
    to
        First and last plane that may be reached, both included.
    before
        An earlier answer (bool, of the volume's shape). Planes are then asked anew only
        from a known plane that differs from it, as far as the answer changes.

    Returns
    -------
    array
        bool of the volume's shape; on known planes what was given.
    """
    volume = np.zeros(stack.shape, bool)
    for plane, mask in known.items():
        volume[plane] = mask
    follower = _Follower(stack, segmenter, cache, known)
    ways = _ways(known, to)
    total = sum(len(way.planes) for way in ways)
    done = 0
    for way in ways:
        old = before if before is not None and way.unchanged(known, before) else None
        if old is not None:
            volume[way.planes] = old[way.planes]
            done += len(way.planes)
            continue
        for plane in way.planes:
            yield Progress(done, total, f"plane {plane}")
            done += 1
            found = follower.step(volume, plane, way)
            if found is None:
                break
            volume[plane] = found
            if before is not None and way.open and _settled(found, before[plane]):
                rest = [p for p in way.planes if (p - plane) * way.step > 0]
                volume[rest] = before[rest]
                break
    return volume


@dataclass(frozen=True)
class _Way:
    """Planes to fill, in order, from one known plane on, or between two."""

    planes: list[int]
    ends: tuple[int, ...]

    @property
    def open(self) -> bool:
        """Whether nothing is known at the other end."""
        return len(self.ends) == 1

    @property
    def step(self) -> int:
        """Direction of an open way."""
        return 1 if self.planes[0] > self.ends[0] else -1

    def unchanged(self, known: Mapping[int, Bools], before: Bools) -> bool:
        """Whether the planes it starts from are as the earlier answer had them."""
        return all(np.array_equal(known[end], before[end]) for end in self.ends)


def _ways(known: Mapping[int, Bools], to: tuple[int, int]) -> list[_Way]:
    """Split a range at the known planes."""
    ordered = sorted(known)
    ways = []
    for low, high in pairwise(ordered):
        between = list(range(low + 1, high))
        if known[low].any() and known[high].any():
            turns = [
                p for pair in zip(between, between[::-1], strict=True) for p in pair
            ]
            ways.append(_Way(list(dict.fromkeys(turns)), (low, high)))
        elif known[low].any():
            ways.append(_Way(between, (low,)))
        elif known[high].any():
            ways.append(_Way(between[::-1], (high,)))
    first, last = ordered[0], ordered[-1]
    if known[last].any():
        ways.append(_Way(list(range(last + 1, to[1] + 1)), (last,)))
    if known[first].any():
        ways.append(_Way(list(range(first - 1, to[0] - 1, -1)), (first,)))
    return [way for way in ways if way.planes]


class _Follower:
    """Finds the object on one plane after another."""

    def __init__(
        self,
        stack: Stack,
        segmenter: Segmenter,
        cache: CropCache,
        known: Mapping[int, Bools],
    ) -> None:
        self._stack, self._segmenter, self._cache = stack, segmenter, cache
        seen = []
        for plane, mask in known.items():
            box = Box.around(mask)
            if box is not None:
                seen.append((self._sight(plane, box)[0], mask))
        self._appearance = Appearance.of(seen)

    def step(self, volume: Bools, plane: int, way: _Way) -> Bools | None:
        """Return the object on a plane, or None where it has ended."""
        if way.open:
            return self._found(plane, volume[plane - way.step])
        guess = _between(volume, plane, way.ends)
        found = self._found(plane, guess)
        return guess if found is None else found

    def _sight(self, plane: int, box: Box) -> tuple[Sight, NDArray[np.float32]]:
        shape = self._stack.shape[1:]
        rgb = self._stack.read_rgb(plane)
        place = plan_crop(Prompt(box=box), shape, self._segmenter.spec.input_size)
        key = self._stack.plane_key(plane)
        return Sight.of(self._cache.get(rgb, key, place, self._segmenter), rgb), rgb

    def _found(self, plane: int, before: Bools) -> Bools | None:
        box = Box.around(before)
        if box is None:
            return None
        shape = self._stack.shape[1:]
        box = grown(box, ROOM).clipped(shape)
        sight, _ = self._sight(plane, box)
        likeness = sight.to_plane(self._appearance.on(sight), shape, -1.0)
        near = np.zeros(shape, bool)
        near[grown(box, _NEAR).rounded().clipped(shape).slices] = True
        boxes = _boxes(box, likeness, before)
        mask = self._best(sight.crop, boxes, likeness, near)
        mask &= likeness > _UNLIKE
        return mask if self._continues(mask, before, likeness) else None

    def _best(
        self,
        crop: Crop,
        boxes: list[Box],
        likeness: NDArray[np.float32],
        near: Bools,
    ) -> Bools:
        decoded = self._segmenter.decode(crop.embedding, boxes=crop.to_crop(boxes))
        likely = max(float(np.maximum(likeness, 0)[near].sum()), 1.0)
        best, merit = np.zeros_like(near), -np.inf
        for logits, score in zip(
            decoded.logits[:, 0], decoded.scores[:, 0], strict=True
        ):
            mask = np.zeros_like(near)
            mask[crop.box.slices] = crop.to_pixels(logits) > 0
            mask &= near
            agreed = float(likeness[mask].sum()) / likely
            if float(score) + agreed > merit:
                best, merit = mask, float(score) + agreed
        return best

    def _continues(
        self, mask: Bools, before: Bools, likeness: NDArray[np.float32]
    ) -> bool:
        size = np.count_nonzero(mask)
        if size < _SMALLEST or float(likeness[mask].mean()) < _ENDED:
            return False
        smaller = min(size, np.count_nonzero(before))
        overlap = np.count_nonzero(mask & before) / smaller
        return bool(overlap >= _OVERLAP / self._stack.ease)


def _boxes(box: Box, likeness: NDArray[np.float32], before: Bools) -> list[Box]:
    """The box of the mask before, of what is likely now, and one between."""
    from scipy import ndimage

    likely = ndimage.binary_dilation(before, iterations=2) & (likeness > 0)
    pieces, count = ndimage.label(likely)
    if not count:
        return [box]
    main = pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
    own = Box.around(main)
    if own is None or np.count_nonzero(main) < _SMALLEST:
        return [box]
    own = grown(own, ROOM)
    middle = Box(*((a + b) / 2 for a, b in zip(box, own, strict=True)))
    return [box, own, middle]


def _between(volume: Bools, plane: int, ends: tuple[int, ...]) -> Bools:
    """Interpolate the nearest filled planes on both sides by their signed distance."""
    low = next(p for p in range(plane - 1, ends[0] - 1, -1) if volume[p].any())
    high = next(p for p in range(plane + 1, ends[1] + 1) if volume[p].any())
    share = (plane - low) / (high - low)
    mixed = (1 - share) * _depth(volume[low]) + share * _depth(volume[high])
    guess: Bools = mixed > 0
    return guess if guess.any() else volume[low if share < 0.5 else high]


def _depth(mask: Bools) -> NDArray[np.float64]:
    from scipy import ndimage

    depth: NDArray[np.float64] = ndimage.distance_transform_edt(
        mask
    ) - ndimage.distance_transform_edt(~mask)
    return depth


def _settled(found: Bools, before: Bools) -> bool:
    return bool(before.any()) and iou(found, before) >= _SETTLED
